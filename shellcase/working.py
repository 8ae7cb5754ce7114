"""Taking the steps of a run for the verbs: opening, display, what is said at the end."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from collector.collect import Plan, preview
from collector.image import Image
from collector.queue import Preflight
from shellcase import opening, preflight
from shellcase import run as runs
from shellcase.case import Case, CaseMeta
from shellcase.case.lock import locked
from shellcase.clean import plain
from shellcase.errors import Interrupted, ShellcaseError
from shellcase.output import print_lines
from shellcase.paper.forms import write_run_sheet
from shellcase.parsing import usable_cores
from shellcase.progress import Display
from shellcase.settings import Settings
from shellcase.show import case_summary
from shellcase.status import StatusFile

_ALARMS = 20
"""Alarms that are shown; all of them stand in the report and in --json."""


def work(
    sources: list[Path],
    case_dir: Path,
    meta: CaseMeta,
    steps: tuple[runs.Step, ...],
    *,
    settings: Settings,
    clobber: bool = False,
    dry_run: bool = False,
) -> int:
    """Open or make the case, take the steps, say what came of it."""
    settings.check()
    keys = settings.keys()
    plan = runs.plan_of(meta, definitions=settings.definitions)  # what is wrong is refused before anything is written
    if dry_run:
        opening.keep_apart(case_dir, sources)
        return _preview(opening.open_sources(sources, keys), plan, case_dir)
    case, images = opening.open_case(case_dir, meta, sources, clobber=clobber, keys=keys)
    return take_steps(case, images, steps, settings)


def _preview(images: tuple[Image, ...], plan: Plan, case_dir: Path) -> int:
    try:
        found = preview([(f"SRC-{n:02d}", i) for n, i in enumerate(images, 1)], plan)
    finally:
        opening.close(images)
    return print_lines(preflight.lines(found, case_dir))


def take_steps(case: Case, images: tuple[Image, ...], steps: tuple[runs.Step, ...], settings: Settings) -> int:
    """Take the steps on an open case, with a display; closes the images."""
    with locked(case.root), Display(quiet=settings.quiet) as display, _watched(case, display) as (progress, ended):
        run = runs.Run(
            case=case,
            images=images,
            verify=settings.verify,
            jobs=settings.jobs or usable_cores(),
            include_memory_dumps=settings.include_memory_dumps,
            definitions=settings.definitions,
            progress=progress,
            before_copying=lambda found: _before(found, case.root, display),
        )
        case.finish("running")
        try:
            code = runs.execute(run, steps)
        except KeyboardInterrupt:
            case.flush()
            case.audit("interrupted")
            todo = "start the same command again: it goes on where it stopped"
            raise Interrupted("stopped by the user", str(case.root), todo) from None
        finally:
            opening.close(images)
        ended(code)
    write_run_sheet(case, code=code, alarms=run.messages)
    case.reopen("running")
    finish(case, run.messages, code, as_json=settings.as_json)
    return code


@contextmanager
def _watched(case: Case, display: Display) -> Iterator[tuple[runs.Progress, Callable[[int], None]]]:
    """Progress for people and for programs; and what is to be told the exit code."""
    file = StatusFile(case.work / "runs" / case.run_name / "status.json")

    def progress(stage: str, done: int, total: int) -> None:
        display.progress(stage, done, total)
        file.progress(stage, done, total)

    ended = list[int]()
    try:
        yield progress, ended.append
    finally:
        error = sys.exc_info()[1]
        stopped = "interrupted" if isinstance(error, Interrupted) else "failed"
        code = error.exit_code if isinstance(error, ShellcaseError) else None
        file.end("done" if ended else stopped, ended[0] if ended else code)


def _before(found: Preflight, root: Path, display: Display) -> None:
    display.say(preflight.lines(found, root))
    preflight.check_space(found, root)


def finish(case: Case, messages: list[str], code: int, *, as_json: bool) -> None:
    """Say what came of it: alarms on stderr, the summary on stdout."""
    summary = case_summary(case)
    if as_json:
        typer.echo(json.dumps({**summary, "exit_code": code, "alarms": messages}, indent=1, sort_keys=True))
        return
    more = [f"and {len(messages) - _ALARMS} more"] if len(messages) > _ALARMS else []
    for message in messages[:_ALARMS] + more:
        typer.echo(plain(f"alarm: {message}", 600), err=True)
    for key, value in summary.items():
        typer.echo(f"{key.replace('_', ' '):>18}  {plain(str(value), 300)}")


def again(case_dir: Path, step: runs.Step, stage: str, *, jobs: int, as_json: bool, quiet: bool) -> int:
    """Take one later step again on an existing case."""
    runs.read_source(Case.look(case_dir))  # a refused command leaves no line in the audit log
    case = Case.open(case_dir)
    case.reopen(stage)
    if stage == "parse":
        case.reopen(*(f"parsed-{r.source}" for r in runs.read_sources(case)))
    with locked(case.root), Display(quiet=quiet) as display, _watched(case, display) as (progress, ended):
        run = runs.Run(case=case, jobs=jobs or usable_cores(), progress=progress)
        try:
            code = step(run)
        except KeyboardInterrupt:
            raise Interrupted("stopped by the user", str(case_dir), "start the same command again") from None
        ended(code)
    write_run_sheet(case, code=code, alarms=run.messages)
    finish(case, run.messages, code, as_json=as_json)
    return code
