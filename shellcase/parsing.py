"""From collected artefacts to the timeline: who parses what, in which process, and the account of it.

Beside run.py and cli.py this is the one place that knows the parsers. Small artefacts of one parser travel in groups;
a group that breaks its worker is tried again one by one, so that a crash, a hang or a bomb costs one artefact.
Each finished group is a shard on disk; an interrupted run finds it and goes on.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from collector.machines import same_machine
from collector.records import SourceRecord
from parsers import load
from shellcase import shards
from shellcase.case import Case, open_object
from shellcase.copies import Rank, Repeats, counted, entry_of, linking, of_shadow, ranks
from shellcase.errors import IntegrityError
from shellcase.ledger import Entry
from shellcase.model import (
    HostFacts,
    Issue,
    Item,
    Ledger,
    Parser,
)
from shellcase.pool import Broken, Pool
from shellcase.schema import TIMELINE
from shellcase.timeline import SORTING, write_sorted
from shellcase.worker import Halt, Task, work

_GROUP_FILES = 64
_GROUP_BYTES = 4 << 20
_ROOM = 64 << 20
"""With less on the disk, what DuckDB or Arrow cannot write is a full disk; they do not always say so."""
SECONDS = 600.0
MEMORY = 6 << 30
_MANAGEMENT = "msexchange management.evtx"


def claims(item: Item, evidence: Path) -> Iterator[Parser]:
    """The parsers that take an artefact: by definition, then by its first bytes."""
    wanted = [p for p in load() if set(p.definitions) & set(item.definitions)]
    if not wanted or item.object is None or not item.size:
        return
    with open_object(evidence, item) as fh:
        head = fh.read(4096)
    path = f"{item.path}:{item.stream}" if item.stream else item.path
    yield from (p for p in wanted if p.recognises(head, path))


@dataclass(frozen=True, slots=True)
class Scope:
    """A source and those before it of the same computer: their items, how good each place is, their timelines."""

    own: str
    items: tuple[Item, ...]
    rank: Mapping[tuple[str, str], Rank]
    earlier: tuple[Path, ...]

    def companions(self) -> Callable[[Parser, Item], dict[str, Item]]:
        """Finds the files read beside an item: of its own source, and of its own shadow copy."""
        by_path = {_at(i, i.path): i for i in self.items if i.object is not None and counted(i)}

        def find(parser: Parser, item: Item) -> dict[str, Item]:
            found = ((c.role, by_path.get(_at(item, _beside(c.pattern, item)))) for c in parser.companions)
            return {role: other for role, other in found if other is not None}

        return find


def scope_of(case: Case, source_id: str) -> Scope:
    """The source with the earlier ones of its computer."""
    paths = sorted((case.evidence / "sources").glob("SRC-*.json"))
    records = [msgspec.json.decode(p.read_bytes(), type=SourceRecord) for p in paths]
    hosts = [r.host for r in records if r.source == source_id]
    before = [r for r in records if (len(r.source), r.source) < (len(source_id), source_id)]
    near = [r for r in before if any(same_machine(r.host, h) for h in hosts)]
    inside = {r.source: r for r in [*near, *(r for r in records if r.source == source_id)]}
    rank = {k: v for r in inside.values() for k, v in ranks(r.source, r.snapshots).items()}
    parquet = (p for r in near for p in folder_of(case, r.source).glob("*.parquet"))
    items = tuple(i for i in case.items() if i.source in inside or i.source == source_id)
    return Scope(source_id, items, rank or ranks(source_id, ()), tuple(sorted(parquet)))


def folder_of(case: Case, source_id: str) -> Path:
    """Where the timeline of a source lies."""
    return case.timeline_folder() / f"source={source_id}"


def plan(case: Case, source_id: str, host: HostFacts, scope: Scope | None = None) -> tuple[list[Task], list[Entry]]:
    """Every task of a source, in tiers, large artefacts first, and what needs no parsing since its bytes are parsed.

    The grouping depends on the items alone.
    """
    scope = scope or scope_of(case, source_id)
    companions = scope.companions()
    tasks: list[Task] = []
    repeated: list[Entry] = []
    by_parser: dict[str, list[Item]] = {}
    for item in _candidates(scope):
        for parser in claims(item, case.evidence):
            by_parser.setdefault(parser.name, []).append(item)
    groups: dict[tuple[int, str], list[Item]] = {}
    for name, members in by_parser.items():
        parser = _parser(name)
        repeats = Repeats(scope.rank)
        beside = {i.artifact_id: companions(parser, i) for i in members}
        for item in repeats.pick(members, beside, source_id):
            tier = 0 if item.path.lower().endswith(_MANAGEMENT) else parser.tier
            groups.setdefault((tier, name), []).append(item)
        repeated += [entry_of(i, k, name, parser.version) for i, k in repeats.pairs]
    for (_, name), members in sorted(groups.items()):
        tasks += [_task(case, source_id, host, name, g, companions) for g in _portions(members)]
    return tasks, repeated


def _candidates(scope: Scope) -> list[Item]:
    """The source's own items, and earlier ones whose bytes one of its own has."""
    known = {i.sha256 for i in scope.items if i.source == scope.own}
    return [i for i in scope.items if i.source == scope.own or i.sha256 in known]


def _parser(name: str) -> Parser:
    return next(p for p in load() if p.name == name)


