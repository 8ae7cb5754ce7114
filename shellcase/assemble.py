"""Put the result document together from what the earlier stages left in the case folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import Any, TypeVar

import msgspec

from shellcase import __version__, wording
from shellcase.case import Case
from shellcase.detect import RuleRun
from shellcase.ledger import Entry, alarms, read_ledger
from shellcase.link import Chain
from shellcase.model import Finding, Item, merge_ledgers
from shellcase.result import (
    CitedItem,
    Coverage,
    DumpTrace,
    EvidenceRow,
    FindingView,
    KeyTime,
    Result,
    Shell,
    SourceFacts,
    StoredHashes,
    Tested,
)
from shellcase.timeline import Timeline
from shellcase.zones import Zone, iso, local

T = TypeVar("T")
_ROWS_PER_FINDING = 12
_MISSING_SHOWN = 400


class FindingsFile(msgspec.Struct, frozen=True, kw_only=True):
    """work/findings.json."""

    findings: tuple[Finding, ...]
    chains: tuple[Chain, ...] = ()
    tested: tuple[RuleRun, ...] = ()


def read_findings(case: Case) -> FindingsFile:
    """What detection left; nothing before it ran."""
    path = case.work / "findings.json"
    if not path.exists():
        return FindingsFile(findings=())
    return msgspec.json.decode(path.read_bytes(), type=FindingsFile)


def assemble(case: Case) -> Result:
    """Build the result document of a case that was collected, parsed and searched."""
    found = read_findings(case)
    source = _source(case)
    entries = read_ledger(case)
    items = {i.artifact_id: i for i in case.items()}
    zone = source.host.zone
    missing = tuple(case.not_collected())
    with closing(Timeline.connect(case.timeline_folder())) as timeline:
        views = _views(timeline, found.findings, zone)
        shells = _shells(timeline, found.findings, items, zone)
        dumps = _dumps(timeline, found.findings, zone)
        count = int(timeline.query("SELECT count(*) AS n FROM timeline").column("n")[0].as_py())
    coverage = _coverage(entries)
    key_times = _key_times(found.findings, zone)
    return Result(
        version=__version__,
        case=case.meta,
        source=source,
        verification=_read(case, "evidence/verification.json", StoredHashes) or StoredHashes(verdict="not verified"),
        analysis_digest=case.analysis_digest(),
        verdict=wording.verdict(found.findings, coverage, source.host.name),
        key_times=key_times,
        findings=views,
        chains=_chains(found),
        shells=shells,
        dumps=dumps,
        coverage=coverage,
        cited=_cited(found.findings, items),
        not_collected=missing[:_MISSING_SHOWN],
        not_collected_count=len(missing),
        item_count=len(items),
        event_count=count,
        tested=tuple(_tested(t) for t in found.tested),
        alarms=tuple(alarms(entries, ())),
        limits=wording.limits(source.host, coverage),
    )


_OUTCOMES = {"ran": "ran over the records of the case", "not_tested": "not tested", "failed": "could not run"}


def _tested(run: RuleRun) -> Tested:
    reason = f": {run.reason}" if run.reason else ""
    return Tested(rule=run.rule, outcome=_OUTCOMES[run.state] + reason, findings=run.findings, events=run.events)


def _chains(found: FindingsFile) -> tuple[Chain, ...]:
    """The chains with display numbers in place of content-derived ids."""
    numbers = {f.id: f.number for f in found.findings}
    return tuple(
        msgspec.structs.replace(
            chain,
            stages=tuple(
                msgspec.structs.replace(s, findings=tuple(numbers[i] for i in s.findings)) for s in chain.stages
            ),
            links=tuple(msgspec.structs.replace(one, a=numbers[one.a], b=numbers[one.b]) for one in chain.links),
        )
        for chain in found.chains
    )


def _read(case: Case, name: str, kind: type[T]) -> T | None:
    path = case.data / name
    return msgspec.json.decode(path.read_bytes(), type=kind) if path.exists() else None


def _source(case: Case) -> SourceFacts:
    paths = sorted((case.evidence / "sources").glob("SRC-*.json"))
    return msgspec.json.decode(paths[0].read_bytes(), type=SourceFacts)


# -- findings and their evidence --------------------------------------------------------------------------------------


def _views(timeline: Timeline, findings: Sequence[Finding], zone: Zone | None) -> tuple[FindingView, ...]:
    wanted = sorted({e for f in findings for e in f.events[:_ROWS_PER_FINDING]})
    events = {r["event_id"]: r for r in _events(timeline, wanted)}
    return tuple(
        FindingView(
            finding=f,
            first_local=_local_of(f.first, zone),
            rows=tuple(_row(events[e], zone) for e in f.events[:_ROWS_PER_FINDING] if e in events),
        )
        for f in findings
    )


_NS = "CAST(epoch_us(ts) AS BIGINT) * 1000 + coalesce(ts_ns, 0)"
_CITED = f"""
SELECT *, {_NS} AS ns FROM timeline WHERE event_id IN (SELECT unnest(?)) ORDER BY ts, ts_ns, source_id, event_id
"""  # noqa: S608 - constants


def _events(timeline: Timeline, ids: Sequence[str]) -> list[dict[str, Any]]:
    return timeline.query(_CITED, [list(ids)]).to_pylist()  # type: ignore[no-any-return]


def _row(event: dict[str, Any], zone: Zone | None) -> EvidenceRow:
    return EvidenceRow(
        event_id=event["event_id"],
        time=_iso(event),
        local="" if event["ns"] is None else local(event["ns"], zone),
        subject=event["subject"],
        path=event["path"],
        locator=event["locator"] or "",
        offset=event["offset"],
        length=event["length"],
        state=event["state"],
    )


def _iso(event: dict[str, Any]) -> str:
    return "" if event["ns"] is None else iso(event["ns"], event["ts_resolution_ns"] or 100)


def _local_of(text: str | None, zone: Zone | None) -> str:
    """The wall-clock reading of an ISO time that ends in Z."""
    return "" if not text else local(parse_iso(text), zone)


def parse_iso(text: str) -> int:
    """UTC nanoseconds of our own ISO times (0 to 9 digits and Z)."""
    from datetime import datetime

    whole, _, fraction = text.removesuffix("Z").partition(".")
    seconds = int(datetime.fromisoformat(whole + "+00:00").timestamp())
    return seconds * 10**9 + int((fraction + "000000000")[:9])


def _key_times(findings: Sequence[Finding], zone: Zone | None) -> tuple[KeyTime, ...]:
    rows: list[KeyTime] = []
    for label, rules, claims in wording.KEY_TIMES:
        hits = sorted(
            (f for f in findings if f.rule in rules and f.claim in claims and f.first),
            key=lambda f: (f.first or "", f.number),
        )
        if hits:
            first = hits[0]
            same = tuple(f.number for f in hits if f.first == first.first)
            rows.append(
                KeyTime(
                    label=label,
                    time=first.first or "",
                    local=_local_of(first.first, zone),
                    findings=same,
                    strength=first.strength,
                )
            )
    rows.sort(key=lambda k: parse_iso(k.time))
    strong = [f for f in findings if f.claim in ("confirmed", "suspicious") and f.last]
    if strong:
        last = max(strong, key=lambda f: (parse_iso(f.last or ""), f.number))
        rows.append(
            KeyTime(
                label="Last recorded event of a finding",
                time=last.last or "",
                local=_local_of(last.last, zone),
                findings=(last.number,),
                strength=last.strength,
            )
        )
    return tuple(rows)


# -- web shells and dumps ---------------------------------------------------------------------------------------------

_SHELL_RULES = ("FS-01", "FS-02", "TA-01", "TA-03", "IS-05")


def _shells(
    timeline: Timeline, findings: Sequence[Finding], items: dict[str, Item], zone: Zone | None
) -> tuple[Shell, ...]:
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
SELECT file_path, state, min({_NS}) AS ns FROM timeline
WHERE kind = 'ntfs.mft.entry' AND data->>'$.set' = 'FN' AND act LIKE '%B' AND lower(file_path) LIKE ? ESCAPE '!'
GROUP BY file_path, state ORDER BY state <> 'live', file_path
"""  # noqa: S608
_USE = f"""
SELECT count(*) AS n, count(*) FILTER (http_status = 200) AS ok, min({_NS}) FILTER (http_status = 200) AS first,
       max({_NS}) FILTER (http_status = 200) AS last,
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


def _dumps(timeline: Timeline, findings: Sequence[Finding], zone: Zone | None) -> tuple[DumpTrace, ...]:
    """One row per trace; of the many file-system records of one file only the earliest."""
    traces: dict[tuple[str, ...], DumpTrace] = {}
    for finding in findings:
        if finding.rule not in _DUMP_RULES or finding.claim == "context":
            continue
        for event in _events(timeline, finding.events[:_ROWS_PER_FINDING]):
            of_file = event["kind"].startswith("ntfs.")
            key = (event["file_path"] or "", "file system") if of_file else (event["event_id"],)
            trace = DumpTrace(
                time=_iso(event),
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


# -- coverage and citations -------------------------------------------------------------------------------------------


def _coverage(entries: Iterable[Entry]) -> tuple[Coverage, ...]:
    by_parser: dict[str, list[Entry]] = {}
    for entry in entries:
        by_parser.setdefault(entry.parser, []).append(entry)
    return tuple(_cover(name, members) for name, members in sorted(by_parser.items()))


def _cover(name: str, members: list[Entry]) -> Coverage:
    total = merge_ledgers([m.ledger for m in members])
    return Coverage(
        parser=name,
        artefacts=len(members),
        found=total.found,
        parsed=total.parsed,
        failed=total.failed,
        recovered=total.recovered,
        raw_lines=total.raw_lines,
        first="" if total.first_ns is None else iso(total.first_ns),
        last="" if total.last_ns is None else iso(total.last_ns),
        issues=sum(m.issue_count for m in members),
    )


def _cited(findings: Sequence[Finding], items: dict[str, Item]) -> tuple[CitedItem, ...]:
    by_item: dict[str, set[str]] = {}
    for finding in findings:
        for artifact in finding.artifacts:
            by_item.setdefault(artifact, set()).add(finding.number)
    rows = [
        CitedItem(
            item=i.item, path=i.path, state=i.state, size=i.size, sha256=i.sha256, findings=tuple(sorted(by_item[a]))
        )
        for a, i in items.items()
        if a in by_item
    ]
    return tuple(sorted(rows, key=lambda r: r.item))
