r"""The machine's time zone from its own hives: TimeZoneInformation names it, `Time Zones\<key>` describes it."""

from __future__ import annotations

import struct

from collector.hives import Hive
from shellcase.zones import Zone, ZoneRule, parse_tzi

_ZONES = "Microsoft\\Windows NT\\CurrentVersion\\Time Zones"


def read_zone(system: Hive, software: Hive, control_set: str) -> tuple[Zone | None, str]:
    """The zone, and a word on how it was found or why there is none."""
    base = f"{control_set}\\Control\\TimeZoneInformation"
    key = system.text(base, "TimeZoneKeyName") or system.text(base, "StandardName")
    fixed = system.number(base, "DynamicDaylightTimeDisabled") == 1
    rule = _rule(software.raw(f"{_ZONES}\\{key}", "TZI")) if key else None
    if rule is None:
        own = _own_rule(system, base)
        how = f"SYSTEM {base} itself; no entry '{key}' under Time Zones"
        return (Zone(key=key, how=how, default=own), how) if own else (None, "time zone: not found in the hives")
    how = f"SYSTEM {base} names '{key}', rule from SOFTWARE Time Zones"
    if fixed:
        how += ", daylight saving switched off"
        return Zone(key=key, how=how, default=_without_daylight(rule)), how
    return Zone(key=key, how=how, default=rule, years=_years(software, key)), how


def _rule(raw: bytes) -> ZoneRule | None:
    try:
        return parse_tzi(raw)
    except ValueError:
        return None


def _without_daylight(rule: ZoneRule) -> ZoneRule:
    raw = struct.pack("<3i", rule.bias, rule.standard_bias, 0) + bytes(32)
    return parse_tzi(raw)


def _years(software: Hive, key: str) -> dict[int, ZoneRule]:
    found: dict[int, ZoneRule] = {}
    for name, raw in software.values(f"{_ZONES}\\{key}\\Dynamic DST"):
        rule = _rule(raw) if isinstance(raw, bytes) else None
        if rule and name.isdecimal() and len(name) == 4:
            found[int(name)] = rule
    return dict(sorted(found.items()))


def _own_rule(system: Hive, base: str) -> ZoneRule | None:
    """The rule copied into TimeZoneInformation; its dates are TIME_FIELDS, where the weekday comes last."""
    bias = [system.number(base, n) for n in ("Bias", "StandardBias", "DaylightBias")]
    if bias[0] is None:
        return None
    signed = [struct.unpack("<i", struct.pack("<I", (b or 0) & 0xFFFFFFFF))[0] for b in bias]
    dates = [_system_time(system.raw(base, n)) for n in ("StandardStart", "DaylightStart")]
    return _rule(struct.pack("<3i", *signed) + b"".join(dates))


def _system_time(raw: bytes) -> bytes:
    if len(raw) < 16:
        return bytes(16)
    year, month, day, hour, minute, second, milli, weekday = struct.unpack_from("<8H", raw)
    return struct.pack("<8H", year, month, weekday, day, hour, minute, second, milli)
