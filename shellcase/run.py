"""The program's front page: the steps of a run, in order; each is also a command of its own.

A step takes the state of the run and gives back an exit code; what it made lies in the case folder, where the next
step, or a later run of the program, finds it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from collector.collect import Plan
from collector.collect import collect as collect_image
from collector.image import Image, open_source
from collector.records import SourceRecord
from collector.verify import verify_image
from parsers import load as load_parsers
from shellcase import __version__
from shellcase.case import Case, CaseMeta
from shellcase.detect import detect as find
from shellcase.detect import to_json
from shellcase.errors import INTEGRITY, LOSS, OK, UsageError, worst
from shellcase.ledger import alarms, read_ledger
from shellcase.parsing import claims, parse, usable_cores
from shellcase.report import write_report
from shellcase.result import StoredHashes
from shellcase.rooms import RULES
from shellcase.rulebook import load as load_rules
from shellcase.timeline import Timeline

Progress = Callable[[str, int, int], None]
"""stage, bytes done, bytes in all"""


def quiet(_stage: str, _done: int, _total: int) -> None:
    """A progress that says nothing."""


@dataclass(slots=True, kw_only=True)
class Run:
    """The state of a run: options, the open case, what the steps said."""

    sources: tuple[Path, ...]
    case: Case
    verify: str = "full"
    jobs: int = field(default_factory=usable_cores)
    profile: str = "exchange"
    include_memory_dumps: bool = False
    progress: Progress = quiet
    messages: list[str] = field(default_factory=list)
    image: Image | None = None


_VERIFICATION = "evidence/verification.json"
Step = Callable[[Run], int]


def open_case(root: Path, meta: CaseMeta, sources: tuple[Path, ...], *, clobber: bool) -> tuple[Case, Image]:
    """Open the image, then make or resume its case. UsageError when the folder belongs to something else."""
    if len(sources) != 1:
        raise UsageError("this version takes one source", ", ".join(map(str, sources)), "run it once for each image")
    _keep_apart(root, sources[0])
    image = open_source(sources[0])
    try:
        return _case_for(root, meta, image.fingerprint, clobber=clobber), image
    except BaseException:
        image.close()
        raise


def _case_for(root: Path, meta: CaseMeta, fingerprint: str, *, clobber: bool) -> Case:
    meta = msgspec.structs.replace(meta, fingerprints=(fingerprint,), version=__version__)
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return Case.create(root, meta)
    if not clobber and (root / "data" / "case.json").exists():
        case = Case.open(root)
        if case.meta.fingerprints == meta.fingerprints and not case.done("report"):
            _same_work(case, meta)
            case.audit("resumed")
            return case
    if not clobber:
        raise UsageError("the case folder exists already", str(root), "choose another --case, or add --clobber")
    Case.move_aside(root)
    return Case.create(root, meta)


def _same_work(case: Case, meta: CaseMeta) -> None:
    """An unfinished case goes on as it was begun: mixed profiles or versions would have no one name in the report."""
    old = case.meta
    for what, begun, now in (("profile", old.profile, meta.profile), ("version", old.version, meta.version)):
        if begun != now:
            raise UsageError(
                f"the unfinished case was begun with {what} {begun}, not {now}",
                str(case.root),
                f"go on with {what} {begun}, or choose another --case, or add --clobber",
            )


def _keep_apart(root: Path, source: Path) -> None:
    if source.is_dir() and root.resolve().is_relative_to(source.resolve()):
        raise UsageError("the case folder lies inside the evidence", str(root), "choose a folder outside the source")


# -- the steps --------------------------------------------------------------------------------------------------------


def collect(run: Run) -> int:
    """Image → objects, collected.jsonl, not_collected.jsonl, the source's record with host facts."""
    if run.case.done("collect"):
        return OK
    image = _image(run)
    run.case.audit("collect", source=str(run.sources[0]), profile=run.profile)
    plan = Plan(profile=run.profile, include_memory_dumps=run.include_memory_dumps)
    summary = collect_image(image, run.case, plan, run.progress)
    run.case.finish_collection()
    run.case.audit("collected", items=summary.items, bytes=summary.bytes, resumed=summary.resumed)
    return OK


def verify(run: Run) -> int:
    """Hash the whole medium against what the container stores."""
    if run.case.done("verify"):
        return _verdict(run.case)
    if run.verify == "none":
        run.case.write_json(_VERIFICATION, StoredHashes(verdict="not verified", problems=("switched off",)))
    else:
        run.case.audit("verify", mode=run.verify)
        run.case.write_json(_VERIFICATION, verify_image(_image(run), run.progress))
    run.case.audit("verified", verdict=read_verification(run.case).verdict)
    run.case.finish("verify")
    return _verdict(run.case)


def _verdict(case: Case) -> int:
    bad = read_verification(case).verdict in {"data hash does not match", "container damaged"}
    return INTEGRITY if bad else OK


