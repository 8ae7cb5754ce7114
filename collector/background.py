"""Full passes in a process of their own, beside the work: they start with it, never hold it up, and outlive no one.

The process leaves its result, or a checkpoint to go on from, in the folder it is given. It ends by itself when the
program that started it is gone, however that ended.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from collector.checkpoint import Journal
from collector.hashing import FullPass, Stopped, full_pass
from shellcase import processes
from shellcase.errors import ShellcaseError

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess
    from multiprocessing.sharedctypes import Synchronized


class Task(Struct, frozen=True):
    """A source to read: its number, its path, its media bytes, the fingerprint it must have."""

    source: str
    path: str
    size: int
    fingerprint: str


def result_of(folder: Path, task: Task) -> FullPass | None:
    """The finished pass over a source, None where there is none."""
    try:
        found = msgspec.json.decode(_result(folder, task.source).read_bytes(), type=FullPass)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return found if found.fingerprint == task.fingerprint else None


def forget(folder: Path, source: str) -> None:
    """Drop result and checkpoint of a source, so that it is read anew."""
    _result(folder, source).unlink(missing_ok=True)
    _journal(folder, source).drop()


def run_here(folder: Path, task: Task, tick: Callable[[int], bool]) -> FullPass:
    """One pass in this process, going on from a checkpoint. EvidenceError when the source is gone, or Stopped."""
    done = result_of(folder, task)
    if done is not None:
        return done
    journal = _journal(folder, task.source)
    done = full_pass(Path(task.path), journal, tick)
    path = _result(folder, task.source)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(msgspec.json.encode(done))
    part.replace(path)
    journal.drop()
    return done


def _result(folder: Path, source: str) -> Path:
    return folder / f"{source}.pass.json"


def _journal(folder: Path, source: str) -> Journal:
    return Journal(folder / f"{source}.checkpoint.json")


class Passes:
    """The passes over some sources, one after the other, in one process."""

    def __init__(self, folder: Path, tasks: Sequence[Task]) -> None:
        self.folder, self.tasks = folder, tuple(tasks)
        self.total = sum(t.size for t in tasks)
        context = processes.spawning()
        self._done: Synchronized[int] = context.Value("q", 0)
        self._stop = context.Event()
        self._process: BaseProcess | None = None

    def start(self) -> None:
        """Begin; comes back at once."""
        args = (self.folder, self.tasks, self._done, self._stop)
        self._process = processes.spawning().Process(target=_serve, args=args, daemon=True)
        self._process.start()

    @property
    def done(self) -> int:
        """Media bytes read so far, over all sources."""
        return int(self._done.value)

    def wait(self, seconds: float) -> bool:
        """Wait at most so long; whether the process has ended."""
        if self._process is None:
            return True
        self._process.join(seconds)
        return self._process.exitcode is not None

    def stop(self) -> None:
        """End the process; it writes its checkpoint first, if it answers."""
        if self._process is None:
            return
        self._stop.set()
        self._process.join(5)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join(5)
        self._process = None


def _serve(folder: Path, tasks: Sequence[Task], done: Synchronized[int], stop: object) -> None:
    """What the process does. Ctrl-C is the parent's business; the work has the right of way."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        with suppress(OSError):
            os.nice(10)
    before, parent = 0, multiprocessing.parent_process()

    def tick(at: int) -> bool:
        done.value = before + at
        return not stop.is_set() and (parent is None or parent.is_alive())  # type: ignore[attr-defined]

    for task in tasks:
        # What fails here is done again, and told, by the one who waits for the result.
        with suppress(ShellcaseError, OSError):
            try:
                run_here(folder, task, tick)
            except Stopped:
                return
        before += task.size
        done.value = before
