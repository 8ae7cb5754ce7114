"""Numbers that jump, logs that were cleared, and times that run backwards in the event logs."""

from __future__ import annotations

from typing import NamedTuple

from shellcase.coverage.record import Cleared, Jump, Reversal
from shellcase.exporting.rows import iso
from shellcase.timeline import Timeline

LISTED = 100
_BACKWARDS = 2.0
"""Seconds; records of several threads may be written a little out of order."""
_NUMBERED = """
WITH numbered AS (
  SELECT source_id AS source, channel,
    try_cast(coalesce(data->>'$.EventRecordID', data->>'$.RecordNumber') AS BIGINT) AS id,
    kind = 'windows.evt.record' AS old, ts, ts_ns, ts_resolution_ns
  FROM timeline WHERE kind IN ('windows.evtx.record', 'exchange.management.cmdlet', 'windows.evt.record')
    AND channel IS NOT NULL AND state = 'live' AND copy_of IS NULL),
pairs AS (
  SELECT *, lag(id) OVER own AS before_id, lag(ts) OVER own AS before_ts, lag(ts_ns) OVER own AS before_ns
  FROM numbered WHERE id IS NOT NULL WINDOW own AS (PARTITION BY source, channel, old ORDER BY id, ts))
"""
_JUMPS = f"""{_NUMBERED}
SELECT *, id - before_id - 1 AS missing, count(*) OVER () AS total, sum(id - before_id - 1) OVER () AS absent
FROM pairs WHERE id > before_id + 1 ORDER BY missing DESC, source, channel, id LIMIT {LISTED}
"""  # noqa: S608 - constants
_REVERSALS = f"""{_NUMBERED}
SELECT *, epoch_us(before_ts) - epoch_us(ts) AS back, count(*) OVER () AS total
FROM pairs WHERE epoch_us(before_ts) - epoch_us(ts) > {round(_BACKWARDS * 1_000_000)}
ORDER BY back DESC, source, channel, id LIMIT {LISTED}
"""  # noqa: S608 - constants
_CLEARED = f"""
SELECT source_id AS source, event_id, ts, ts_ns, ts_resolution_ns, event_code,
  coalesce(data->'$.UserData'->>'LogFileCleared.Channel', '') AS named,
  coalesce(data->'$.UserData'->>'LogFileCleared.SubjectDomainName', '') AS domain,
  coalesce(data->'$.UserData'->>'LogFileCleared.SubjectUserName', user, '') AS who
FROM timeline WHERE copy_of IS NULL AND (
  kind = 'windows.evtx.record'
    AND (channel = 'Security' AND event_code = '1102' OR channel = 'System' AND event_code = '104')
  OR kind = 'windows.evt.record' AND channel = 'Security' AND event_code = '517')
ORDER BY ts NULLS LAST, ts_ns, event_id LIMIT {LISTED}
"""  # noqa: S608 - constants


class Found(NamedTuple):
    """The largest, in order of time, and how many there are in all."""

    jumps: tuple[Jump, ...]
    how_many: int
    missing: int


def jumps(timeline: Timeline) -> Found:
    """Record numbers that are not there although later ones are."""
    rows = timeline.query(_JUMPS).to_pylist()
    found = [
        Jump(
            source=r["source"],
            channel=r["channel"],
            missing=r["missing"],
            last_id=r["before_id"],
            last=iso(r["before_ts"], r["before_ns"], r["ts_resolution_ns"]),
            next_id=r["id"],
            next=iso(r["ts"], r["ts_ns"], r["ts_resolution_ns"]),
        )
        for r in rows
    ]
    total, absent = (int(rows[0]["total"]), int(rows[0]["absent"])) if rows else (0, 0)
    return Found(tuple(sorted(found, key=lambda j: (j.source, j.channel, j.next_id))), total, absent)


def reversals(timeline: Timeline) -> tuple[tuple[Reversal, ...], int]:
    """Where the next record by number is earlier by time; and how often."""
    rows = timeline.query(_REVERSALS).to_pylist()
    found = [
        Reversal(
            source=r["source"],
            channel=r["channel"],
            record=r["id"],
            ts=iso(r["ts"], r["ts_ns"], r["ts_resolution_ns"]),
            before=iso(r["before_ts"], r["before_ns"], r["ts_resolution_ns"]),
            seconds=r["back"] / 1_000_000,
        )
        for r in rows
    ]
    order = sorted(found, key=lambda r: (r.source, r.channel, r.record))
    return tuple(order), int(rows[0]["total"]) if rows else 0


def cleared(timeline: Timeline) -> tuple[Cleared, ...]:
    """Records of clearing, of whatever state: a recovered one counts as much."""
    return tuple(
        Cleared(
            source=r["source"],
            log=r["named"] or ("Security" if r["event_code"] in ("1102", "517") else "not named"),
            ts=iso(r["ts"], r["ts_ns"], r["ts_resolution_ns"]),
            user="\\".join(p for p in (r["domain"], r["who"]) if p),
            event_id=r["event_id"],
        )
        for r in timeline.query(_CLEARED).to_pylist()
    )