def parse_all(run: Run) -> int:
    """Objects → Parquet timeline and ledger."""
    case = run.case
    if not case.done("parse"):
        record = read_source(case)
        case.audit("parse", jobs=run.jobs)
        entries = parse(
            case, record.source, record.host, jobs=run.jobs, progress=lambda d, t: run.progress("parse", d, t)
        )
        case.write_json("evidence/ledger.json", {"artifacts": entries})
        case.audit("parsed", artefacts=len(entries), events=sum(e.events for e in entries))
        case.finish("parse")
        case.reset_shards()
    run.messages += ledger_alarms(case)
    return LOSS if run.messages else OK


def detect(run: Run) -> int:
    """Timeline → findings."""
    case = run.case
    run.progress("detect", 0, 1)
    with closing(Timeline.connect(case.timeline_to_read())) as timeline:
        detection = find(timeline, load_rules(RULES), read_source(case).host)
    case.write_bytes("work/findings.json", to_json(detection))
    _write_digest(case)
    case.audit("detected", findings=len(detection.findings), chains=len(detection.chains))
    run.progress("detect", 1, 1)
    return OK


def report(run: Run) -> int:
    """Findings, ledger and sources → result.json and the HTML report."""
    run.progress("report", 0, 1)
    path = write_report(run.case)
    run.case.audit("report", path=path.relative_to(run.case.root).as_posix())
    run.case.finish("report")
    run.progress("report", 1, 1)
    return OK


STEPS: tuple[Step, ...] = (collect, verify, parse_all, detect, report)


def execute(run: Run, steps: tuple[Step, ...] = STEPS) -> int:
    """Take the steps in order; the worst exit code wins."""
    return worst([step(run) for step in steps])


# -- reading what stages left -----------------------------------------------------------------------------------------


def _image(run: Run) -> Image:
    if run.image is None:
        run.image = open_source(run.sources[0])
    return run.image


def read_source(case: Case) -> SourceRecord:
    """The record of the first source. UsageError when the case has none yet."""
    paths = sorted((case.evidence / "sources").glob("SRC-*.json"))
    if not paths:
        raise UsageError("nothing was collected into this case yet", str(case.root), "run `shellcase collect` first")
    return msgspec.json.decode(paths[0].read_bytes(), type=SourceRecord)


def read_verification(case: Case) -> StoredHashes:
    """The verdict on the source; `not verified` when the step has not run."""
    path = case.data / _VERIFICATION
    if not path.exists():
        return StoredHashes(verdict="not verified", problems=("verification has not run",))
    return msgspec.json.decode(path.read_bytes(), type=StoredHashes)


def ledger_alarms(case: Case) -> list[str]:
    """What was lost or gave nothing, in words."""
    unread = [
        i
        for i in case.items()
        if i.cls in {"evtx", "hive"} and i.state == "live" and not list(claims(i, case.evidence))
    ]
    torn = sorted(i.path for i in case.items() if i.read_errors)
    more = f", the first is {torn[0]}" if len(torn) > 1 else ""
    said = [f"{len(torn)} artefacts could not be read whole from the image{more or f': {p}'}" for p in torn[:1]]
    return said + alarms(read_ledger(case), [i for i in unread if i.size])


def _write_digest(case: Case) -> None:
    """The analysis digest: one value over every deterministic output, for another laboratory to compare."""
    names = ["collected.jsonl", "not_collected.jsonl", "ledger.json", "verification.json"]
    paths = [case.evidence / n for n in names] + sorted(case.timeline_folder().rglob("*.parquet"))
    paths.append(case.work / "findings.json")
    rows = {
        p.relative_to(case.data).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths if p.exists()
    }
    total = hashlib.sha256("".join(f"{v}  {k}\n" for k, v in sorted(rows.items())).encode()).hexdigest()
    case.write_json("evidence/digest.json", {"analysis_digest": total, "files": rows})


def instant(text: str) -> str:
    """An ISO 8601 time from the command line as UTC text. UsageError when it is none, or has no zone and no Z."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no time", todo="write it like 2021-03-03T06:49:42Z") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def parser_lines() -> Iterator[str]:
    """One paragraph per parser, for people."""
    for parser in load_parsers():
        yield f"{parser.name} v{parser.version}"
        yield f"    reads   {', '.join(parser.definitions)}"
        yield f"    yields  {', '.join(k.name for k in parser.yields)}"


def rule_lines(rule_id: str) -> Iterator[str]:
    """A line per rule, or one rule with its words. UsageError for an unknown id."""
    rules = load_rules(RULES).rules
    if not rule_id:
        yield from (f"{r.id}  v{r.version}  {r.claim:<10}  {r.weight:<6}  {r.title}" for r in rules)
        return
    rule = next((r for r in rules if r.id.lower() == rule_id.lower()), None)
    if rule is None:
        raise UsageError("no such rule", rule_id, "`shellcase rules` lists them")
    yield f"{rule.id} v{rule.version}: {rule.title}"
    yield f"claim {rule.claim}, weight {rule.weight}, ATT&CK {', '.join(rule.attack)}, reads {', '.join(rule.kinds)}"
    yield f"record: {rule.observation}"
    yield f"inference: {rule.inference}"
    yield from (f"what else: {a}" for a in rule.alternatives)
    yield from (f"limit ({one.kind}): {one.text}" for one in rule.limits)
    yield rule.sql
