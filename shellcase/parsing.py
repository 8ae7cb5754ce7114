"""From collected artefacts to the timeline: who parses what, in which process, and the account of it.

Beside run.py and cli.py this is the one place that knows the parsers. Small artefacts of one parser travel in groups;
a group that breaks its worker is tried again one by one, so that a crash, a hang or a bomb costs one artefact.
Each finished group is a shard on disk; an interrupted run finds it and goes on.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from parsers import load
from shellcase.case import Case, open_object
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
from shellcase.timeline import write_sorted
from shellcase.worker import Task, work

_GROUP_FILES = 64
_GROUP_BYTES = 4 << 20
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


def plan(case: Case, source_id: str, host: HostFacts) -> list[Task]:
    """Every task of the case, in tiers, large artefacts first; the grouping depends on the items alone."""
    items = [i for i in case.items() if i.source == source_id]
    by_path = {(i.volume, i.path.lower(), i.stream): i for i in items}
    groups: dict[tuple[int, str], list[Item]] = {}
    for item in items:
        for parser in claims(item, case.evidence):
            tier = 0 if item.path.lower().endswith(_MANAGEMENT) else parser.tier
            groups.setdefault((tier, parser.name), []).append(item)
    tasks: list[Task] = []
    for (_, name), members in sorted(groups.items()):
        tasks += [_task(case, source_id, host, name, g, by_path) for g in _portions(members)]
    return tasks


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
    by_path: dict[tuple[str, str, str | None], Item],
) -> Task:
    parser = next(p for p in load() if p.name == name)
    key = "\n".join([name, str(parser.version), *(f"{i.artifact_id} {i.sha256}" for i in items)])
    return Task(
        parser=name,
        evidence=str(case.evidence),
        shard=str(case.shards / f"{name.replace('.', '-')}-{hashlib.sha256(key.encode()).hexdigest()[:24]}"),
        source_id=source_id,
        host=host,
        items=items,
        companions=tuple(_companions(parser, i, by_path) for i in items),
    )


def _companions(parser: Parser, item: Item, by_path: dict[tuple[str, str, str | None], Item]) -> dict[str, Item]:
    found: dict[str, Item] = {}
    folder, _, name = item.path.rpartition("\\")
    root = item.path.split("\\", 1)[0]
    for companion in parser.companions:
        wanted = companion.pattern.replace("{name}", name)
        path = f"{root}\\{wanted}" if wanted.startswith("$") else f"{folder}\\{wanted}"
        other = by_path.get((item.volume, path.lower(), None))
        if other is not None and other.object is not None:
            found[companion.role] = other
    return found


def parse(
    case: Case, source_id: str, host: HostFacts, *, jobs: int, progress: Callable[[int, int], None]
) -> list[Entry]:
    """Parse everything, write the timeline of a source, return the ledger in order of item and parser."""
    case.shards.mkdir(parents=True, exist_ok=True)
    tasks = plan(case, source_id, host)
    total = sum(i.size for t in tasks for i in t.items)
    progress(0, total)
    ready = [t for t in tasks if _finished(t)]
    done = sum(i.size for t in ready for i in t.items)
    todo = [t for t in tasks if not _finished(t)]
    broken: list[Task] = []
    with Pool(work, min(jobs, len(todo) or 1), seconds=SECONDS, memory=MEMORY) as pool:
        for index, answer in pool.run(todo):
            done += sum(i.size for i in todo[index].items)
            progress(done, total)
            if isinstance(answer, Broken):
                broken += _alone(case, todo[index], answer)
        for index, answer in pool.run(singles := [t for t in broken if len(t.items) == 1]):
            if isinstance(answer, Broken):
                _write_lost(singles[index], answer)
    shards = [t for t in tasks if _finished(t)] + broken
    entries = [
        e
        for t in shards
        for e in msgspec.json.decode(Path(t.shard).with_suffix(".json").read_bytes(), type=list[Entry])
    ]
    folder = case.timeline_folder() / f"source={source_id}"
    for old in folder.glob("*.parquet"):  # of an earlier parse, whose last parts might have no successor
        old.unlink()
    write_sorted([Path(t.shard).with_suffix(".parquet") for t in shards], folder, source_id)
    return sorted(entries, key=lambda e: (e.item, e.parser))


def _finished(task: Task) -> bool:
    return Path(task.shard).with_suffix(".parquet").exists()


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
    shard = Path(task.shard)
    shard.with_suffix(".json").write_bytes(msgspec.json.encode([entry]))
    pq.write_table(pa.Table.from_batches([], TIMELINE), shard.with_suffix(".parquet"))


def usable_cores() -> int:
    """How many processes to use when nobody says."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
