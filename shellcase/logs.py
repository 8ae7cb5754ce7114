"""What each single log covers: its own first and last record, and the days on which it has any.

A family such as the event logs may reach back a month while the one log that matters was cleared yesterday.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import groupby, pairwise
from typing import Any

from shellcase.cited import NS, shortest
from shellcase.result import LogCover
from shellcase.timeline import Timeline

FAMILIES = {
    "exchange.httpproxy.request": "Front end (HttpProxy)",
    "iis.request": "IIS",
    "exchange.ecp.command": "Control panel (ECP)",
    "exchange.management.cmdlet": "Event log",
    "windows.evtx.record": "Event log",
    "windows.evt.record": "Event log",
    "exchange.oabgenerator.entry": "OAB generator",
    "exchange.ecp.activity": "Control panel (ECP)",
    "exchange.cmdletinfra.cmdlet": "Exchange cmdlets",
    "exchange.ews.request": "Web services (EWS)",
    "exchange.audit.record": "Exchange audit",
    "exchange.tracking.event": "Message tracking",
    "exchange.smtp.receive": "SMTP",
    "exchange.smtp.send": "SMTP",
    "exchange.agent.action": "Transport agents",
    "exchange.setup.step": "Exchange setup",
    "iis.httperr.entry": "HTTPERR",
    "iis.ncsa.request": "IIS",
    "iis.native.request": "IIS",
    "ntfs.usn.record": "Change journal",
}
DRAWN = ("Front end (HttpProxy)", "IIS", "Control panel (ECP)")
DRAWN_LOGS = {
    "MSExchange Management": "MSExchange Management",
    "Security": "Security event log",
    "Microsoft-Windows-Sysmon/Operational": "Sysmon event log",
}
_DAY_NS = 86_400 * 10**9
_STRETCHES = 3
_DAYS = rf"""
SELECT kind, CASE WHEN kind = 'ntfs.usn.record' THEN left(path, 2)
    ELSE coalesce(nullif(channel, ''), regexp_extract(path, '([^\\/]+)[\\/][^\\/]+$', 1)) END AS log,
  epoch_us(ts) // 86400000000 AS day, count(*) AS n, min({NS}) AS low, max({NS}) AS high
FROM timeline WHERE kind IN (SELECT unnest(?)) AND ts IS NOT NULL AND copy_of IS NULL AND state = 'live'
GROUP BY ALL
"""  # noqa: S608 - constants


def log_coverage(timeline: Timeline) -> tuple[LogCover, ...]:
    """One entry per log, in order of family and name. Copies and recovered records are not counted."""
    rows = timeline.query(_DAYS, [list(FAMILIES)]).to_pylist()
    for row in rows:
        row["family"] = FAMILIES[row["kind"]]
    order = list(dict.fromkeys(FAMILIES.values()))
    rows.sort(key=lambda r: (order.index(r["family"]), r["log"], r["day"]))
    groups = groupby(rows, key=lambda r: (r["family"], r["log"]))
    return tuple(_cover(family, log, list(days)) for (family, log), days in groups)


def _cover(family: str, log: str, days: list[dict[str, Any]]) -> LogCover:
    low, high = min(d["low"] for d in days), max(d["high"] for d in days)
    return LogCover(
        family=family,
        log=log,
        records=sum(d["n"] for d in days),
        first=shortest(low),
        last=shortest(high),
        days=len({d["day"] for d in days}),
        span_days=high // _DAY_NS - low // _DAY_NS + 1,
        runs=tuple((shortest(a), shortest(b)) for a, b in _runs(days)),
    )


def _runs(days: Iterable[dict[str, Any]]) -> list[tuple[int, int]]:
    """Stretches of days that all have records, as (first, last) instants."""
    runs: list[tuple[int, int]] = []
    for day in days:
        if runs and day["low"] // _DAY_NS - runs[-1][1] // _DAY_NS <= 1:
            runs[-1] = (runs[-1][0], max(runs[-1][1], day["high"]))
        else:
            runs.append((day["low"], day["high"]))
    return runs


def drawn(logs: Sequence[LogCover]) -> list[tuple[str, list[tuple[str, str]]]]:
    """The bands of the drawing: request logs by family, and the event logs that findings rest on."""
    bands: dict[str, list[tuple[str, str]]] = {}
    for log in logs:
        name = log.family if log.family in DRAWN else DRAWN_LOGS.get(log.log)
        if name:
            bands.setdefault(name, []).extend(log.runs)
    return [(name, sorted(set(runs))) for name, runs in bands.items()]


def days_of(runs: Sequence[tuple[str, str]]) -> str:
    """Stretches of days with records, in words; more than three become their ends and the days between without any."""
    days = _merged(runs)
    if len(days) <= _STRETCHES:
        return " and ".join(a if a == b else f"{a} to {b}" for a, b in days)
    empty = sum((date.fromisoformat(b[0]) - date.fromisoformat(a[1])).days - 1 for a, b in pairwise(days))
    return f"{days[0][0]} to {days[-1][1]} but for {empty} days without a record"


def _merged(runs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The days of several logs together: stretches that touch or overlap are one."""
    days: list[tuple[str, str]] = []
    for first, last in sorted((a[:10], b[:10]) for a, b in runs):
        if days and (date.fromisoformat(first) - date.fromisoformat(days[-1][1])).days <= 1:
            days[-1] = (days[-1][0], max(days[-1][1], last))
        else:
            days.append((first, last))
    return days


def window(logs: Sequence[LogCover]) -> str:
    """What the logs cover, in one sentence that says so where a stretch of days is missing."""
    parts = [f"{name} {days_of(runs)}" for name, runs in drawn(logs)]
    return f"The logs examined cover (UTC): {'; '.join(parts)}." if parts else "None of the logs could be read."