def _portions(items: list[Item]) -> Iterator[tuple[Item, ...]]:
    group: list[Item] = []
    for item in sorted(items, key=lambda i: (-(i.size // _GROUP_BYTES), i.item)):
        if group and (len(group) >= _GROUP_FILES or sum(i.size for i in group) + item.size > _GROUP_BYTES):
            yield tuple(group)
            group = []
        group.append(item)
    if group:
        yield tuple(group)


def _task(
    case: Case,
    source_id: str,
    host: HostFacts,
    name: str,
    items: tuple[Item, ...],
    companions: Callable[[Parser, Item], dict[str, Item]],
) -> Task:
    parser = _parser(name)
    key = "\n".join([name, str(parser.version), *(f"{i.artifact_id} {i.sha256}" for i in items)])
    return Task(
        parser=name,
        evidence=str(case.evidence),
        shard=str(case.shards / f"{name.replace('.', '-')}-{hashlib.sha256(key.encode()).hexdigest()[:24]}"),
        source_id=source_id,
        host=host,
        items=items,
        companions=tuple(companions(parser, i) for i in items),
    )


_At = tuple[str, str, str, str, str | None]


def _at(item: Item, path: str) -> _At:
    """Where a file lies: a recovered one is sought among the live ones."""
    state = item.state if of_shadow(item.state) else "live"
    return item.source, state, item.volume, path.lower(), item.stream if path == item.path else None


def _beside(pattern: str, item: Item) -> str:
    folder, _, name = item.path.rpartition("\\")
    wanted = pattern.replace("{name}", name)
    return f"{item.path.split(chr(92), 1)[0]}\\{wanted}" if wanted.startswith("$") else f"{folder}\\{wanted}"


def parse(
    case: Case, source_id: str, host: HostFacts, *, jobs: int, progress: Callable[[int, int], None]
) -> list[Entry]:
    """Parse everything, write the timeline of a source, return the ledger in order of item and parser."""
    case.shards.mkdir(parents=True, exist_ok=True)
    shards.sweep(case.shards)
    scope = scope_of(case, source_id)
    tasks, repeated = plan(case, source_id, host, scope)
    total = sum(i.size for t in tasks for i in t.items)
    progress(0, total)
    ready = {t.shard for t in tasks if shards.finished(t.shard)}
    done = sum(i.size for t in tasks if t.shard in ready for i in t.items)
    todo = [t for t in tasks if t.shard not in ready]
    broken: list[Task] = []
    with Pool(work, min(jobs, len(todo) or 1), seconds=SECONDS, memory=MEMORY) as pool:
        for task, answer in _answers(pool, todo):
            done += sum(i.size for i in task.items)
            progress(done, total)
            if answer:
                broken += _alone(case, task, answer)
        for task, answer in _answers(pool, [t for t in broken if len(t.items) == 1]):
            if answer:
                _write_lost(task, answer)
    again = {t.shard.rpartition("-")[0] for t in broken}
    whole = [t.shard for t in tasks if t.shard not in again] + sorted(t.shard for t in broken)
    entries = [e for shard in whole for e in _account(shard)]
    _write(case, scope, whole)
    return sorted([*entries, *repeated], key=lambda e: (e.item, e.parser))


def _answers(pool: Pool, tasks: list[Task]) -> Iterator[tuple[Task, Broken | None]]:
    """What came of each task; OSError when it is the machine that fails, not the parser."""
    for index, answer in pool.run(tasks):
        if isinstance(answer, Halt):
            raise answer.error()
        broke = isinstance(answer, Broken) and not shards.finished(tasks[index].shard)
        yield tasks[index], answer if broke else None


def _account(shard: str) -> tuple[Entry, ...]:
    """The account of a shard that must be there by now."""
    if not shards.finished(shard):
        what = "a part of the timeline is not what its worker wrote"
        raise IntegrityError(what, str(shards.parquet_of(shard)), "start the same command again: it is parsed anew")
    return shards.entries(shard)


def _write(case: Case, scope: Scope, whole: list[str]) -> None:
    """The timeline of a source, its copies linked."""
    folder = folder_of(case, scope.own)
    _clear(folder)
    links = linking(scope.own, scope.items, scope.rank, scope.earlier)
    try:
        written = write_sorted([shards.parquet_of(s) for s in whole], folder, scope.own, links)
    except (duckdb.Error, pa.ArrowException) as error:
        if shutil.disk_usage(case.root).free > _ROOM:
            raise
        raise OSError(errno.ENOSPC, str(error), str(folder)) from error
    shards.make_durable(written)
    shutil.rmtree(folder / SORTING, ignore_errors=True)


def _clear(folder: Path) -> None:
    """Take away what an earlier parse, whose last parts might have no successor, or a killed one left."""
    for old in folder.glob("*.parquet"):
        old.unlink()
    shutil.rmtree(folder / SORTING, ignore_errors=True)


def _alone(case: Case, task: Task, answer: Broken) -> list[Task]:
    """A broken group again, one artefact a task; a single artefact gets its second and last chance."""
    case.audit("worker broke", parser=task.parser, reason=answer.reason, artefacts=len(task.items))
    return [
        msgspec.structs.replace(task, items=(i,), companions=(c,), shard=f"{task.shard}-{i.artifact_id}")
        for i, c in zip(task.items, task.companions, strict=True)
    ]


def _write_lost(task: Task, answer: Broken) -> None:
    """An artefact that broke its worker twice: nothing of it in the timeline, all of it in the ledger."""
    parser = next(p for p in load() if p.name == task.parser)
    item = task.items[0]
    entry = Entry(
        artifact_id=item.artifact_id,
        item=item.item,
        path=item.path,
        parser=parser.name,
        version=parser.version,
        state=item.state,
        ledger=Ledger(bytes_seen=item.size, found=1, failed=1, failed_ranges=((0, item.size),)),
        events=0,
        issues=(
            Issue(
                grade="lost", what="parsing broke its worker process", offset=0, length=item.size, found=answer.reason
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
