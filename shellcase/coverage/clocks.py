"""The computer's clock: when it was set, what it says against other people's, how its logs differ among themselves.

Kernel-General 1 (System) and 4616 (Security) give the old and the new time. Set by the time service, the new one is
that of another machine: the difference tells how far the clock was off that day. The service's record 35 says only that
time was taken from a source, without a difference.
"""

from __future__ import annotations

from datetime import datetime
from statistics import median
from typing import Any

from shellcase.coverage.eventlogs import LISTED
from shellcase.coverage.record import ClockChange, Skew, TrueTime
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
_SYNCED = """
SELECT source_id AS source, strftime(ts, '%Y-%m-%d') AS day,
  min(coalesce(data->'$.EventData'->>'TimeSource', 'a time source')) AS time_source
FROM timeline WHERE kind = 'windows.evtx.record' AND provider = 'Microsoft-Windows-Time-Service' AND event_code = '35'
  AND state = 'live' AND copy_of IS NULL AND ts IS NOT NULL
GROUP BY ALL ORDER BY ALL
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


def true_time(timeline: Timeline) -> tuple[TrueTime, ...]:
    """Per day, from other people's clocks: the middle of what the time service corrected, or that it compared."""
    by_day: dict[tuple[str, str], list[float]] = {}
    for row in timeline.query(_CHANGES).to_pylist():
        if _by_time_service(row) and isinstance(row["old"], datetime):
            by_day.setdefault((row["source"], row["old"].strftime("%Y-%m-%d")), []).append(row["moved"] / 1_000_000)
    found = {
        key: TrueTime(source=key[0], day=key[1], seconds=round(median(moved), 6), how=_corrected(len(moved)))
        for key, moved in by_day.items()
    }
    for row in timeline.query(_SYNCED).to_pylist():
        how = f"the time service took time from {row['time_source']}; it does not say by how much the clock was off"
        key = (row["source"], row["day"])
        found.setdefault(key, TrueTime(source=key[0], day=key[1], seconds=None, how=how))
    return tuple(found[key] for key in sorted(found))


def _corrected(times: int) -> str:
    often = "once" if times == 1 else f"{times} times, the middle of them"
    return f"set by the time service {often}; what it added is what the clock was behind"


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
