"""Windows time zones from the evidence's own hive: local time to UTC and back, with bounds where it is ambiguous.

A `Time Zones\\<key>` key holds `TZI` (REG_TZI_FORMAT, 44 bytes: three int32 of minutes, then two SYSTEMTIME of
16 bytes for the change to standard and to daylight time) and may hold `Dynamic DST` with one TZI per year.
UTC = local + bias (minutes). This module reads no clock, no zone database and no file.
"""

from __future__ import annotations

import struct
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from msgspec import Struct

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = 60 * 10**9


class SystemTime(Struct, frozen=True):
    """The change rule of a TZI: month 0 means no change; day 1..5 is the n-th weekday (5 = last), 0 = Sunday."""

    month: int
    weekday: int
    day: int
    hour: int
    minute: int
    year: int = 0


class ZoneRule(Struct, frozen=True):
    """One TZI: minutes to add to local time, and when they change."""

    bias: int
    standard_bias: int
    daylight_bias: int
    standard: SystemTime
    daylight: SystemTime


class Instant(Struct, frozen=True):
    """A local time in UTC: `ns`, the bounds where two instants fit or none does, and a word on why."""

    ns: int
    low: int | None = None
    high: int | None = None
    note: str = ""


class Zone(Struct, frozen=True, kw_only=True):
    """The zone of a machine. `how` tells where it was read, for the `ts_zone` column."""

    key: str
    how: str
    default: ZoneRule
    years: dict[int, ZoneRule] = {}

    def rule(self, year: int) -> ZoneRule:
        """The rule of a year: Dynamic DST holds its first year before and its last year after its range."""
        if not self.years:
            return self.default
        return self.years.get(year) or self.years[min(self.years, key=lambda y: (abs(y - year), y))]

    def offset_minutes(self, ns: int) -> int:
        """Minutes east of UTC in force at a UTC instant."""
        return -self._bias_at(ns)

    def _bias_at(self, ns: int) -> int:
        year = utc(ns - self.rule(utc(ns).year).bias * _MINUTE).year
        rule = self.rule(year)
        if not rule.daylight.month or not rule.standard.month:
            return rule.bias + rule.standard_bias
        summer = _change(rule.daylight, year) + (rule.bias + rule.standard_bias) * _MINUTE
        winter = _change(rule.standard, year) + (rule.bias + rule.daylight_bias) * _MINUTE
        in_summer = summer <= ns < winter if summer < winter else not winter <= ns < summer
        return rule.bias + (rule.daylight_bias if in_summer else rule.standard_bias)

    def to_utc(self, local: datetime, extra_ns: int = 0) -> Instant:
        """A naive local time as UTC. Repeated hour: the first reading, both as bounds. Skipped: read as standard."""
        rule = self.rule(local.year)
        wall = _naive_ns(local) + extra_ns
        biases = sorted({rule.bias + rule.standard_bias, rule.bias + rule.daylight_bias})
        fits = [wall + b * _MINUTE for b in biases if self._bias_at(wall + b * _MINUTE) == b]
        if len(fits) == 1:
            return Instant(fits[0])
        if fits:
            return Instant(fits[0], fits[0], fits[-1], "repeated local hour")
        both = [wall + b * _MINUTE for b in biases]
        return Instant(both[-1], both[0], both[-1], "local hour that the clock skipped")


def utc(ns: int) -> datetime:
    """UTC nanoseconds as datetime, whole microseconds."""
    return _EPOCH + timedelta(microseconds=ns // 1000)


def _naive_ns(local: datetime) -> int:
    delta = local.replace(tzinfo=UTC) - _EPOCH
    return (delta.days * 86400 + delta.seconds) * 10**9 + delta.microseconds * 1000


def _change(when: SystemTime, year: int) -> int:
    """The wall-clock nanoseconds of a change in a year."""
    if when.year:
        return _naive_ns(datetime(when.year, when.month, when.day, when.hour, when.minute))  # noqa: DTZ001 - wall time
    first = datetime(year, when.month, 1, when.hour, when.minute)  # noqa: DTZ001 - wall time
    ahead = (when.weekday - (first.weekday() + 1) % 7) % 7
    day = first + timedelta(days=ahead + 7 * (when.day - 1))
    while day.month != when.month:
        day -= timedelta(days=7)
    return _naive_ns(day)


def parse_tzi(raw: bytes) -> ZoneRule:
    """Decode REG_TZI_FORMAT. Raises ValueError when it is not 44 bytes."""
    if len(raw) != 44:
        msg = f"a TZI value has 44 bytes, this one has {len(raw)}"
        raise ValueError(msg)
    bias, std, dst = struct.unpack_from("<3i", raw)
    return ZoneRule(bias, std, dst, _systemtime(raw, 12), _systemtime(raw, 28))


def _systemtime(raw: bytes, at: int) -> SystemTime:
    year, month, weekday, day, hour, minute, _second, _milli = struct.unpack_from("<8H", raw, at)
    return SystemTime(month, weekday, day, hour, minute, year)


def iso(ns: int, resolution_ns: int = 100) -> str:
    """UTC as ISO 8601 with Z and as many digits as the evidence has: none, 3, 6 or 7 (9 below 100 ns)."""
    text = utc(ns).strftime("%Y-%m-%dT%H:%M:%S")
    digits = 0 if resolution_ns >= 10**9 else 3 if resolution_ns >= 10**6 else 6 if resolution_ns >= 1000 else 7
    digits = 9 if resolution_ns < 100 else digits
    return text + (f".{ns % 10**9:09d}"[: digits + 1] if digits else "") + "Z"


_LATEST = 2_650_467_744_000_000_000  # the year 10000, which no calendar here can write
_TICKS_A_DAY = 864_000_000_000


@lru_cache(maxsize=4096)
def filetime_text(ticks: int) -> str:
    """A FILETIME as ISO 8601 with its seven digits; empty when never set, the bare number when no calendar has it."""
    if not ticks:
        return ""
    if not 0 < ticks < _LATEST:
        return str(ticks)
    days, rest = divmod(ticks, _TICKS_A_DAY)
    minutes, rest = divmod(rest, 600_000_000)
    return f"{_day(days)}T{minutes // 60:02d}:{minutes % 60:02d}:{rest // 10**7:02d}.{rest % 10**7:07d}Z"


@lru_cache(maxsize=1024)
def _day(days: int) -> str:
    return (date(1601, 1, 1) + timedelta(days)).isoformat()


def filetime_ticks(text: str) -> int:
    """The FILETIME that `filetime_text` wrote."""
    if not text.endswith("Z"):
        return int(text or 0)
    whole = datetime.fromisoformat(f"{text[:19]}+00:00") - datetime(1601, 1, 1, tzinfo=UTC)
    return (whole.days * 86_400 + whole.seconds) * 10**7 + int(text[20:27])


def local(ns: int, zone: Zone | None) -> str:
    """The same instant on the machine's wall clock, `2021-03-03 07:49:42 +01:00`; empty without a zone."""
    if zone is None:
        return ""
    minutes = zone.offset_minutes(ns)
    wall = utc(ns) + timedelta(minutes=minutes)
    return f"{wall:%Y-%m-%d %H:%M:%S} {'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
