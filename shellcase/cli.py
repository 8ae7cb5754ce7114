"""The command line: verbs, options, and what people read. Exit codes are those of shellcase.errors."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from collector.definitions import load as load_definitions
from shellcase import __version__
from shellcase import run as runs
from shellcase.case import Case, CaseMeta
from shellcase.clean import plain
from shellcase.commands import look
from shellcase.errors import OK, USAGE, Interrupted, ShellcaseError, UsageError
from shellcase.failures import of_the_system, say
from shellcase.options import (
    AsJson,
    CaseArg,
    CaseDir,
    Clobber,
    Dumps,
    Examiner,
    Jobs,
    Number,
    Organisation,
    Profile,
    Quiet,
    ReportDate,
    SourceArg,
    Title,
    Verify,
)
from shellcase.parsing import usable_cores
from shellcase.progress import Display
from shellcase.rooms import DEMO
from shellcase.show import case_summary

_ALARMS = 20
"""Alarms that are shown; all of them stand in the report and in --json."""


def _leave(code: int | None, **_options: object) -> None:
    """Make the number a command returns the exit code; typer alone would always end with 0."""
    raise typer.Exit(code or OK)


app = typer.Typer(
    name="shellcase",
    result_callback=_leave,
    help="A disk image of a broken-into Exchange server in; a case folder, one timeline and a report out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"shellcase {__version__}")
        raise typer.Exit(OK)


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options that stand before a verb."""


def _work(
    sources: list[Path],
    case_dir: Path,
    meta: CaseMeta,
    steps: tuple[runs.Step, ...],
    *,
    options: dict[str, Any],
    clobber: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Open or make the case, take the steps, say what came of it."""
    if options["verify"] not in {"none", "full"}:
        raise UsageError(f"--verify {options['verify']} is unknown", todo="use none or full")
    load_definitions().chosen(meta.profile)  # an unknown profile is refused before anything is written
    options["jobs"] = options["jobs"] or usable_cores()
    case, image = runs.open_case(case_dir, meta, tuple(sources), clobber=clobber)
    with Display(quiet=quiet) as display:
        run = runs.Run(sources=tuple(sources), case=case, image=image, progress=display.progress, **options)
        try:
            code = runs.execute(run, steps)
        except KeyboardInterrupt:
            case.flush()
            case.audit("interrupted")
            raise Interrupted(
                "stopped by the user", str(case_dir), "start the same command again: it goes on where it stopped"
            ) from None
        finally:
            image.close()
    _finish(case, run.messages, code, as_json=as_json)
    return code


def _finish(case: Case, messages: list[str], code: int, *, as_json: bool) -> None:
    summary = case_summary(case)
    if as_json:
        typer.echo(json.dumps({**summary, "exit_code": code, "alarms": messages}, indent=1, sort_keys=True))
        return
    more = [f"and {len(messages) - _ALARMS} more"] if len(messages) > _ALARMS else []
    for message in messages[:_ALARMS] + more:
        typer.echo(plain(f"alarm: {message}", 600), err=True)
    for key, value in summary.items():
        typer.echo(f"{key.replace('_', ' '):>18}  {plain(str(value), 300)}")


@app.command("run")
def run_command(
    sources: SourceArg,
    case_dir: CaseDir,
    case_number: Number = "",
    examiner: Examiner = "",
    title: Title = "",
    organisation: Organisation = "",
    report_date: ReportDate = "",
    verify: Verify = "full",
    profile: Profile = "exchange",
    jobs: Jobs = 0,
    include_memory_dumps: Dumps = False,
    clobber: Clobber = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """From image to report: collect, verify, parse, detect, report."""
    meta = CaseMeta(
        case_number=case_number,
        examiner=examiner,
        title=title,
        organisation=organisation,
        report_date=report_date,
        profile=profile,
    )
    options = {"verify": verify, "jobs": jobs, "profile": profile, "include_memory_dumps": include_memory_dumps}
    return _work(sources, case_dir, meta, runs.STEPS, options=options, clobber=clobber, as_json=as_json, quiet=quiet)


@app.command("collect")
def collect_command(
    sources: SourceArg,
    case_dir: CaseDir,
    case_number: Number = "",
    examiner: Examiner = "",
    verify: Verify = "full",
    profile: Profile = "exchange",
    include_memory_dumps: Dumps = False,
    clobber: Clobber = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Only collect: artefacts, hashes and outcomes into the case folder."""
    meta = CaseMeta(case_number=case_number, examiner=examiner, profile=profile)
    options = {"verify": verify, "jobs": 1, "profile": profile, "include_memory_dumps": include_memory_dumps}
    steps = (runs.collect, runs.verify)
    return _work(sources, case_dir, meta, steps, options=options, clobber=clobber, as_json=as_json, quiet=quiet)


def _again(case_dir: Path, step: runs.Step, stage: str, *, jobs: int, as_json: bool, quiet: bool) -> int:
    """Take one later step again on an existing case."""
    case = Case.open(case_dir)
    runs.read_source(case)
    case.reopen(stage)
    with Display(quiet=quiet) as display:
        run = runs.Run(sources=(), case=case, jobs=jobs or usable_cores(), progress=display.progress)
        try:
            code = step(run)
        except KeyboardInterrupt:
            raise Interrupted("stopped by the user", str(case_dir), "start the same command again") from None
    _finish(case, run.messages, code, as_json=as_json)
    return code


@app.command("parse")
def parse_command(case_dir: CaseArg, jobs: Jobs = 0, as_json: AsJson = False, quiet: Quiet = False) -> int:
    """Only parse: collected artefacts into the timeline and the ledger."""
    return _again(case_dir, runs.parse_all, "parse", jobs=jobs, as_json=as_json, quiet=quiet)


@app.command("detect")
def detect_command(case_dir: CaseArg, as_json: AsJson = False, quiet: Quiet = False) -> int:
    """Only detect: the timeline into findings and chains."""
    return _again(case_dir, runs.detect, "detect", jobs=1, as_json=as_json, quiet=quiet)


@app.command("report")
def report_command(case_dir: CaseArg, as_json: AsJson = False, quiet: Quiet = False) -> int:
    """Only report: findings into result.json and the HTML page."""
    return _again(case_dir, runs.report, "report", jobs=1, as_json=as_json, quiet=quiet)


@app.command("demo")
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
    options = {"verify": "full", "jobs": jobs}
    return _work(
        [DEMO / "EX01.E01"], case_dir, meta, runs.STEPS, options=options, clobber=clobber, as_json=as_json, quiet=quiet
    )


# Verbs with a file of their own, in the order of the help text.
app.command("info")(look.info_command)
app.command("timeline")(look.timeline_command)
app.command("show")(look.show_command)
app.command("parsers")(look.parsers_command)
app.command("rules")(look.rules_command)


def main() -> int:
    """Run the command line; the one place where errors become exit codes."""
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    try:
        app()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else USAGE
    except ShellcaseError as error:
        return say(error)
    except KeyboardInterrupt:
        return say(Interrupted("stopped by the user"))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return OK
    except OSError as error:
        return say(of_the_system(error))
    return OK
