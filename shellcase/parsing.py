"""From collected artefacts to the timeline: who parses what, in which process, and the account of it.

Beside run.py and cli.py this is the one place that knows the parsers. Small artefacts of one parser travel in groups;
a group that breaks its worker is tried again one by one, so that a crash, a hang or a bomb costs one artefact.
Each finished group is a shard on disk; an interrupted run finds it and goes on.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from parsers import load
from shellcase.case import Case, ObjectSource, open_object
from shellcase.ledger import Entry
from shellcase.model import (
    Event,
    EventBatch,
    HostFacts,
    Issue,
    Item,
    Job,
    Ledger,
    Parser,
    ParserOutput,
    Source,
    merge_ledgers,
)
from shellcase.pool import Broken, Pool
from shellcase.schema import TIMELINE
from shellcase.timeline import Ids, complete_batch, rows_to_batch, write_sorted

_GROUP_FILES = 64
_GROUP_BYTES = 4 << 20
_ROWS = 4096
_ROW_GROUP = 32768
SECONDS = 600.0
MEMORY = 6 << 30
_MANAGEMENT = "msexchange management.evtx"


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A group of artefacts for one parser. `shard` is a path without ending."""

    parser: str
    evidence: str
    shard: str
    source_id: str
    host: HostFacts
    items: tuple[Item, ...]
    companions: tuple[dict[str, Item], ...]


_KEEP_ISSUES = 200


# -- in the worker ----------------------------------------------------------------------------------------------------


def work(task: Task) -> str | None:
    """Parse a group and write its shard; answer with a parser error's text, or None. Runs in a worker process."""
    parser = next(p for p in load() if p.name == task.parser)
    evidence, shard = Path(task.evidence), Path(task.shard)
    part = shard.with_suffix(".part")
    entries: list[Entry] = []
    with (
        tempfile.TemporaryDirectory(prefix="shellcase-") as scratch,
        pq.ParquetWriter(part, TIMELINE, compression="zstd", compression_level=1) as writer,
    ):
        gathered = _Shard(writer)
        for item, companions in zip(task.items, task.companions, strict=True):
            source = ObjectSource(evidence, item, Path(scratch))
            beside: dict[str, Source] = {r: ObjectSource(evidence, c, Path(scratch)) for r, c in companions.items()}
            job = Job(source=source, companions=beside, host=task.host)
            ids = Ids(
                parser=parser.name,
                source_id=task.source_id,
                host=task.host.name,
                artifact_id=item.artifact_id,
                path=source.path,
                state=item.state,
            )
            entries.append(_parse_one(parser, job, ids, item, gathered))
        gathered.flush()
    shard.with_suffix(".json").write_bytes(msgspec.json.encode(entries))
    part.replace(shard.with_suffix(".parquet"))
    return None


class _Shard:
    """Gathers small batches, so that thousands of small artefacts do not make thousands of row groups."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0

    def write_batch(self, batch: pa.RecordBatch) -> None:
        """Take a batch; write when there is enough."""
        self._waiting.append(batch)
        self._rows += batch.num_rows
        if self._rows >= _ROW_GROUP:
            self.flush()

    def flush(self) -> None:
        """Write what waits as one row group."""
        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting, TIMELINE))
        self._waiting.clear()
        self._rows = 0


class _Intake:
    """Takes in what a parser yields and writes its rows in batches."""

    def __init__(self, ids: Ids, writer: _Shard) -> None:
        self._ids, self._writer = ids, writer
        self._rows: list[Event] = []
        self.issues: list[Issue] = []
        self.ledgers: list[Ledger] = []
        self.events = self.issue_count = 0

    def take(self, out: ParserOutput) -> None:
        """One item of the parser's stream."""
        match out:
            case Event():
                self._rows.append(out)
                self.events += 1
                if len(self._rows) >= _ROWS:
                    self.flush()
            case EventBatch():
                self.flush()
                self.events += out.batch.num_rows
                self._writer.write_batch(complete_batch(out, self._ids))
            case Issue():
                self.issue_count += 1
                self.issues += [out] if len(self.issues) < _KEEP_ISSUES else []
            case Ledger():
                self.ledgers.append(out)

    def flush(self) -> None:
        """Write the rows that wait."""
        if self._rows:
            self._writer.write_batch(rows_to_batch(self._rows, self._ids))
            self._rows.clear()

    def stopped(self, error: Exception, size: int) -> None:
        """The parser's own bug: what came before stays, the rest of the artefact is lost and said so."""
        self.take(Issue(grade="lost", what="the parser stopped", found=f"{type(error).__name__}: {error}"[:500]))
        self.ledgers = [Ledger(bytes_seen=size, found=self.events + 1, parsed=self.events, failed=1)]


def _parse_one(parser: Parser, job: Job, ids: Ids, item: Item, writer: _Shard) -> Entry:
    intake = _Intake(ids, writer)
    try:
        for out in parser.parse(job):
            intake.take(out)
    except Exception as error:  # noqa: BLE001 - the one broad except: a parser's bug costs its artefact, never the run
        intake.stopped(error, item.size)
    intake.flush()
    return Entry(
        artifact_id=item.artifact_id,
        item=item.item,
        path=job.source.path,
        parser=parser.name,
        version=parser.version,
        state=item.state,
        ledger=merge_ledgers(intake.ledgers),
        events=intake.events,
        issues=tuple(intake.issues),
        issue_count=intake.issue_count,
    )


# -- in the parent ----------------------------------------------------------------------------------------------------


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
    write_sorted([Path(t.shard).with_suffix(".parquet") for t in shards], case.timeline_folder(), source_id)
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
