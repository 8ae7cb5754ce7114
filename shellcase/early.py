"""When a first answer is given: after each tier, unless the whole one follows within seconds.

It is worked out beside the parsing, in a thread of its own: what takes long there is DuckDB's and Arrow's work. An
answer that was not begun before everything is parsed is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from shellcase.worker import Task

LEAST = 64 << 20
"""With fewer bytes left to be parsed the whole answer is not far."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What is parsed: all of the tiers up to `tier`, of so many `tiers`; the tasks, in their order."""

    tier: int
    tiers: int
    tasks: tuple[Task, ...]


@dataclass(slots=True)
class Early:
    """Counts the tasks of each tier and has `answer` called for each tier that is done. End it with `close`."""

    tasks: Sequence[Task]
    answer: Callable[[Stage], None] | None
    _left: Counter[int] = field(default_factory=Counter)
    _done: set[str] = field(default_factory=set)
    _bytes: int = 0
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "first-answer"))
    _given: list[Future[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._left.update(t.tier for t in self.tasks)
        self._bytes = sum(t.size for t in self.tasks)

    def done(self, task: Task, *, whole: bool = True) -> None:
        """A task has come to its end; `whole` unless it broke its worker and comes again."""
        self._left[task.tier] -= 1
        self._bytes -= task.size
        if whole:
            self._done.add(task.shard)
        rest = [t for t in sorted(self._left) if self._left[t]]
        if self._left[task.tier] or not rest or rest[0] < task.tier or self._bytes < LEAST or self.answer is None:
            return
        parsed = tuple(t for t in self.tasks if t.shard in self._done and t.tier < rest[0])
        stage = Stage(rest[0] - 1, max(self._left) + 1, parsed)
        self._given.append(self._pool.submit(self.answer, stage))

    def close(self) -> None:
        """Wait for the answer that is being worked out; its errors are raised here."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        for one in self._given:
            if not one.cancelled():
                one.result()
