"""The report's tables of web shells and of LSASS dumps, from the events that findings cite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from shellcase.cited import NS, ROWS_PER_FINDING, cited_events, iso_of
from shellcase.model import Finding
from shellcase.result import DumpTrace, Shell
from shellcase.timeline import Timeline
from shellcase.zones import Zone, iso, local

_SHELL_RULES = ("FS-01", "FS-02", "TA-01", "TA-03", "IS-05")


def web_shells(timeline: Timeline, findings: Sequence[Finding], zone: Zone | None) -> tuple[Shell, ...]:
    """One row per page name that a finding of the page rules cites."""
    pages: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.rule in _SHELL_RULES and finding.claim in ("confirmed", "suspicious"):
            for name in _page_names(timeline, finding):
                pages.setdefault(name, []).append(finding)
    rows = [_shell(timeline, name, cited, zone) for name, cited in pages.items()]
    return tuple(sorted(rows, key=lambda s: (s.born or "9", s.path)))


_PAGE_SQL = """
SELECT DISTINCT lower(regexp_extract(coalesce(
  CASE WHEN kind = 'iis.request' THEN data->>'$."cs-uri-stem"' WHEN kind = 'web.compiled' THEN data->>'$.virtualPath'
       WHEN kind IN ('web.page', 'exchange.vdir.export') THEN file_path END, ''), '[^/\\\\]+$')) AS name
FROM timeline WHERE event_id IN (SELECT unnest(?)) ORDER BY name
"""


def _page_names(timeline: Timeline, finding: Finding) -> list[str]:
    return [n for n in timeline.query(_PAGE_SQL, [list(finding.events)]).column("name").to_pylist() if n]


_PAGE = f"""
SELECT file_path, state, sha256, data->>'$.size' AS size, coalesce(data->>'$.sinks', '[]') AS sinks,
       coalesce(data->>'$.keys', '[]') AS keys
FROM timeline WHERE kind = 'web.page' AND lower(file_path) LIKE ? ESCAPE '!'
ORDER BY state <> 'live', file_path, event_id
"""  # noqa: F541
_BORN = f"""
SELECT file_path, state, min({NS}) AS ns FROM timeline
WHERE kind = 'ntfs.mft.entry' AND data->>'$.set' = 'FN' AND act LIKE '%B' AND lower(file_path) LIKE ? ESCAPE '!'
GROUP BY file_path, state ORDER BY state <> 'live', file_path
"""  # noqa: S608
_USE = f"""
SELECT count(*) AS n, count(*) FILTER (http_status = 200) AS ok, min({NS}) FILTER (http_status = 200) AS first,
       max({NS}) FILTER (http_status = 200) AS last,
       string_agg(DISTINCT src_ip, ', ' ORDER BY src_ip) FILTER (http_status = 200) AS clients
FROM timeline WHERE kind = 'iis.request' AND lower(data->>'$."cs-uri-stem"') LIKE ? ESCAPE '!'
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
    return Shell(
        path=page.get("file_path") or born.get("file_path") or f"(file not found) {name}",
        state=page.get("state") or born.get("state") or "absent",
        sha256=page.get("sha256") or "",
        size=str(page.get("size") or ""),
        born="" if born_ns is None else iso(born_ns),
        born_local="" if born_ns is None else local(born_ns, zone),
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


_DUMP_RULES = ("LD-01", "LD-02", "SE-02", "SY-01", "SY-02")


def dump_traces(timeline: Timeline, findings: Sequence[Finding], zone: Zone | None) -> tuple[DumpTrace, ...]:
    """One row per trace; of the many file-system records of one file only the earliest."""
    traces: dict[tuple[str, ...], DumpTrace] = {}
    for finding in findings:
        if finding.rule not in _DUMP_RULES or finding.claim == "context":
            continue
        for event in cited_events(timeline, finding.events[:ROWS_PER_FINDING]):
            of_file = event["kind"].startswith("ntfs.")
            key = (event["file_path"] or "", "file system") if of_file else (event["event_id"],)
            trace = DumpTrace(
                time=iso_of(event),
                local="" if event["ns"] is None else local(event["ns"], zone),
                what=event["subject"],
                file=event["file_path"] or event["path"],
                state=event["state"],
                finding=finding.number,
            )
            if key not in traces or _trace_order(trace) < _trace_order(traces[key]):
                traces[key] = trace
    return tuple(sorted(traces.values(), key=_trace_order))


def _trace_order(trace: DumpTrace) -> tuple[str, ...]:
    return (trace.time or "9", trace.finding, trace.file, trace.what)
