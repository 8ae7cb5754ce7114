"""What people see while the program works: percent by bytes and the time left, on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)


class Display:
    """A bar per stage on a terminal, one line per stage elsewhere, nothing when quiet."""

    def __init__(self, *, quiet: bool) -> None:
        console = Console(stderr=True)
        self._live = not quiet and console.is_terminal
        self._lines = not quiet and not console.is_terminal
        self._tasks: dict[str, TaskID] = {}
        self._tenth: dict[str, int] = {}
        self._began: dict[str, float] = {}
        columns = (
            TextColumn("{task.description:>8}"),
            BarColumn(),
            TaskProgressColumn(),
            DownloadColumn(),
            TimeRemainingColumn(),
        )
        self._bars = Progress(*columns, console=console, disable=not self._live)

    def __enter__(self) -> Display:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def progress(self, stage: str, done: int, total: int) -> None:
        """Take in how far a stage is, in bytes (0 of 0 when it does not count)."""
        if self._live:
            task = self._tasks.get(stage)
            if task is None:
                task = self._tasks[stage] = self._bars.add_task(stage, total=total)
            self._bars.update(task, completed=done, total=total)
        elif self._lines:
            tenth = done * 10 // total if total else 0
            if self._tenth.get(stage, -1) < tenth:
                self._tenth[stage] = tenth
                print(f"{stage}: {tenth * 10} %{self._left(stage, tenth)}", file=sys.stderr, flush=True)  # noqa: T201 - this is the display

    def say(self, lines: Iterable[str]) -> None:
        """Lines for people, above the bars."""
        for line in lines if self._live or self._lines else ():
            self._bars.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _left(self, stage: str, tenth: int) -> str:
        """The time left, from the pace so far."""
        began = self._began.setdefault(stage, time.monotonic())
        if not 0 < tenth < 10:
            return ""
        return f", about {(time.monotonic() - began) * (10 - tenth) / tenth:.0f} s left"
