"""The program's front page: the steps of a run, in order; each is also a command of its own.

A step takes the state of the run and gives back an exit code; what it made lies in the case folder, where the next
step, or a later run of the program, finds it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from collector.collect import Plan, collect_all
from collector.definitions import load as load_definitions
from collector.image import Image
from collector.queue import Preflight
from collector.records import SourceRecord
from shellcase import partial
from shellcase.absent import absent
from shellcase.case import Case, CaseMeta
from shellcase.computers import computers_of
from shellcase.coverage.account import account
from shellcase.detect import Detection, to_json
from shellcase.detect import detect as find
from shellcase.errors import LOSS, OK, ShellcaseError, UsageError, worst
from shellcase.ledger import Entry, alarms, read_ledger, read_twice, write_twice
from shellcase.model import HostFacts
from shellcase.paper.audit import log_definitions, log_rules
from shellcase.parsing import Parsed, parse, usable_cores
from shellcase.passedover import passed_over
from shellcase.planning import packed, unread
from shellcase.report import write_report
from shellcase.rooms import RULES
from shellcase.rulebook import load as load_rules
from shellcase.snapshots import read_snapshots, words_of
from shellcase.sourcecheck import StoredHashes, read_checks, worst_of
from shellcase.tell import nanoseconds
from shellcase.timeline import Timeline
from shellcase.twice import came_twice
from shellcase.verification import Watch, code_of

Progress = Callable[[str, int, int], None]
"""stage, bytes done, bytes in all"""


def quiet(_stage: str, _done: int, _total: int) -> None:
    """A progress that says nothing."""


@dataclass(slots=True, kw_only=True)
class Run:
    """The state of a run: options, the open case, what the steps said."""

    case: Case
    images: tuple[Image, ...] = ()
    verify: str = "full"
    jobs: int = field(default_factory=usable_cores)
    include_memory_dumps: bool = False
    definitions: Path | None = None
    progress: Progress = quiet
    before_copying: Callable[[Preflight], None] | None = None
    messages: list[str] = field(default_factory=list)
    watch: Watch | None = None


Step = Callable[[Run], int]


# -- the steps --------------------------------------------------------------------------------------------------------


def collect(run: Run) -> int:
    """Image → objects, collected.jsonl, not_collected.jsonl, the source's record with host facts."""
    if run.case.done("collect"):
        return OK
    case = run.case
    sources = [(case.number("SRC", i.fingerprint), i) for i in _images(run)]
    for source, image in sources:
        told = {"path": str(image.path), "loader": image.container, "fingerprint": image.fingerprint}
        case.audit("collect", source=source, profile=case.meta.profile, **told)
    given = {source for source, _image in sources}
    known = [r.host for r in read_sources(case) if r.source not in given]
    plan = plan_of(case.meta, definitions=run.definitions, include_memory_dumps=run.include_memory_dumps)
    done = collect_all(sources, case, plan, run.progress, known=known, before=run.before_copying)
    case.finish_collection()
    log_definitions(case)
    for one in done:
        case.audit("collected", source=one.source, items=one.items, bytes=one.bytes, resumed=one.resumed)
    return OK


def plan_of(meta: CaseMeta, *, definitions: Path | None = None, include_memory_dumps: bool = False) -> Plan:
    """How to collect into a case of this description. UsageError for an unknown profile or wrong definitions."""
    catalogue = load_definitions(also=definitions)
    catalogue.chosen(meta.profile)
    return Plan(
        catalogue=catalogue,
        profile=meta.profile,
        since=nanoseconds(meta.since) if meta.since else None,
        until=nanoseconds(meta.until) if meta.until else None,
        include_memory_dumps=include_memory_dumps,
    )


def begin(run: Run) -> int:
    """Start what runs beside the work: counting checked chunks; with `--verify full` reading everything."""
    run.watch = Watch(run.case, _images(run), run.verify, run.progress)
    run.watch.begin()
    return OK


def verify(run: Run) -> int:
    """Write what is known of the sources' integrity now."""
    if run.watch and not run.case.done("verify"):
        run.watch.note()
    return code_of(run.case)


def settle(run: Run) -> int:
    """Wait for the full pass, if one runs, and say its verdict in the report."""
    if run.watch and run.watch.settle() and (run.case.work / "findings.json").exists():
        report(run)
    return code_of(run.case)


def parse_all(run: Run) -> int:
    """Objects → Parquet timeline and ledger."""
    case = run.case
    if not case.done("parse"):
        case.audit("parse", jobs=run.jobs)
        entries = [e for record in read_sources(case) for e in _parse_source(run, record)]
        case.write_json("evidence/ledger.json", {"artifacts": entries})
        write_twice(case, came_twice(read_sources(case), list(case.items())))
        for record in read_sources(case):
            case.finish(f"parsed-{record.source}")
        case.audit("parsed", artefacts=len(entries), events=sum(e.events for e in entries))
        case.finish("parse")
    case.reset_shards()
    run.messages += ledger_alarms(case)
    code = LOSS if run.messages else OK
    run.messages += read_twice(case)
    return code


def _parse_source(run: Run, record: SourceRecord) -> list[Entry]:
    """The account of one source; a source that was parsed before others were added keeps what it has."""
    case = run.case
    if case.done(f"parsed-{record.source}"):
        own = {i.item for i in case.items() if i.source == record.source}
        return [e for e in read_ledger(case) if e.item in own]
    return parse(
        case,
        record.source,
        record.host,
        jobs=run.jobs,
        progress=lambda d, t: run.progress("parse", d, t),
        first_answer=lambda parsed: _first_answer(run, parsed),
    )


