"""FILETIME: 100 ns ticks since 1601-01-01 UTC, as integers, one by one and by the column.

No datetime of any library touches them on the way, so the seventh digit stays. Ticks of the year 1601 (a zero, a
small garbage number) and after 9999 say that the writer had no time; they become None.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shellcase.model import Moment

EPOCH = 116_444_736_000_000_000  # ticks between 1601-01-01 and 1970-01-01
FIRST = 365 * 864_000_000_000  # 1602-01-01: anything earlier is a sentinel
LAST = 2_650_467_743_999_999_999  # the last tick of 9999
_START = datetime(1601, 1, 1, tzinfo=UTC)

Ticks = npt.NDArray[np.uint64]


def to_ns(ticks: int) -> int | None:
    """UTC nanoseconds since 1970, None for a sentinel."""
    return (ticks - EPOCH) * 100 if FIRST <= ticks <= LAST else None


def iso(ticks: int) -> str:
    """`2021-03-02T10:11:12.1234567Z`; the bare number for a sentinel."""
    if not FIRST <= ticks <= LAST:
        return str(ticks)
    seconds, rest = divmod(ticks, 10_000_000)
    return f"{(_START + timedelta(seconds=seconds)).strftime('%Y-%m-%dT%H:%M:%S')}.{rest:07d}Z"


def moment(ticks: int, means: str = "instant") -> Moment:
    """A FILETIME as `Moment`."""
    return Moment(to_ns(ticks), 100, iso(ticks), means=means)


def valid(ticks: Ticks) -> npt.NDArray[np.bool_]:
    """Which ticks are instants and not sentinels."""
    return (ticks >= np.uint64(FIRST)) & (ticks <= np.uint64(LAST))


def columns(ticks: Ticks) -> dict[str, pa.Array]:
    """The timeline columns `ts`, `ts_ns`, `ts_text` of a column of FILETIMEs (sentinels: null, null, the number)."""
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
    return pa.array([iso(int(t)) for t in distinct], type=pa.string()).take(pa.array(where))
