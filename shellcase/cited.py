"""Cited events out of the timeline, and their times in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from shellcase.timeline import Timeline
from shellcase.zones import Zone, iso, local

ROWS_PER_FINDING = 12
NS = "CAST(epoch_us(ts) AS BIGINT) * 1000 + coalesce(ts_ns, 0)"
_CITED = f"""
SELECT *, {NS} AS ns FROM timeline WHERE event_id IN (SELECT unnest(?)) ORDER BY ts, ts_ns, source_id, event_id
"""  # noqa: S608 - constants


def cited_events(timeline: Timeline, ids: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of these events in the timeline's order, with `ns`, the instant as one integer."""
    return timeline.query(_CITED, [list(ids)]).to_pylist()  # type: ignore[no-any-return]


def iso_of(event: dict[str, Any]) -> str:
    """ISO 8601 with the digits the evidence has; empty without a time."""
    return "" if event["ns"] is None else iso(event["ns"], event["ts_resolution_ns"] or 100)


def local_of(text: str | None, zone: Zone | None) -> str:
    """The wall-clock reading of an ISO time that ends in Z."""
    return "" if not text else local(parse_iso(text), zone)


def parse_iso(text: str) -> int:
    """UTC nanoseconds of our own ISO times (0 to 9 digits and Z)."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    seconds = int(datetime.fromisoformat(whole + "+00:00").timestamp())
    return seconds * 10**9 + int((fraction + "000000000")[:9])


def shortest(ns: int) -> str:
    """ISO 8601 with no more digits than the instant needs (0, 3 or 7): for bounds whose precision is not kept."""
    return iso(ns, next((unit for unit in (10**9, 10**6) if ns % unit == 0), 100))
