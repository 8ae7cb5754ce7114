"""A command run to its end, with its wall time, its processor time and the memory of its whole process tree."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command took: seconds of the clock and of the processors, MiB of the tree at its largest, its words."""

    wall: float
    cpu: float
    peak: int
    out: str
    code: int


def run(
    command: Sequence[str], *, limit: float | None = None, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Ran:
    """Run a command. Memory is the sum of the proportional set sizes, looked at twenty times a second."""
    begun = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=cwd, env=env
    ) as process:
        watch = _Watch(process.pid)
        watch.start()
        timer = threading.Timer(limit, process.kill) if limit else None
        if timer:
            timer.start()
        assert process.stdout
        out = process.stdout.read()
        _pid, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - begun
        if timer:
            timer.cancel()
        watch.ended.set()
        watch.join()
    # wait4 counts children only that were waited for; workers that were killed at the end are seen by the watch.
    cpu = max(used.ru_utime + used.ru_stime, watch.cpu)
    return Ran(wall, cpu, max(watch.peak, used.ru_maxrss >> 10), out, process.returncode)


class _Watch(threading.Thread):
    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._used: dict[int, float] = {}
        self.peak, self.ended = 0, threading.Event()

    @property
    def cpu(self) -> float:
        """Seconds of all processes that were seen."""
        return sum(self._used.values())

    def run(self) -> None:
        while not self.ended.wait(_PAUSE):
            pids = family(self._pid)
            self.peak = max(self.peak, sum(_memory(p) for p in pids) >> 10)
            for pid in pids:
                self._used[pid] = max(self._used.get(pid, 0.0), _cpu(pid))


def family(pid: int) -> list[int]:
    """A process and all below it."""
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                todo += map(int, task.read_text(encoding="ascii").split())
            except OSError:
                continue
    return found


def _memory(pid: int) -> int:
    """KiB, pages shared with others in proportion."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))


def _cpu(pid: int) -> float:
    try:
        parts = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")
