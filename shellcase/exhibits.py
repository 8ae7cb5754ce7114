"""The report's tables of web shells and of LSASS dumps, from the events that findings cite."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from shellcase.cited import NS, ROWS_PER_FINDING, cited_events, iso_of, parse_iso
from shellcase.model import Finding
from shellcase.result import DumpTrace, NamedFile, Shell
from shellcase.timeline import Timeline
from shellcase.zones import Zone, iso, local

_SHELL_RULES = ("FS-01", "FS-02", "TA-01", "TA-03", "TA-04", "IS-05")


def web_shells(timeline: Timeline, findings: Sequence[Finding], zone: Zone | None) -> tuple[Shell, ...]:
    """One row per page name that a finding of the page rules cites."""
    pages: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.rule in _SHELL_RULES and finding.claim in ("confirmed", "suspicious"):
            for name in _page_names(timeline, finding):
                pages.setdefault(name, []).append(finding)
    rows = [_shell(timeline, name, cited, zone) for name, cited in pages.items()]
    return tuple(sorted(rows, key=lambda s: (s.changed or s.born or "9", s.path)))


_PAGE_SQL = """
SELECT DISTINCT lower(regexp_extract(coalesce(
  CASE WHEN kind = 'iis.request' THEN data->>'$."cs-uri-stem"' WHEN kind = 'web.compiled' THEN data->>'$.virtualPath'
       WHEN kind = 'web.assembly' THEN url
       WHEN kind IN ('web.page', 'exchange.vdir.export', 'windows.defender.content') THEN file_path END,
  ''), '[^/\\\\]+$')) AS name
FROM timeline WHERE event_id IN (SELECT unnest(?)) ORDER BY name
"""


def _page_names(timeline: Timeline, finding: Finding) -> list[str]:
    return [n for n in timeline.query(_PAGE_SQL, [list(finding.events)]).column("name").to_pylist() if n]


_PAGE = f"""
SELECT file_path, state, sha256, data->>'$.size' AS size, coalesce(data->>'$.sinks', '[]') AS sinks,
       coalesce(data->>'$.keys', '[]') AS keys
FROM timeline WHERE kind IN ('web.page', 'windows.defender.content') AND lower(file_path) LIKE ? ESCAPE '!'
ORDER BY state <> 'live', file_path, event_id
"""  # noqa: F541
_BORN = f"""
SELECT file_path, state, min({NS}) AS ns FROM timeline
WHERE kind = 'ntfs.mft.entry' AND data->>'$.set' = 'FN' AND act LIKE '%B' AND lower(file_path) LIKE ? ESCAPE '!'
GROUP BY file_path, state ORDER BY state <> 'live', file_path
"""  # noqa: S608
_CHANGED = f"""
SELECT max({NS}) AS ns FROM timeline WHERE kind = 'ntfs.mft.entry' AND data->>'$.set' = 'SI' AND act LIKE 'M%'
  AND lower(file_path) LIKE ? ESCAPE '!'
"""  # noqa: S608
_USE = f"""
SELECT count(*) AS n, count(*) FILTER (http_status = 200) AS ok, min({NS}) FILTER (http_status = 200) AS first,
       max({NS}) FILTER (http_status = 200) AS last,
       string_agg(DISTINCT src_ip, ', ' ORDER BY src_ip) FILTER (http_status = 200) AS clients