def _first_answer(run: Run, parsed: Parsed) -> None:
    """Findings and a report of the tiers that are done, in a place of their own; what fails here stops nothing."""
    said = partial.words(parsed.stage.tier, parsed.stage.tiers)
    try:
        own = partial.make(run.case, parsed.source_id, parsed.entries, parsed.write)
        detect(Run(case=own))
        partial.report(own, said)
    except (ShellcaseError, OSError) as error:
        said = f"no first answer ({error})"
    run.progress(f"{said} {partial.page(run.case)}", 1, 1)


def detect(run: Run) -> int:
    """Timeline → findings."""
    case = run.case
    run.progress("detect", 0, 1)
    sources = {r.source: r.host for r in read_sources(case)}
    with closing(Timeline.connect(case.timeline_to_read())) as timeline:
        case.write_json("evidence/coverage.json", account(timeline, sources))
        found = find(
            timeline,
            load_rules(RULES),
            _machine(case),
            words_of(read_snapshots(case)),
            computers_of(read_sources(case)),
        )
    detection = _numbered(case, found)
    case.write_bytes("work/findings.json", to_json(detection))
    _write_digest(case)
    log_rules(case, detection.tested)
    case.audit("detected", findings=len(detection.findings), chains=len(detection.chains))
    run.progress("detect", 1, 1)
    return OK


def _numbered(case: Case, detection: Detection) -> Detection:
    """Numbers that were given stay; what added evidence brings gets further ones."""
    numbered = tuple(msgspec.structs.replace(f, number=case.number("F", f.id)) for f in detection.findings)
    return msgspec.structs.replace(detection, findings=numbered)


def report(run: Run) -> int:
    """Findings, ledger and sources → result.json and the HTML report."""
    run.progress("report", 0, 1)
    path = write_report(run.case)
    run.case.audit("report", path=path.relative_to(run.case.root).as_posix())
    if not (run.watch and run.watch.unsettled):  # an edition that this very run replaces stays open
        run.case.finish(f"report-{path.parent.name}")
        run.case.finish("report")
    run.progress("report", 1, 1)
    return OK


STEPS: tuple[Step, ...] = (begin, collect, verify, parse_all, detect, report, settle)
COLLECTING: tuple[Step, ...] = (begin, collect, verify, settle)


def execute(run: Run, steps: tuple[Step, ...] = STEPS) -> int:
    """Take the steps in order; the worst exit code wins."""
    try:
        code = worst([step(run) for step in steps])
        partial.forget(run.case)
        return code
    finally:
        if run.watch:
            run.watch.stop()


# -- reading what stages left -----------------------------------------------------------------------------------------


def _images(run: Run) -> tuple[Image, ...]:
    if not run.images:
        raise UsageError("this step needs the source", str(run.case.root), "give the image on the command line")
    return run.images


def read_sources(case: Case) -> list[SourceRecord]:
    """The records of all sources in the order of their numbers; none before collection."""
    paths = sorted((case.evidence / "sources").glob("SRC-*.json"))
    return [msgspec.json.decode(p.read_bytes(), type=SourceRecord) for p in paths]


def read_source(case: Case) -> SourceRecord:
    """The record of the first source. UsageError when the case has none yet."""
    records = read_sources(case)
    if not records:
        raise UsageError("nothing was collected into this case yet", str(case.root), "run `shellcase collect` first")
    return records[0]


def _machine(case: Case) -> HostFacts:
    """The first source's machine, with the web sites that any source tells of."""
    hosts = [r.host for r in read_sources(case)]
    sites = {s.log_directory.lower() + s.name: s for h in reversed(hosts) for s in h.sites}
    return msgspec.structs.replace(read_source(case).host, sites=tuple(sites[k] for k in sorted(sites)))


def read_verification(case: Case) -> StoredHashes:
    """The worst verdict among the sources; `not verified` when the step has not run."""
    return worst_of(read_checks(case))


def ledger_alarms(case: Case) -> list[str]:
    """What was lost or gave nothing, in words."""
    torn = sorted(i.path for i in case.items() if i.read_errors)
    more = f", the first is {torn[0]}" if len(torn) > 1 else ""
    said = [f"{len(torn)} artefacts could not be read whole from the image{more or f': {p}'}" for p in torn[:1]]
    said += absent([r.host for r in read_sources(case)], (i.path for i in case.items()))
    said += [f"{i.path}: packed among the logs and not read; unpack it and add it to the case" for i in packed(case)]
    said += passed_over(case)
    return said + alarms(read_ledger(case), unread(case, {"evtx", "hive"}))


def _sha256(path: Path) -> str:
    with path.open("rb") as fh:
        return hashlib.file_digest(fh, "sha256").hexdigest()


def _write_digest(case: Case) -> None:
    """The analysis digest: one value over every deterministic output, for another laboratory to compare."""
    names = ["collected.jsonl", "not_collected.jsonl", "ledger.json", "coverage.json"]
    paths = [case.evidence / n for n in names] + sorted(case.timeline_folder().rglob("*.parquet"))
    paths.append(case.work / "findings.json")
    rows = {p.relative_to(case.data).as_posix(): _sha256(p) for p in paths if p.exists()}
    total = hashlib.sha256("".join(f"{v}  {k}\n" for k, v in sorted(rows.items())).encode()).hexdigest()
    case.write_json("evidence/digest.json", {"analysis_digest": total, "files": rows})
