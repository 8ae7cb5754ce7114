"""JSON lines as Timesketch takes them.

Timesketch wants `message`, `datetime` (ISO 8601) and `timestamp_desc`, takes `timestamp` in microseconds, and its
database refuses terms above 32 766 bytes. Longer values are cut with a mark; `event_id` leads to the whole. An event
without an instant stands at 1970-01-01 and says so in `timestamp_desc`, as plaso does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import BinaryIO

import msgspec
import pyarrow as pa

from shellcase.clean import CUT, plain, storable
from shellcase.exporting.rows import Row, iso

LONGEST = 32_766
"""Bytes of UTF-8 in one field; the limit of a term in Lucene, on which Timesketch's database rests."""
NO_TIME = "Not a time"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MEANS = {
    "instant": "Event Logged", "start": "Start Time", "end": "End Time", "written": "Content Modification Time",
    "first": "First Time", "last": "Last Time", "bucket": "Time of Interval",
}  # fmt: skip
_OWN = frozenset({"ts", "ts_ns", "subject", "data", "path", "ts_means", "ts_low", "ts_high"})
_NAME = 200
_EMPTY: tuple[object, ...] = ("", [])
_RESERVED = frozenset({"message", "datetime", "timestamp", "timestamp_desc", "tag", "label", "comment"})


def write(batches: Iterator[pa.RecordBatch], out: BinaryIO) -> int:
    """One event a line."""
    encoder = msgspec.json.Encoder()
    count = 0
    for batch in batches:
        for row in batch.to_pylist():
            out.write(encoder.encode(_entry(row)) + b"\n")
            count += 1
    return count


def _entry(row: Row) -> dict[str, object]:
    instant = row["ts"] if isinstance(row["ts"], datetime) else None
    means = str(row["ts_means"] or "instant")
    known = instant or _EPOCH
    entry: dict[str, object] = {
        "message": _bounded(plain(str(row["subject"] or row["kind"]), 8000)),
        "datetime": known.isoformat(timespec="microseconds"),
        "timestamp": int((known - _EPOCH).total_seconds()) * 1_000_000 + known.microsecond,
        "timestamp_desc": _MEANS.get(means, means) if instant else NO_TIME,
        "ts": iso(instant, _whole(row["ts_ns"]), _whole(row["ts_resolution_ns"])),
        "source_path": _bounded(str(row["path"])),
    }
    entry |= {n: _bounded(v) if isinstance(v, str) else v for n, v in row.items() if n not in _OWN and v is not None}
    return entry | _fields(row["data"], entry)


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _fields(data: object, taken: Mapping[str, object]) -> dict[str, object]:
    """The record's remaining fields as fields of their own, those of objects below it as `name.inner`."""
    if not isinstance(data, str):
        return {}
    found = dict[str, object]()
    for name, value in msgspec.json.decode(data, type=dict[str, object]).items():
        inner = ((f"{name}.{k}", v) for k, v in value.items()) if isinstance(value, dict) else ((name, value),)
        for key, one in inner:
            if one is not None and one not in _EMPTY:
                found[_name(key, taken)] = _bounded(one if isinstance(one, str) else _text(one))
    return found


def _name(key: str, taken: Mapping[str, object]) -> str:
    """The record's words never replace ours."""
    clean = _plain_name(key) if len(key) <= _NAME else plain(key, _NAME)
    return f"data_{clean}" if clean in taken or clean in _RESERVED or clean.startswith("_") else clean


@lru_cache(4096)
def _plain_name(key: str) -> str:
    return plain(key, _NAME)


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode() if isinstance(value, (list, dict)) else str(value)


def _bounded(text: str) -> str:
    """At most LONGEST bytes of valid UTF-8, cut with a mark."""
    if text.isascii() and len(text) <= LONGEST:
        return text
    whole = storable(text)
    raw = whole.encode()
    if len(raw) <= LONGEST:
        return whole
    return raw[: LONGEST - len(CUT.encode())].decode("utf-8", "ignore") + CUT
