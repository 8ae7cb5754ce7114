"""Verbs that work on a case: run, collect, add, parse, detect, report, demo."""

from __future__ import annotations

from pathlib import Path

from shellcase import opening, tell
from shellcase import run as runs
from shellcase.case import CaseMeta
from shellcase.commands.referees import Referee, ask, wanted
from shellcase.errors import worst
from shellcase.options import (
    AsJson,
    CaseArg,
    CaseDir,
    Clobber,
    Definitions,
    DryRun,
    Dumps,
    Examiner,
    Jobs,
    Keychain,
    Number,
    Organisation,
    Profile,
    Quiet,
    RecoveryKey,
    ReportDate,
    Since,
    SourceArg,
    Title,
    Until,
    Verify,
)
from shellcase.rooms import DEMO
from shellcase.settings import Settings
from shellcase.working import again, take_steps, work


def run_command(
    sources: SourceArg,
    case_dir: CaseDir,
    case_number: Number = "",
    examiner: Examiner = "",
    title: Title = "",
    organisation: Organisation = "",
    report_date: ReportDate = "",
    verify: Verify = "fast",
    profile: Profile = "exchange",
    definitions: Definitions = None,
    since: Since = "",
    until: Until = "",
    recovery_key: RecoveryKey = None,
    keychain: Keychain = None,
    jobs: Jobs = 0,
    include_memory_dumps: Dumps = False,
    clobber: Clobber = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """From image to report: collect, verify, parse, detect, report."""
    first, last = tell.between(since, until)
    meta = CaseMeta(
        case_number=case_number,
        examiner=examiner,
        title=title,
        organisation=organisation,
        report_date=report_date,
        profile=profile,
        since=first,
        until=last,
    )
    settings = Settings(
        verify=verify,
        jobs=jobs,
        definitions=definitions,
        recovery_key=tuple(recovery_key or ()),
        keychain=keychain,
        include_memory_dumps=include_memory_dumps,
        as_json=as_json,
        quiet=quiet,
    )
    return work(sources, case_dir, meta, runs.STEPS, settings=settings, clobber=clobber, dry_run=dry_run)


def collect_command(
    sources: SourceArg,
    case_dir: CaseDir,
    case_number: Number = "",
    examiner: Examiner = "",
    verify: Verify = "fast",
    profile: Profile = "exchange",
    definitions: Definitions = None,
    since: Since = "",
    until: Until = "",
    recovery_key: RecoveryKey = None,
    keychain: Keychain = None,
    include_memory_dumps: Dumps = False,
    clobber: Clobber = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Only collect: artefacts, hashes and outcomes into the case folder."""
    first, last = tell.between(since, until)
    meta = CaseMeta(
        case_number=case_number,
        examiner=examiner,
        profile=profile,
        since=first,
        until=last,
    )
    settings = Settings(
        verify=verify,
        definitions=definitions,
        recovery_key=tuple(recovery_key or ()),
        keychain=keychain,
        include_memory_dumps=include_memory_dumps,
        as_json=as_json,
        quiet=quiet,
    )
    return work(sources, case_dir, meta, runs.COLLECTING, settings=settings, clobber=clobber, dry_run=dry_run)


def add_command(
    case_dir: CaseArg,
    sources: SourceArg,
    verify: Verify = "fast",
    definitions: Definitions = None,
    recovery_key: RecoveryKey = None,
    keychain: Keychain = None,
    jobs: Jobs = 0,
    include_memory_dumps: Dumps = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """More evidence for a finished case: a second image, a collection, logs found later. No number shifts."""
    settings = Settings(
        verify=verify,
        jobs=jobs,
        definitions=definitions,
        recovery_key=tuple(recovery_key or ()),
        keychain=keychain,
        include_memory_dumps=include_memory_dumps,
        as_json=as_json,
        quiet=quiet,
    )
    settings.check()
    case, images = opening.open_to_add(case_dir, sources, keys=settings.keys())
    return take_steps(case, images, runs.STEPS, settings)


def parse_command(
    case_dir: CaseArg, referee: Referee = "", jobs: Jobs = 0, as_json: AsJson = False, quiet: Quiet = False
) -> int:
    """Only parse: collected artefacts into the timeline and the ledger."""
    asked = wanted(referee)
    code = again(case_dir, runs.parse_all, "parse", jobs=jobs, as_json=as_json, quiet=quiet)
    return worst([code, ask(case_dir, asked, quiet=quiet or as_json)]) if asked else code


def detect_command(case_dir: CaseArg, as_json: AsJson = False, quiet: Quiet = False) -> int:
    """Only detect: the timeline into findings and chains."""
    return again(case_dir, runs.detect, "detect", jobs=1, as_json=as_json, quiet=quiet)


def report_command(case_dir: CaseArg, as_json: AsJson = False, quiet: Quiet = False) -> int:
    """Only report: findings into result.json and the HTML page."""
    return again(case_dir, runs.report, "report", jobs=1, as_json=as_json, quiet=quiet)


def demo_command(
    case_dir: CaseDir = Path("build/demo"),
    jobs: Jobs = 0,
    clobber: Clobber = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """The bundled image of a compromised Exchange server, from image to report."""
    meta = CaseMeta(
        case_number="DEMO-1", examiner="shellcase demo", title="Demonstration: compromised Exchange server EX01"
    )
    settings = Settings(jobs=jobs, as_json=as_json, quiet=quiet)
    return work([DEMO / "EX01.E01"], case_dir, meta, runs.STEPS, settings=settings, clobber=clobber)
