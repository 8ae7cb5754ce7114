"""Local Windows times to UTC: the hours that exist twice or not at all."""

from __future__ import annotations

import struct
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shellcase.zones import Zone, filetime_text, filetime_ticks, iso, local, parse_tzi

W_EUROPE = (
    struct.pack("<3i", -60, 0, -60)
    + struct.pack("<8H", 0, 10, 0, 5, 3, 0, 0, 0)
    + struct.pack("<8H", 0, 3, 0, 5, 2, 0, 0, 0)
)
SYDNEY = (
    struct.pack("<3i", -600, 0, -60)
    + struct.pack("<8H", 0, 4, 0, 1, 3, 0, 0, 0)
    + struct.pack("<8H", 0, 10, 0, 1, 2, 0, 0, 0)
)
UTC_ZONE = struct.pack("<3i", 0, 0, 0) + bytes(32)


def zone(raw: bytes) -> Zone:
    """A zone without yearly rules."""
    return Zone(key="k", how="test", default=parse_tzi(raw))


@pytest.mark.parametrize(
    ("raw", "wall", "utc"),
    [
        (W_EUROPE, datetime(2021, 3, 28, 1, 59), "2021-03-28T00:59:00Z"),
        (W_EUROPE, datetime(2021, 3, 28, 3, 0), "2021-03-28T01:00:00Z"),
        (W_EUROPE, datetime(2021, 7, 1, 12, 0), "2021-07-01T10:00:00Z"),
        (SYDNEY, datetime(2021, 1, 1, 12, 0), "2021-01-01T01:00:00Z"),
        (SYDNEY, datetime(2021, 7, 1, 12, 0), "2021-07-01T02:00:00Z"),
        (UTC_ZONE, datetime(2021, 7, 1, 12, 0), "2021-07-01T12:00:00Z"),
    ],
)
def test_ordinary_times_have_one_reading(raw: bytes, wall: datetime, utc: str) -> None:
    """No bounds where nothing is in doubt."""
    found = zone(raw).to_utc(wall)
    assert (iso(found.ns, 10**9), found.low, found.high) == (utc, None, None)


def test_the_repeated_hour_has_bounds() -> None:
    """02:30 on 31 October 2021 came twice; the first is taken and both are said."""
    found = zone(W_EUROPE).to_utc(datetime(2021, 10, 31, 2, 30))
    assert found.low is not None
    assert found.high is not None
    assert (iso(found.low, 10**9), iso(found.high, 10**9)) == ("2021-10-31T00:30:00Z", "2021-10-31T01:30:00Z")
    assert found.ns == found.low
    assert "repeated" in found.note


def test_the_skipped_hour_has_bounds() -> None:
    """02:30 on 28 March 2021 never was; the text is kept elsewhere, the instant is bounded."""
    found = zone(W_EUROPE).to_utc(datetime(2021, 3, 28, 2, 30))
    assert found.low is not None
    assert "skipped" in found.note


def test_the_wall_clock_shows_its_offset() -> None:
    """Before and after the change of 28 March."""
    before = zone(W_EUROPE).to_utc(datetime(2021, 3, 28, 1, 0)).ns
    after = zone(W_EUROPE).to_utc(datetime(2021, 3, 28, 4, 0)).ns
    assert local(before, zone(W_EUROPE)) == "2021-03-28 01:00:00 +01:00"
    assert local(after, zone(W_EUROPE)) == "2021-03-28 04:00:00 +02:00"


def test_yearly_rules_hold_beyond_their_range() -> None:
    """Dynamic DST: the first year's rule before it, the last year's after it."""
    z = Zone(key="k", how="t", default=parse_tzi(UTC_ZONE), years={2010: parse_tzi(W_EUROPE), 2012: parse_tzi(SYDNEY)})
    assert (z.rule(2000), z.rule(2030)) == (parse_tzi(W_EUROPE), parse_tzi(SYDNEY))


def test_a_short_tzi_is_named() -> None:
    """A damaged value is an error, not a wrong zone."""
    with pytest.raises(ValueError, match="44 bytes"):
        parse_tzi(b"short")


def test_seven_digits_survive() -> None:
    """The 100 ns digit of a FILETIME is printed."""
    assert iso(1614754182_123456700) == "2021-03-03T06:49:42.1234567Z"


@given(st.integers(min_value=-(2**63), max_value=2**64 - 1))
def test_a_filetime_survives_its_text(ticks: int) -> None:
    """Also the ones that no calendar can write."""
    assert filetime_ticks(filetime_text(ticks)) == ticks
