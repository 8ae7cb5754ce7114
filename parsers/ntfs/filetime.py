"""FILETIME: 100 ns ticks since 1601-01-01 UTC, as integers, one by one and by the column.

No datetime of any library touches them on the way, so the seventh digit stays. Ticks of the year 1601 (a zero, a
small garbage number) and after 9999 say that the writer had no time; they become None.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from parsers.ntfs.texts import put
from parsers.times import FILETIME_1970 as EPOCH
from parsers.times import FILETIME_LAST, filetime_ns
from parsers.times import filetime_text as iso
from shellcase.model import Moment

FIRST = 365 * 864_000_000_000  # 1602-01-01: anything earlier is a sentinel
_DAY = 864_000_000_000
_SHAPE = b"0000-00-00T00:00:00.0000000Z"
_PAIRS = np.array([list(f"{n:02}".encode()) for n in range(100)], np.uint8)
LAST = FILETIME_LAST - FILETIME_LAST % 864_000_000_000 - 1  # the last day of 9999 means "never"

Ticks = npt.NDArray[np.uint64]


def to_ns(ticks: int) -> int | None:
    """UTC nanoseconds since 1970, None for a sentinel."""
    return filetime_ns(ticks) if ticks >= FIRST else None


def moment(ticks: int, means: str = "instant") -> Moment:
    """A FILETIME as `Moment`."""
    return Moment(to_ns(ticks), 100, iso(ticks), means=means)


def valid(ticks: Ticks) -> npt.NDArray[np.bool_]:
    """Which ticks are instants and not sentinels."""
    return (ticks >= np.uint64(FIRST)) & (ticks <= np.uint64(LAST))


def columns(ticks: Ticks) -> dict[str, pa.Array]:
    """The timeline columns `ts`, `ts_ns`, `ts_text` of a column of FILETIMEs (sentinels: null, null, their text)."""
    good = valid(ticks)
    since = np.where(good, ticks, np.uint64(EPOCH)).astype(np.int64) - EPOCH
    micros = since // 10
    return {
        "ts": pa.array(micros, type=pa.int64(), mask=~good).cast(pa.timestamp("us", tz="UTC")),
        "ts_ns": pa.array(((since - micros * 10) * 100).astype(np.int16), mask=~good),
        "ts_text": _texts(ticks),
    }


def _texts(ticks: Ticks) -> pa.Array:
    """One text per tick, digit by digit; each distinct day is spelled once."""
    good = valid(ticks)
    since = np.where(good, ticks, np.uint64(EPOCH)).astype(np.int64) - EPOCH
    days, where = np.unique(since // _DAY, return_inverse=True)
    text = np.empty((len(ticks), len(_SHAPE)), np.uint8)
    text[:] = np.frombuffer(_SHAPE, np.uint8)
    text[:, :10] = (
        np.frombuffer(np.datetime_as_string(days.astype("datetime64[D]")).astype("S10"), "V10")[where]
        .view(np.uint8)
        .reshape(-1, 10)
    )
    rest = since - days[where] * _DAY
    seconds, ticked = (rest // 10**7).astype(np.int32), (rest % 10**7).astype(np.int32)
    pairs = (
        seconds // 3600,
        seconds // 60 % 60,
        seconds % 60,
        ticked // 10**5,
        ticked // 1000 % 100,
        ticked // 10 % 100,
    )
    for at, pair in zip((11, 14, 17, 20, 22, 24), pairs, strict=True):
        text[:, at : at + 2] = _PAIRS[pair]
    text[:, 26] = ticked % 10 + ord("0")
    bounds = np.arange(len(ticks) + 1, dtype=np.int32) * len(_SHAPE)
    plain = pa.StringArray.from_buffers(len(ticks), pa.py_buffer(bounds), pa.py_buffer(text.tobytes()))
    odd = np.flatnonzero(~good)
    return put(plain, odd, [iso(tick) for tick in ticks[odd].tolist()])
