"""How long logs are told to be kept, beside what is there: only settings that lie on the disk, never a default.

Event logs: the registry's `MaxSize`, `Retention` (0: the oldest records go; all bits: they stay; else seconds that a
record stays) and `AutoBackupLogFiles`. IIS: `logFile` of applicationHost.config; IIS itself deletes no log. Exchange:
ages and sizes among the `appSettings` of web.config, .NET times such as `30.00:00:00`. What Exchange keeps in Active
Directory (ages of transport logs) is on no disk of the server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from shellcase.coverage.record import Retention
from shellcase.exporting.rows import iso
from shellcase.timeline import Timeline

LISTED = 200
_STAYS = 0xFFFF_FFFF
_EVENT_LOGS = """
WITH seen AS (
  SELECT source_id AS source, channel AS log, min(ts) AS low, max(ts) AS high FROM timeline
  WHERE channel IS NOT NULL AND ts IS NOT NULL AND copy_of IS NULL AND state = 'live'
    AND kind IN ('windows.evtx.record', 'windows.evt.record', 'exchange.management.cmdlet') GROUP BY ALL)
SELECT t.source_id AS source, t.event_id, t.data->>'$.log' AS log, t.data->>'$.key' AS place, seen.low, seen.high,
  try_cast(t.data->>'$.MaxSize' AS UBIGINT) AS most, try_cast(t.data->>'$.Retention' AS BIGINT) AS keep,
  try_cast(t.data->>'$.AutoBackupLogFiles' AS BIGINT) AS archive, t.data->>'$.Enabled' AS enabled
FROM timeline t JOIN seen ON seen.source = t.source_id AND seen.log = t.data->>'$.log'
WHERE t.kind = 'windows.registry.event_log' AND t.copy_of IS NULL AND t.state = 'live'
  AND (t.data->>'$.MaxSize' IS NOT NULL OR t.data->>'$.Retention' IS NOT NULL)
ORDER BY ALL
"""
_ELEMENTS = r"""
SELECT source_id AS source, event_id, path AS place, data, ts FROM timeline
WHERE kind = 'iis.config.element' AND copy_of IS NULL AND state = 'live' AND data->>'$.history' IS NULL
  AND (data->>'$.element' = 'logFile' AND lower(path) LIKE '%applicationhost.config'
    OR data->>'$.element' = 'add' AND regexp_matches(data->>'$."@key"', ?, 'i') AND data->>'$."@value"' IS NOT NULL)
ORDER BY source_id, path, "offset", event_id
"""
_KEYS = r"(max(log)?age|logage|retention(period|days)?|max(log)?(directory|file)?size)$"
_SEEN = """
SELECT source_id AS source, min(ts) AS low, max(ts) AS high FROM timeline
WHERE kind = ? AND ts IS NOT NULL AND copy_of IS NULL AND state = 'live' GROUP BY ALL
"""
_SITES = r"""
SELECT s.source_id AS source, s.data->>'$."@name"' AS name, min(r.ts) AS low, max(r.ts) AS high
FROM timeline s JOIN timeline r ON r.source_id = s.source_id AND r.kind = 'iis.request'
  AND r.data->>'$.site' = 'W3SVC' || (s.data->>'$."@id"')
WHERE s.kind = 'iis.config.element' AND s.data->>'$.element' = 'site' AND s.data->>'$.history' IS NULL
  AND s.copy_of IS NULL AND s.state = 'live' AND lower(s.path) LIKE '%applicationhost.config'
  AND r.ts IS NOT NULL AND r.copy_of IS NULL AND r.state = 'live'
GROUP BY ALL
"""
_OF_KEYS = (("ecpserver", "exchange.ecp.command"), ("ecpactivity", "exchange.ecp.activity"),
            ("httpproxy", "exchange.httpproxy.request"), ("ews", "exchange.ews.request"))  # fmt: skip
_AGE = re.compile(r"(?:(\d{1,6})\.)?(\d{1,2}):(\d{2}):(\d{2})(?:\.\d+)?")


def retention(timeline: Timeline) -> tuple[Retention, ...]:
    """Every setting of a log that was read, and the settings of IIS and Exchange, in total order."""
    found = [*_of_event_logs(timeline), *_of_elements(timeline)]
    return tuple(sorted(found, key=lambda r: (r.source, r.log.lower(), r.place, r.event_id)))[:LISTED]


def _of_event_logs(timeline: Timeline) -> Iterator[Retention]:
    told = set[tuple[str, ...]]()
    for row in timeline.query(_EVENT_LOGS).to_pylist():
        setting = ", ".join(_settings(row))
        key = (row["source"], row["log"], re.sub(r"^ControlSet\d+", "", row["place"] or ""), setting)
        if key in told:  # the control sets are mostly copies of each other
            continue
        told.add(key)
        yield _told(row, row["log"], setting, row["low"], row["high"])


def _settings(row: dict[str, Any]) -> Iterator[str]:
    if row["most"] is not None:
        yield f"at most {row['most']} bytes"
    if row["keep"] is not None:
        yield _kept(int(row["keep"]) & _STAYS)
    if row["archive"]:
        yield "a full log is kept as an archive"
    if row["enabled"] in ("0", "false"):
        yield "switched off"


def _kept(seconds: int) -> str:
    if seconds in (0, _STAYS):
        return "old records are never overwritten" if seconds else "the oldest records are overwritten"
    return f"records stay for {seconds / 86_400:g} days"


def _of_elements(timeline: Timeline) -> Iterator[Retention]:
    sites = {(row["source"], row["name"]): row for row in timeline.query(_SITES).to_pylist()}
    seen = {
        (kind, row["source"]): (row["low"], row["high"])
        for _, kind in _OF_KEYS
        for row in timeline.query(_SEEN, [kind]).to_pylist()
    }
    for row in timeline.query(_ELEMENTS, [_KEYS]).to_pylist():
        data = msgspec.json.decode(row["data"], type=dict[str, Any])
        if data["element"] == "logFile":
            site = sites.get((row["source"], data.get("site")), {"low": None, "high": None})
            yield _told(
                row, f"IIS {data.get('site') or 'default of all sites'}", _of_iis(data), site["low"], site["high"]
            )
        else:
            name = data["@key"]
            kind = next((k for prefix, k in _OF_KEYS if name.lower().startswith(prefix)), "")
            low, high = seen.get((kind, row["source"]), (None, None))
            yield _told(row, f"Exchange {name}", _value(data["@value"]), low, high)


def _of_iis(data: dict[str, str]) -> str:
    names = ("enabled", "period", "truncateSize", "logFormat", "directory")
    written = ", ".join(f"{name} {data[f'@{name}']}" for name in names if f"@{name}" in data)
    return f"{written or 'nothing set'}; IIS itself deletes no log"


def _value(text: str) -> str:
    """As written; a .NET time also in days."""
    match = _AGE.fullmatch(text.strip())
    if not match:
        return text
    days = int(match[1] or 0) + (int(match[2]) * 3600 + int(match[3]) * 60 + int(match[4])) / 86_400
    return f"{text} ({days:g} days)"


def _told(row: dict[str, Any], log: str, setting: str, low: Any, high: Any) -> Retention:  # noqa: ANN401 - datetime
    return Retention(
        source=row["source"],
        log=log,
        configured=setting,
        place=row["place"] or "",
        event_id=row["event_id"],
        first=iso(low, 0, 10**9),
        last=iso(high, 0, 10**9),
        days=None if low is None else round((high - low).total_seconds() / 86_400, 1),
    )
