"""Put the result document together from what the earlier stages left in the case folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import Any

import msgspec

from shellcase import __version__, wording
from shellcase.answers import answers
from shellcase.case import Case
from shellcase.cited import ROWS_PER_FINDING, cited_events, iso_of, local_of, shortest
from shellcase.coverage.record import CoverageAccount
from shellcase.deleted import deleted_files
from shellcase.detect import RuleRun
from shellcase.errors import IntegrityError, UsageError
from shellcase.exhibits import dump_traces, web_shells
from shellcase.fold import hosts
from shellcase.keytimes import key_times
from shellcase.ledger import Entry, alarms, read_ledger, read_twice
from shellcase.link import Chain
from shellcase.logs import log_coverage, window
from shellcase.model import Finding, Item, merge_ledgers
from shellcase.paper.crosscheck import read_comparisons
from shellcase.paper.custody import Entry as CustodyEntry
from shellcase.paper.custody import read_custody
from shellcase.paper.validation import summary as validation_summary
from shellcase.result import (
    CitedItem,
    Coverage,
    EvidenceRow,
    FindingView,
    Result,
    SourceFacts,
    Tested,
)
from shellcase.reviewed import FindingsFile, read_findings, reviewed
from shellcase.rooms import RULES
from shellcase.rulebook import load as load_rules
from shellcase.snapshots import histories, read_snapshots
from shellcase.sourcecheck import banners, read_checks, read_damage, worst_of
from shellcase.timeline import Timeline
from shellcase.verdict import verdict
from shellcase.zones import Zone, local

_MISSING_SHOWN = 400


def assemble(case: Case) -> Result:
    """Build the result document of a case that was collected, parsed and searched.

    UsageError for a case that was not searched yet: a page without findings would read as a clean bill.
    """
    if not (case.work / "findings.json").exists():
        raise UsageError("the case was not searched yet", str(case.root), "run `shellcase detect` first")
    found, review = reviewed(case, read_findings(case))
    source = _source(case)
    entries = read_ledger(case)
    items = {i.artifact_id: i for i in case.items()}
    zone = source.host.zone
    missing = tuple(case.not_collected())
    snapshots = read_snapshots(case)
    with closing(Timeline.connect(case.timeline_to_read())) as timeline:
        views = _views(timeline, found, zone)
        shells = web_shells(timeline, found.findings, zone)
        dumps = dump_traces(timeline, [v.finding for v in views if not v.under], zone)
        gone = deleted_files(timeline, items.values(), zone)
        times = key_times(timeline, found.findings, zone)
        logs = log_coverage(timeline)
        asked = answers(timeline, found.findings, source.host, logs, found.tested)
        count = int(timeline.query("SELECT count(*) AS n FROM timeline").column("n")[0].as_py())
        checks, damage = read_checks(case), read_damage(case)
        touched = _events_of(timeline, sorted({f.artifact_id for one in damage for f in one.items}))
    coverage = _coverage(entries)
    custody, broken = _custody(case)
    return Result(
        version=__version__,
        case=case.meta,
        source=source,
        verification=worst_of(checks),
        checks=checks,
        damage=damage,
        damaged_events=touched,
        banners=tuple(banners(checks, damage, touched)),
        analysis_digest=case.analysis_digest(),
        verdict=verdict(found.findings, found.tested, source.host.name, window(logs)),
        key_times=times,
        findings=views,
        review=review,
        chains=_chains(found),
        shells=shells,
        dumps=dumps,
        deleted=gone,
        answers=asked,
        coverage=coverage,
        logs=logs,
        account=_account(case),
        cited=_cited(found.findings, items),
        custody=custody,
        crosschecks=tuple(msgspec.structs.replace(c, items=()) for c in read_comparisons(case)),
        validation=validation_summary(),
        not_collected=missing[:_MISSING_SHOWN],
        not_collected_count=len(missing),
        item_count=len(items),
        event_count=count,
        tested=_all_tested(found.tested),
        alarms=(*broken, *alarms(entries, ()), *read_twice(case)),
        limits=wording.limits(source.host, coverage),
        snapshots=snapshots,
        histories=histories(items.values(), missing, snapshots),
    )


def _events_of(timeline: Timeline, artifacts: Sequence[str]) -> dict[str, int]:
    """How many events each of these artefacts has."""
    if not artifacts:
        return {}
    sql = "SELECT artifact_id, count(*) AS n FROM timeline WHERE artifact_id IN (SELECT unnest(?)) GROUP BY 1"
    rows = timeline.query(sql, [list(artifacts)]).to_pylist()
    return {row["artifact_id"]: row["n"] for row in sorted(rows, key=lambda r: r["artifact_id"])}


def _custody(case: Case) -> tuple[tuple[CustodyEntry, ...], tuple[str, ...]]:
    """The custody entries, or the alarm that their chain is broken: then none of them is shown as if it were whole."""
    try:
        return read_custody(case), ()
    except IntegrityError as error:
        return (), (error.what,)


_OUTCOMES = {"ran": "ran over the records of the case", "not_tested": "not tested", "failed": "could not run"}


def _all_tested(runs: Sequence[RuleRun]) -> tuple[Tested, ...]:
    titles = {r.id: r.title for r in load_rules(RULES).rules}
    return tuple(_tested(run, titles.get(run.rule, "")) for run in runs)


def _tested(run: RuleRun, title: str) -> Tested:
    reason = f": {run.reason}" if run.reason else ""
    outcome = _OUTCOMES[run.state] + reason
    return Tested(rule=run.rule, title=title, outcome=outcome, findings=run.findings, events=run.events)


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


def _source(case: Case) -> SourceFacts:
    paths = sorted((case.evidence / "sources").glob("SRC-*.json"))
    return msgspec.json.decode(paths[0].read_bytes(), type=SourceFacts)


# -- findings and their evidence --------------------------------------------------------------------------------------


def _views(timeline: Timeline, found: FindingsFile, zone: Zone | None) -> tuple[FindingView, ...]:
    findings, chains = found.findings, {c.id: c for c in found.chains}
    wanted = sorted({e for f in findings for e in f.events[:ROWS_PER_FINDING]})
    events = {r["event_id"]: r for r in cited_events(timeline, wanted)}
    under = hosts(findings)
    return tuple(
        FindingView(
            finding=f,
            first_local=local_of(f.first, zone),
            rows=tuple(_row(events[e], zone) for e in f.events[:ROWS_PER_FINDING] if e in events),
            under=under.get(f.number, ""),
            also=tuple(g for g in findings if under.get(g.number) == f.number),
            chain=chains.get(f.chain or ""),
        )
        for f in findings
    )


def _row(event: dict[str, Any], zone: Zone | None) -> EvidenceRow:
    return EvidenceRow(
        event_id=event["event_id"],
        time=iso_of(event),
        local="" if event["ns"] is None else local(event["ns"], zone),
        subject=event["subject"],
        path=event["path"],
        locator=event["locator"] or "",
        offset=event["offset"],
        length=event["length"],
        state=event["state"],
    )


# -- coverage and citations -------------------------------------------------------------------------------------------


def _account(case: Case) -> CoverageAccount:
    """Of gaps and clocks; nothing for a case of a version that did not write it."""
    path = case.evidence / "coverage.json"
    return msgspec.json.decode(path.read_bytes(), type=CoverageAccount) if path.exists() else CoverageAccount()


def _coverage(entries: Iterable[Entry]) -> tuple[Coverage, ...]:
    by_parser: dict[str, list[Entry]] = {}
    for entry in entries:
        by_parser.setdefault(entry.parser, []).append(entry)
    return tuple(_cover(name, members) for name, members in sorted(by_parser.items()))


def _cover(name: str, members: list[Entry]) -> Coverage:
    total = merge_ledgers([m.ledger for m in members])
    return Coverage(
        parser=name,
        artefacts=sum(not m.same_as for m in members),
        found=total.found,
        parsed=total.parsed,
        failed=total.failed,
        recovered=total.recovered,
        raw_lines=total.raw_lines,
        first="" if total.first_ns is None else shortest(total.first_ns),
        last="" if total.last_ns is None else shortest(total.last_ns),
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
