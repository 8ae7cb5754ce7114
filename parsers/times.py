"""Instants from bytes and text as UTC nanoseconds, with the evidence's own precision. No clock, no zone database.

FILETIME: 100 ns steps since 1601-01-01 UTC ([MS-DTYP] 2.3.3). Texts keep seven digits, as Windows shows them.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from shellcase.model import Moment

FILETIME_1970 = 116_444_736_000_000_000
"""1970-01-01 as FILETIME."""

FILETIME_LAST = 2_650_467_743_999_999_999
"""9999-12-31T23:59:59.9999999 as FILETIME; Windows writes it for "never"."""

_DAY = 86_400 * 10**9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_ISO = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z?", re.ASCII)
_OFFSET = re.compile(r"([+-])(0\d|1[0-4]):?([0-5]\d)$", re.ASCII)
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d):([0-5]\d)", re.ASCII)
_YEARS = range(1678, 2262)  # what nanoseconds since 1970 in 64 bits can hold


_LOW_NS = (date(_YEARS.start, 1, 1).toordinal() - _EPOCH_DAY) * _DAY
_HIGH_NS = (date(_YEARS.stop, 1, 1).toordinal() - _EPOCH_DAY) * _DAY - 1


def filetime_ns(filetime: int) -> int | None:
    """UTC nanoseconds of a FILETIME; None for the sentinels of 1601 and 9999 and whatever 64 bits cannot hold."""
    ns = (filetime - FILETIME_1970) * 100
    return ns if _LOW_NS <= ns <= _HIGH_NS else None


def filetime_text(filetime: int) -> str:
    """ISO 8601 with seven digits and Z; `FILETIME 0x…` when no calendar has it."""
    if not 0 <= filetime <= FILETIME_LAST:
        return f"FILETIME 0x{filetime:016x}"
    return ns_text((filetime - FILETIME_1970) * 100)


def filetime_moment(filetime: int, means: str = "instant") -> Moment:
    """A FILETIME as a `Moment`; sentinels keep their text and have no instant."""
    return Moment(ns=filetime_ns(filetime), resolution_ns=100, text=filetime_text(filetime), means=means)


def ns_text(ns: int, digits: int = 7) -> str:
    """UTC nanoseconds as ISO 8601 with Z and so many digits after the point."""
    seconds, rest = divmod(ns, 10**9)
    when = _EPOCH + timedelta(seconds=seconds)
    whole = when.isoformat()[:19]
    return f"{whole}.{rest:09d}"[: 20 + digits] + "Z" if digits else f"{whole}Z"


@lru_cache(maxsize=4096)
def date_ns(text: str) -> int | None:
    """Nanoseconds of midnight of `2021-03-03`; None when that is no date, or one outside of 1678 to 2261."""
    match = _DATE.fullmatch(text)
    if not match or int(match[1]) not in _YEARS:
        return None
    try:
        day = date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None
    return (day.toordinal() - _EPOCH_DAY) * _DAY


def clock_ns(text: str) -> int | None:
    """Nanoseconds since midnight of `14:01:59`; None when that is no time of day."""
    match = _CLOCK.fullmatch(text)
    if not match:
        return None
    return ((int(match[1]) * 60 + int(match[2])) * 60 + int(match[3])) * 10**9


def iso_ns(text: str) -> tuple[int, int] | None:
    """`2021-03-03T06:49:42.162Z` as (UTC nanoseconds, resolution in ns); None when it does not have that form."""
    match = _ISO.fullmatch(text)
    if not match:
        return None
    day, clock = date_ns(match[1]), clock_ns(match[2])
    if day is None or clock is None:
        return None
    digits = match[3] or ""
    ns = day + clock + int((digits or "0").ljust(9, "0"))
    return ns, 10 ** (9 - len(digits))


def instant(text: str) -> tuple[int, int, str] | None:
    """As `iso_ns`, also for `2021-03-03T08:49:42.162+02:00`, with the offset from UTC that the text itself names."""
    match = _OFFSET.search(text)
    if not match or not (found := iso_ns(text[: match.start()])):
        return (*found, "") if (found := iso_ns(text)) else None
    minutes = int(match[3]) + 60 * int(match[2])
    return found[0] + (minutes if match[1] == "-" else -minutes) * 60 * 10**9, found[1], match[0]


def iso_moment(text: str, means: str = "instant") -> Moment:
    """An ISO 8601 text in UTC as a `Moment`; without an instant when it cannot be read."""
    found = iso_ns(text)
    if found is None:
        return Moment(ns=None, resolution_ns=0, text=text, means=means)
    return Moment(ns=found[0], resolution_ns=found[1], text=text, means=means)
