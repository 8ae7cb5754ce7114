"""Worker processes that may crash, hang or eat memory without costing more than their own task.

A task and its answer travel over a pipe. A worker that dies or overruns its time is replaced and its task comes back
as `Broken`. Works with the start method spawn, so on every system. What a worker may not do: see `confine`.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from shellcase import processes
from shellcase.confine import Confined, confine


@dataclass(frozen=True, slots=True)
class Broken:
    """A task without an answer: the worker crashed, or was stopped after its time was up."""

    reason: str


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    pipe: Connection
    task: int = -1
    deadline: float = 0.0


class Pool:
    """Runs `work(task)` in `jobs` processes. `work` and its tasks and answers must be picklable.

    `memory`: bytes each process may use beyond what it starts with. `confined`: what the workers said of themselves.
    """

    def __init__(self, work: Callable[[Any], Any], jobs: int, *, seconds: float, memory: int | None = None) -> None:
        self._work, self._seconds, self._memory = work, seconds, memory
        self.confined: set[Confined] = set()
        self._workers = [self._start() for _ in range(max(1, jobs))]

    def _start(self) -> _Worker:
        context = processes.spawning()
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._work, self._memory), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def run(self, tasks: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Yield (index, answer or Broken) in the order in which tasks end."""
        ahead = iter(range(len(tasks)))
        left = len(tasks)
        for worker in self._workers:
            self._feed(worker, ahead, tasks)
        while left:
            for index, answer in self._collect():
                left -= 1
                yield index, answer
            for worker in self._workers:
                if worker.task < 0:
                    self._feed(worker, ahead, tasks)

    def _feed(self, worker: _Worker, ahead: Iterator[int], tasks: Sequence[Any]) -> None:
        index = next(ahead, None)
        if index is None:
            return
        worker.task, worker.deadline = index, time.monotonic() + self._seconds
        # A worker that died while idle shows up as a broken pipe here, and as an end of file in _collect.
        with suppress(BrokenPipeError, ConnectionResetError):
            worker.pipe.send(tasks[index])

    def _collect(self) -> Iterator[tuple[int, Any]]:
        busy = [w for w in self._workers if w.task >= 0]
        pause = max(0.0, min((w.deadline for w in busy), default=0.0) - time.monotonic())
        ready = wait([w.pipe for w in busy], timeout=min(pause, 1.0))
        for worker in busy:
            if worker.pipe in ready:
                answer = self._receive(worker)
                if answer is not None:
                    yield answer
            elif time.monotonic() > worker.deadline:
                yield self._replace(worker, f"stopped after {self._seconds:.0f} s")

    def _receive(self, worker: _Worker) -> tuple[int, Any] | None:
        try:
            answer = worker.pipe.recv()
        except (EOFError, ConnectionResetError):
            worker.process.join(5)
            return self._replace(worker, f"the worker process ended with code {worker.process.exitcode}")
        if isinstance(answer, Confined):
            self.confined.add(answer)
            return None
        index, worker.task = worker.task, -1
        return index, answer

    def _replace(self, worker: _Worker, reason: str) -> tuple[int, Broken]:
        index = worker.task
        worker.process.kill()
        worker.pipe.close()
        fresh = self._start()
        worker.process, worker.pipe, worker.task = fresh.process, fresh.pipe, -1
        return index, Broken(reason)

    def close(self) -> None:
        """End all workers."""
        for worker in self._workers:
            worker.process.kill()
            worker.process.join(5)
            worker.pipe.close()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _serve(pipe: Connection, work: Callable[[Any], Any], memory: int | None) -> None:
    """What a worker does until its pipe closes. Ctrl-C is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(BrokenPipeError, ConnectionResetError):
        pipe.send(confine(memory))
    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            return
        answer = work(task)
        with suppress(BrokenPipeError, ConnectionResetError):  # the program was killed; the next recv ends this
            pipe.send(answer)
