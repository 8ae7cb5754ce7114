"""The time zone that was set on the machine."""

from __future__ import annotations

from collections.abc import Iterator

from parsers.registry.plugins.base import Key, Plugin, Said


def _signed(number: int | None) -> int | None:
    """Bias values are signed, the registry keeps them unsigned."""
    return number - (1 << 32) if number is not None and number >= 1 << 31 else number


def _read(key: Key) -> Iterator[Said]:
    bias = _signed(key.number("Bias"))
    name = key.text("TimeZoneKeyName") or key.text("StandardName") or ""
    data = {
        "key_name": key.text("TimeZoneKeyName"),
        "standard_name": key.text("StandardName"),
        "daylight_name": key.text("DaylightName"),
        "bias": bias,
        "active_bias": _signed(key.number("ActiveTimeBias")),
        "daylight_bias": _signed(key.number("DaylightBias")),
        "dynamic_daylight_disabled": key.number("DynamicDaylightTimeDisabled"),
    }
    yield Said(f"the time zone is {name or 'not named'} (UTC = local time {bias or 0:+d} minutes)", data)


PLUGINS = (
    Plugin(
        kind="windows.registry.timezone",
        hives=("SYSTEM",),
        keys=r"ControlSet\d{3}\\Control\\TimeZoneInformation",
        read=_read,
        fields={
            "key_name": "name of the zone",
            "standard_name": "its name in winter",
            "daylight_name": "its name in summer",
            "bias": "minutes to add to local time",
            "active_bias": "minutes to add when the hive was written",
            "daylight_bias": "minutes to add to the bias in summer",
            "dynamic_daylight_disabled": "1 where the clock is not changed for summer",
        },
    ),
)
