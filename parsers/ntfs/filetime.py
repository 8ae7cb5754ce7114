"""FILETIME: 100 ns ticks since 1601-01-01 UTC, as integers, one by one and by the column.

No datetime of any library touches them on the way, so the seventh digit stays. Ticks of the year 1601 (a zero, a
small garbage number) and after 9999 say that the writer had no time; they become None.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from parsers.times import FILETIME_1970 as EPOCH
from parsers.times import FILETIME_LAST, filetime_ns
from parsers.times import filetime_text as iso
from shellcase.model import Moment

FIRST = 365 * 864_000_000_000  # 1602-01-01: anything earlier is a sentinel
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
    """One text per tick; each distinct tick is spelled once, because instants repeat a lot."""
    distinct, where = np.unique(ticks, return_inverse=True)
    good = valid(distinct)
    since = distinct[good].astype(np.int64) - EPOCH
    micros = np.datetime_as_string((since // 10).astype("datetime64[us]")).tolist()
    spelled = (f"{text}{digit}Z" for text, digit in zip(micros, (since % 10).tolist(), strict=True))
    odd = (iso(tick) for tick in distinct[~good].tolist())
    return pa.array([next(spelled if ok else odd) for ok in good.tolist()], pa.string()).take(pa.array(where))