FROM timeline WHERE kind = 'iis.request' AND copy_of IS NULL AND lower(data->>'$."cs-uri-stem"') LIKE ? ESCAPE '!'
"""  # noqa: S608
_COMPILED = """
SELECT string_agg(DISTINCT data->>'$.virtualPath', ', ' ORDER BY data->>'$.virtualPath') AS v FROM timeline
WHERE kind = 'web.compiled' AND lower(data->>'$.virtualPath') LIKE ? ESCAPE '!'
"""


def _shell(timeline: Timeline, name: str, cited: list[Finding], zone: Zone | None) -> Shell:
    safe = name.replace("!", "!!").replace("%", "!%").replace("_", "!_")
    page = _first(timeline, _PAGE, f"%\\{safe}")
    born = _first(timeline, _BORN, f"%\\{safe}")
    use = _first(timeline, _USE, f"%/{safe}")
    compiled = _first(timeline, _COMPILED, f"%/{safe}")
    born_ns = born.get("ns")
    shipped = any(f.rule == "FS-02" for f in cited)  # its birth is that of the original; the change is what counts
    changed_ns = _first(timeline, _CHANGED, f"%\\{safe}").get("ns") if shipped else None
    return Shell(
        path=page.get("file_path") or born.get("file_path") or f"(file not found) {name}",
        state=page.get("state") or born.get("state") or "absent",
        sha256=page.get("sha256") or "",
        size=str(page.get("size") or ""),
        born="" if born_ns is None else iso(born_ns),
        born_local="" if born_ns is None else local(born_ns, zone),
        changed="" if changed_ns is None else iso(changed_ns),
        changed_local="" if changed_ns is None else local(changed_ns, zone),
        sinks=_joined(page.get("sinks")),
        keys=_joined(page.get("keys")),
        requests=int(use.get("n") or 0),
        answered=int(use.get("ok") or 0),
        first_answered="" if use.get("first") is None else iso(use["first"], 10**9),
        last_answered="" if use.get("last") is None else iso(use["last"], 10**9),
        clients=use.get("clients") or "",
        compiled=compiled.get("v") or "",
        findings=tuple(sorted({f.number for f in cited})),
    )


def _first(timeline: Timeline, sql: str, like: str) -> dict[str, Any]:
    rows = timeline.query(sql, [like]).to_pylist()
    return rows[0] if rows else {}


def _joined(value: str | None) -> str:
    return ", ".join(msgspec.json.decode(value, type=list[str])) if value else ""


_DUMP_RULES = ("AP-10", "LD-01", "LD-02", "PS-01", "SE-02", "SE-03", "SY-01", "SY-02")


def dump_traces(timeline: Timeline, findings: Sequence[Finding], zone: Zone | None) -> tuple[DumpTrace, ...]:
    """One row per finding of the dump rules, with the state of the files that its records name."""
    dumps = [f for f in findings if f.rule in _DUMP_RULES and f.claim != "context"]
    rows = [_trace(timeline, f, zone) for f in dumps]
    return tuple(sorted(rows, key=lambda t: (parse_iso(t.time) if t.time else sys.maxsize, t.finding)))


def _trace(timeline: Timeline, finding: Finding, zone: Zone | None) -> DumpTrace:
    events = cited_events(timeline, finding.events[:ROWS_PER_FINDING])
    first = events[0]
    return DumpTrace(
        time=iso_of(first),
        local="" if first["ns"] is None else local(first["ns"], zone),
        title=finding.title,
        what=first["subject"],
        more=finding.event_count - 1,
        files=_named_files(timeline, events),
        recorded_in=tuple(sorted({e["path"] for e in events})),
        claim=finding.claim,
        finding=finding.number,
    )


_DUMP_NAME = r"""(?i)[a-z]:\\[^"<>|,;:*?\r\n]+?\.(?:dmp|mdmp)\b"""
_STATE = """
SELECT min(file_path) AS path,
  bool_or((kind = 'ntfs.mft.entry' OR kind = 'memory.dump') AND state = 'live') AS live,
  bool_or(state IN ('deleted', 'recovered') OR (kind = 'ntfs.usn.record' AND act = 'deleted')) AS gone,
  bool_or(state LIKE 'snapshot:%') AS shadow,
  bool_or(kind = 'memory.dump') AS read
FROM timeline WHERE kind IN ('ntfs.mft.entry', 'ntfs.usn.record', 'memory.dump') AND lower(file_path) = ?
"""


def _named_files(timeline: Timeline, events: Sequence[dict[str, Any]]) -> tuple[NamedFile, ...]:
    """Dump files that the records name; a log's own state says nothing of the file it names."""
    named: dict[str, str] = {}
    for event in events:
        texts = (event["file_path"], event["command"])
        for name in (n for text in texts if text for n in re.findall(_DUMP_NAME, text)):
            named.setdefault(name.lower(), name)
    return tuple(NamedFile(path=name, state=_state(timeline, low)) for low, name in sorted(named.items()))


def _state(timeline: Timeline, path: str) -> str:
    row = _first(timeline, _STATE, path)
    if row.get("live"):
        return "on the disk, structure read" if row["read"] else "on the disk"
    if row.get("shadow"):
        return "only in a shadow copy" + (", structure read" if row["read"] else "")
    if row.get("gone"):
        return "deleted, recovered" if row["read"] else "deleted, content not recovered"
    return "seen in file records only" if row.get("path") else "no file record"
