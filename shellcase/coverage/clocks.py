"""The computer's clock: when it was set, how its logs differ among themselves.

Kernel-General 1 (System) and 4616 (Security) give the old and the new time. Set by the time service, the new one is
that of another machine: the difference tells how far the clock was off that day (see `truetime`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shellcase.coverage.eventlogs import LISTED
from shellcase.coverage.record import ClockChange, Skew
from shellcase.exporting.rows import iso
from shellcase.timeline import Timeline

_LEAST = 1.0
"""Seconds. The time service trims the clock by less, many times a day."""
_CHANGES = """
WITH told AS (
  SELECT source_id AS source, event_id, ts, ts_ns, ts_resolution_ns, event_code, data->'$.EventData' AS said
  FROM timeline WHERE kind = 'windows.evtx.record' AND state = 'live' AND copy_of IS NULL
    AND (channel = 'Security' AND event_code = '4616'
      OR channel = 'System' AND event_code = '1' AND provider = 'Microsoft-Windows-Kernel-General')),
both_times AS (
  SELECT *, try_cast(coalesce(said->>'PreviousTime', said->>'OldTime') AS TIMESTAMPTZ) AS old,
    try_cast(said->>'NewTime' AS TIMESTAMPTZ) AS new, coalesce(said->>'ProcessName', said->>'Reason', '') AS by,
    coalesce(said->>'SubjectUserSid', '') AS sid
  FROM told)
SELECT * EXCLUDE (said), epoch_us(new) - epoch_us(old) AS moved FROM both_times
WHERE new IS NOT NULL AND old IS NOT NULL ORDER BY ts, ts_ns, event_id
"""
_REASONS = {"1": "a program", "2": "the hardware clock", "3": "a change of time zone"}
_SKEW = """
WITH fronts AS (
  SELECT source_id AS source, data->>'$.RequestId' AS id, ts FROM timeline
  WHERE kind = 'exchange.httpproxy.request' AND ts IS NOT NULL AND state = 'live' AND copy_of IS NULL),
once AS (SELECT source, id, any_value(ts) AS ts FROM fronts WHERE id <> '' GROUP BY source, id HAVING count(*) = 1),
webs AS (
  SELECT source_id AS source, data->>'$.cafeReqId' AS id, data->>'$.site' AS site, ts FROM timeline
  WHERE kind = 'iis.request' AND ts IS NOT NULL AND state = 'live' AND copy_of IS NULL AND data->>'$.cafeReqId' <> ''),
pairs AS (
  SELECT source, site, epoch_us(webs.ts) - epoch_us(once.ts) AS apart FROM webs JOIN once USING (source, id))
SELECT source, site, count(*) AS pairs, median(apart) / 1e6 AS middle,
  quantile_cont(apart, 0.05) / 1e6 AS low, quantile_cont(apart, 0.95) / 1e6 AS high
FROM pairs GROUP BY ALL ORDER BY ALL
"""


@dataclass(frozen=True, slots=True)
class Moved:
    """A change of the clock as it was recorded, however small: the time before it, and new minus old."""

    source: str
    old: datetime
    seconds: float
    time_service: bool


def changes(timeline: Timeline) -> Iterator[Moved]:
    """All of them, in order of time."""
    for row in timeline.query(_CHANGES).to_pylist():
        yield Moved(row["source"], row["old"], row["moved"] / 1_000_000, _by_time_service(row))


def clock_changes(timeline: Timeline) -> tuple[tuple[ClockChange, ...], int]:
    """Changes of a second and more, the largest of them in order of time; and how many there are."""
    rows = [r for r in timeline.query(_CHANGES).to_pylist() if abs(r["moved"]) >= _LEAST * 1_000_000]
    found = sorted(rows, key=lambda r: -abs(r["moved"]))[:LISTED]
    order = [_change(r) for r in rows if r in found] if len(rows) > LISTED else [_change(r) for r in rows]
    return tuple(order), len(rows)


def _change(row: dict[str, Any]) -> ClockChange:
    return ClockChange(
        source=row["source"],
        ts=iso(row["ts"], row["ts_ns"], row["ts_resolution_ns"]),
        seconds=row["moved"] / 1_000_000,
        by=_REASONS.get(row["by"], row["by"]) or "not named",
        time_service=_by_time_service(row),
        event_id=row["event_id"],
    )


def _by_time_service(row: dict[str, Any]) -> bool:
    """Security names the account: the time service runs as LOCAL SERVICE in svchost."""
    return bool(row["sid"] == "S-1-5-19" and str(row["by"]).lower().endswith("\\svchost.exe"))


def skew(timeline: Timeline) -> tuple[Skew, ...]:
    """HttpProxy's end of a request against IIS's, request by request, by the id that both write."""
    return tuple(
        Skew(
            source=r["source"],
            first="HttpProxy",
            second=f"IIS {r['site']}",
            pairs=r["pairs"],
            median=round(r["middle"], 3),
            low=round(r["low"], 3),
            high=round(r["high"], 3),
        )
        for r in timeline.query(_SKEW).to_pylist()
    )
