"""What verbs print or write: to a reader who may leave early, or to a file that must come out whole."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import typer

from shellcase.case import Case
from shellcase.clean import plain
from shellcase.errors import OK, UsageError
from shellcase.export import export
from shellcase.timeline import Timeline


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """`… | head` closes the pipe: that is the reader's choice and no error."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_lines(lines: Iterable[str]) -> int:
    """Lines to stdout; the exit code."""
    with reader_may_leave():
        for line in lines:
            typer.echo(line)
    return OK


def period(since: str, until: str) -> list[str]:
    """SQL conditions for a period, from UTC instants in order."""
    return [f"ts {sign} TIMESTAMPTZ '{text}'" for sign, text in ((">=", since), ("<=", until)) if text]


def write_events(case: Case, where: str, fmt: str, output: Path | None, tz: str = "") -> int:
    """Events that meet `where`, to stdout or to a new file; a failed export leaves no file behind."""
    with closing(Timeline.connect(case.timeline_to_read())) as timeline:
        if output is None:
            with reader_may_leave():
                export(timeline, fmt, where, sys.stdout.buffer, tz)
            return OK
        _must_be_new(output)
        try:
            with output.open("xb") as out:
                count = export(timeline, fmt, where, out, tz)
        except BaseException:
            output.unlink(missing_ok=True)
            raise
    lines = "lines" if fmt == "bodyfile" else "events"
    typer.echo(f"{count} {lines} → {plain(str(output))}", err=True)
    return OK


def write_new(output: Path, content: bytes) -> None:
    """A new file, whole or not at all; says where it is. UsageError when something is in the way."""
    _must_be_new(output)
    try:
        with output.open("xb") as out:
            out.write(content)
    except BaseException:
        output.unlink(missing_ok=True)
        raise
    typer.echo(f"written → {plain(str(output), 1000)}", err=True)


def _must_be_new(output: Path) -> None:
    if output.exists():
        raise UsageError("the output file exists already", str(output), "choose another name")
    if not output.parent.is_dir():
        raise UsageError("the folder for the output does not exist", str(output.parent), "make it, or choose another")
