"""Times that a program wrote by the server's own clock: to UTC through the zone of the evidence, else bounds only."""

from __future__ import annotations

from datetime import UTC, datetime

from shellcase.model import Moment
from shellcase.zones import Zone

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
"""As C and NCSA write them, in every language."""

_HOUR = 3600 * 10**9
_EAST, _WEST = 14 * _HOUR, 12 * _HOUR
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEARS = range(1980, 2200)
"""What such a program can have written; outside of it the digits are damage."""


def month_of(name: str) -> int:
    """The number of a month by its three letters; 0, which no calendar has, for any other."""
    return MONTHS.index(name) + 1 if name in MONTHS else 0


def wall(year: int, month: int, day: int, hour: int, minute: int, second: int) -> datetime | None:
    """A reading of the clock on the wall, without a zone; None when no calendar has it."""
    if year not in _YEARS:
        return None
    try:
        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - a wall clock
    except ValueError:
        return None


def wall_ns(reading: datetime) -> int:
    """Nanoseconds since 1970 as if the reading were UTC."""
    delta = reading.replace(tzinfo=UTC) - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 10**9


def local_moment(
    reading: datetime,
    text: str,
    zone: Zone | None,
    *,
    means: str = "instant",
    extra_ns: int = 0,
    resolution: int = 10**9,
) -> Moment:
    """The instant of a local reading. Without a zone there is none, only the earliest and the latest it can be."""
    if zone is None:
        ns = wall_ns(reading) + extra_ns
        return Moment(None, resolution, text, "local, zone unknown", means, ns - _EAST, ns + _WEST)
    found = zone.to_utc(reading, extra_ns)
    return Moment(found.ns, resolution, text, f"{zone.key} ({zone.how})", means, found.low, found.high)
