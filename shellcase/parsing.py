"""From collected artefacts to the timeline: which process parses what, and the account of it.

Small artefacts of one parser travel in groups; a group that breaks its worker is tried again one by one, so that a
crash, a hang or a bomb costs one artefact, or one part of a big one. Each finished group is a shard on disk; an
interrupted run finds it and goes on. After each tier the caller is told, so that a first answer comes early.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from parsers import named
from shellcase import shards
from shellcase.case import Case
from shellcase.confine import ALONE, share
from shellcase.early import Early, Stage
from shellcase.errors import IntegrityError
from shellcase.ledger import Entry
from shellcase.model import HostFacts, Issue, Ledger, Span
from shellcase.placing import place
from shellcase.planning import Scope, claims, folder_of, plan, scope_of
from shellcase.pool import Broken, Pool
from shellcase.schema import TIMELINE
from shellcase.timeline import SORTING, write_sorted
from shellcase.worker import Halt, Short, Task, forgo, work

__all__ = ["claims", "parse", "usable_cores"]

_ROOM = 64 << 20
"""With less on the disk, what DuckDB or Arrow cannot write is a full disk; they do not always say so."""
SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Parsed:
    """The tiers of a source that are done: their accounts, and what writes their timeline into a case."""

    stage: Stage
    source_id: str
    entries: list[Entry]
    write: Callable[[Case], None]


def parse(
    case: Case,
    source_id: str,
    host: HostFacts,
    *,
    jobs: int,
    progress: Callable[[int, int], None],
    first_answer: Callable[[Parsed], None] | None = None,
) -> list[Entry]:
    """Parse everything, write the timeline of a source, return the ledger in order of item and parser.

    `first_answer` is called after each tier, in a thread of its own, while the next ones are parsed.
    """
    case.shards.mkdir(parents=True, exist_ok=True)
    shards.sweep(case.shards)
    scope = scope_of(case, source_id)
    forgo()

    def answer(stage: Stage) -> None:
        done = list(stage.tasks)
        entries = shards.joined(e for t in done for e in _account(t.shard))
        if first_answer:
            write = _write if scope.links() else _write_loose
            first_answer(Parsed(stage, source_id, entries, lambda partial: write(partial, scope, done)))

    with Pool(work, jobs, seconds=SECONDS, memory=share(jobs)) as pool:  # they load their libraries meanwhile
        tasks, repeated = plan(case, source_id, host, scope)
        early = Early(tasks, answer if first_answer else None)
        try:
            broken = _parse_tasks(case, tasks, pool, progress, early)
        finally:
            early.close()
    _last_chance(case, broken)
    again: dict[str, list[Task]] = {}
    for one in broken:
        again.setdefault(one.shard.rpartition("-")[0], []).append(one)
    whole = [one for t in tasks for one in again.get(t.shard, [t])]
    entries = shards.joined(e for t in whole for e in _account(t.shard))
    _write(case, scope, whole)
    return sorted([*entries, *repeated], key=lambda e: (e.item, e.parser))


def _parse_tasks(
    case: Case, tasks: list[Task], pool: Pool, progress: Callable[[int, int], None], early: Early
) -> list[Task]:
    """Have every task done that no earlier run finished; returns what broke, one artefact a task."""
    total, done, broken = sum(t.size for t in tasks), 0, list[Task]()
    progress(0, total)
    todo = list[Task]()
    for task in tasks:
        if shards.finished(task.shard):
            done += task.size
            early.done(task)
        else:
            todo.append(task)
    for task, reason in _answers(pool, todo):
        done += task.size
        progress(done, total)
        early.done(task, whole=not reason)
        if reason:
            broken += _alone(case, task, reason)
    _tell(case, pool)
    return broken


def _last_chance(case: Case, broken: list[Task]) -> None:
    """What broke its worker, once more: one at a time, with the memory of all."""
    if not broken:
        return
    with Pool(work, 1, seconds=SECONDS, memory=ALONE) as pool:
        for task, reason in _answers(pool, broken):
            if reason:
                _write_lost(task, reason)


def _tell(case: Case, pool: Pool) -> None:
    for one in sorted(pool.confined, key=lambda c: (c.network, c.memory)):
        memory = f"{one.memory} MiB" if one.memory else "not limited"
        case.audit("workers", network=one.network, memory=memory)


def _answers(pool: Pool, tasks: list[Task]) -> Iterator[tuple[Task, str]]:
    """Each task and why it is not done, empty when it is; OSError when it is the machine that fails, not the parser."""
    for index, answer in pool.run(tasks):
        if isinstance(answer, Halt):
            raise answer.error()
        broke = isinstance(answer, (Broken, Short)) and not shards.finished(tasks[index].shard)
        yield tasks[index], answer.reason if broke else ""


def _account(shard: str) -> tuple[Entry, ...]:
    """The account of a shard that must be there by now."""
    if not shards.finished(shard):
        what = "a part of the timeline is not what its worker wrote"
        raise IntegrityError(what, str(shards.parquet_of(shard)), "start the same command again: it is parsed anew")
    return shards.entries(shard)


def _write(case: Case, scope: Scope, whole: list[Task]) -> None:
    """The timeline of a source, its copies linked."""
    folder = folder_of(case, scope.own)
    _clear(folder)
    try:
        small = [shards.parquet_of(t.shard) for t in whole if not t.final]
        written = write_sorted(small, folder, scope.own, scope.links())
        for parser in sorted({t.parser for t in whole if t.final}):
            parts = [shards.parquet_of(t.shard) for t in whole if t.final and t.parser == parser]
            written += place(parts, folder, parser, written)
    except (duckdb.Error, pa.ArrowException) as error:
        if shutil.disk_usage(case.root).free > _ROOM:
            raise
        raise OSError(errno.ENOSPC, str(error), str(folder)) from error
    shards.make_durable(written)
    shutil.rmtree(folder / SORTING, ignore_errors=True)


def _write_loose(case: Case, scope: Scope, whole: list[Task]) -> None:
    """The timeline of a source as it lies in the shards: a first answer asks for order where it needs one.

    To merge them would take as long as to parse them again, and that is done in the end anyway.
    """
    folder = folder_of(case, scope.own)
    folder.mkdir(parents=True, exist_ok=True)
    for parser in sorted({t.parser for t in whole}):
        place([shards.parquet_of(t.shard) for t in whole if t.parser == parser], folder, parser, ())


def _clear(folder: Path) -> None:
    """Take away what an earlier parse, whose last parts might have no successor, or a killed one left."""
    for old in folder.glob("*.parquet"):
        old.unlink()
    shutil.rmtree(folder / SORTING, ignore_errors=True)


def _alone(case: Case, task: Task, reason: str) -> list[Task]:
    """A broken group again, one artefact a task; a single artefact gets its second and last chance."""
    case.audit("worker broke", parser=task.parser, reason=reason, artefacts=len(task.items))
    return [
        msgspec.structs.replace(task, items=(i,), companions=(c,), shard=f"{task.shard}-{i.artifact_id}", last=True)
        for i, c in zip(task.items, task.companions, strict=True)
    ]


def _write_lost(task: Task, reason: str) -> None:
    """An artefact that broke its worker twice: nothing of it in the timeline, all of it in the ledger."""
    parser = named(task.parser)
    item = task.items[0]
    lost = task.span or Span(0, item.size)
    entry = Entry(
        artifact_id=item.artifact_id,
        item=item.item,
        path=f"{item.path}:{item.stream}" if item.stream else item.path,
        parser=parser.name,
        version=parser.version,
        state=item.state,
        ledger=Ledger(bytes_seen=lost.length, found=1, failed=1, failed_ranges=((lost.offset, lost.length),)),
        events=0,
        issues=(
            Issue(
                grade="lost",
                what="parsing broke its worker process",
                offset=lost.offset,
                length=lost.length,
                found=reason,
            ),
        ),
        issue_count=1,
    )
    part = shards.part_of(task.shard)
    pq.write_table(pa.Table.from_batches([], TIMELINE), part)
    shards.finish(task.shard, part, [entry])


def usable_cores() -> int:
    """How many processes to use when nobody says."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
