"""The timeline's columns: the public contract, versioned. Part of the model; needs pyarrow, nothing of ours.

What each column means is told in docs/reference/timeline.md.
"""

from __future__ import annotations

from functools import lru_cache

import pyarrow as pa

VERSION = 1

_us = pa.timestamp("us", tz="UTC")

_TIME = [
    ("ts", _us),
    ("ts_ns", pa.int16()),
    ("ts_text", pa.string()),
    ("ts_zone", pa.string()),
    ("ts_resolution_ns", pa.int64()),
    ("ts_means", pa.string()),
    ("ts_low", _us),
    ("ts_high", _us),
]
_WHAT = [("act", pa.string()), ("kind", pa.string())]
_WHERE = [("offset", pa.int64()), ("length", pa.int64()), ("locator", pa.string()), ("state", pa.string())]
PIVOTS = [
    ("user", pa.string()),
    ("src_ip", pa.string()),
    ("process", pa.string()),
    ("command", pa.string()),
    ("file_path", pa.string()),
    ("url", pa.string()),
    ("http_method", pa.string()),
    ("http_status", pa.int32()),
    ("user_agent", pa.string()),
    ("event_code", pa.string()),
    ("channel", pa.string()),
    ("provider", pa.string()),
    ("sha256", pa.string()),
]

BATCH = pa.schema(
    [*_TIME, *_WHAT, *_WHERE, ("ordinal", pa.int32()), ("subject", pa.string()), *PIVOTS, ("data", pa.string())]
)
"""What a parser's EventBatch may hold. `data` is a JSON object with every remaining field of the record."""

TIMELINE = pa.schema(
    [
        ("event_id", pa.string()),
        *_TIME,
        *_WHAT,
        ("parser", pa.string()),
        ("source_id", pa.string()),
        ("host", pa.string()),
        ("artifact_id", pa.string()),
        ("path", pa.string()),
        *_WHERE,
        ("copy_of", pa.string()),
        ("subject", pa.string()),
        *PIVOTS,
        ("data", pa.string()),
    ],
    metadata={b"shellcase.timeline": str(VERSION).encode()},
)

ORDER = ("ts", "ts_ns", "source_id", "event_id")
"""The total order of the timeline; nulls last."""

_MOST_KEPT = 2 << 20


def repeated(text: str, size: int) -> pa.StringArray:
    """A column with one text in all rows; columns of the same text share their memory."""
    room = 1 << max(size, 4096).bit_length()
    if room * (len(text) + 1) > _MOST_KEPT:
        return pa.repeat(pa.scalar(text, pa.string()), size)
    return _kept(text, room).slice(0, size)


@lru_cache(maxsize=24)
def _kept(text: str, room: int) -> pa.StringArray:
    return pa.repeat(pa.scalar(text, pa.string()), room)
