"""What a worker process does: parse a group of artefacts, write its shard and its part of the ledger.

A parser's bug is caught here, in the one broad `except` of the program, and costs its artefact.
"""

from __future__ import annotations

import errno
import multiprocessing
import sys
import tempfile
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from parsers import named
from shellcase import placing, shards
from shellcase.case import ObjectSource
from shellcase.copies import of_shadow
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
    Span,
    merge_ledgers,
)
from shellcase.rows import Ids, complete_batch, rows_to_batch
from shellcase.schema import TIMELINE

_ROWS = 4096
_ROW_GROUP = 32768


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A group of artefacts for one parser, or a span of one. `shard` is a path without ending.

    `final`: the shard becomes a file of the timeline as it is. `last`: what lacks memory now lacks it for good.
    """

    parser: str
    evidence: str
    shard: str
    source_id: str
    host: HostFacts
    items: tuple[Item, ...]
    companions: tuple[dict[str, Item], ...]
    tier: int = 2
    span: Span | None = None
    final: bool = False
    last: bool = False

    @property
    def size(self) -> int:
        """Bytes to be parsed."""
        return self.span.length if self.span else sum(i.size for i in self.items)


class _Absent:
    """For nearly every value pyarrow asks for these and, where they are not there, searches the disk each time."""

    NAMES = frozenset({"pandas", "dateutil"})

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        """Say at once that there is none."""
        if name in _Absent.NAMES:
            raise ModuleNotFoundError(name, name=name)


def forgo() -> None:
    """Have nothing of this process look for those modules; pandas alone takes a fifth of a second to load."""
    if _Absent not in sys.meta_path:
        sys.meta_path.insert(0, _Absent)


class Halt(msgspec.Struct, frozen=True):
    """The answer of a worker that the machine fails: nothing of its task is kept, and the run ends."""

    errno: int
    what: str
    where: str

    def error(self) -> OSError:
        """What happened, to be raised by the run."""
        return OSError(self.errno, self.what, self.where)


_MACHINE = frozenset({
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO),
    *(errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ENOTCONN),
})  # fmt: skip
"""A full, broken or unplugged disk: never the fault of an artefact or its parser."""


class Short(msgspec.Struct, frozen=True):
    """The answer of a worker whose share of the memory was not enough: nothing of its task is kept."""

    reason: str


def work(task: Task) -> Halt | Short | None:
    """Parse a group and write its shard. Runs in a worker process."""
    try:
        _work(task)
    except MemoryError as error:
        return Short(f"out of memory: {error}"[:200])
    except OSError as error:
        if error.errno not in _MACHINE:
            raise
        return Halt(error.errno or 0, error.strerror or str(error), str(error.filename or task.shard))
    return None


def _work(task: Task) -> None:
    forgo()
    parser = named(task.parser)
    evidence, part = Path(task.evidence), shards.part_of(task.shard)
    beside, parent = part.parent, multiprocessing.parent_process()
    entries: list[Entry] = []
    with (
        tempfile.TemporaryDirectory(prefix=shards.SCRATCH, dir=beside, ignore_cleanup_errors=True) as scratch,
        placing.writer(part) as writer,
    ):
        gathered = _Shard(writer, final=task.final)
        for item, companions in zip(task.items, task.companions, strict=True):
            if parent and not parent.is_alive():  # a run that was killed is gone on with by another
                raise SystemExit(1)
            source = ObjectSource(evidence, within(item), Path(scratch))
            others: dict[str, Source] = {r: ObjectSource(evidence, c, Path(scratch)) for r, c in companions.items()}
            job = Job(source=source, span=task.span, companions=others, host=task.host)
            ids = Ids(
                parser=parser.name,
                source_id=task.source_id,
                host=task.host.name,
                artifact_id=item.artifact_id,
                path=source.path,
                state=item.state,
            )
            entries.append(_parse_one(parser, job, ids, item, gathered, last=task.last))
        gathered.flush()
    shards.finish(task.shard, part, entries)


def within(item: Item) -> Item:
    """An item as its parser sees it: what lies in a shadow copy is live there; the timeline adds where that is."""
    return msgspec.structs.replace(item, state="live") if of_shadow(item.state) and "+" not in item.state else item


class _Shard:
    """Gathers small batches, so that thousands of small artefacts do not make thousands of row groups.

    `final`: the file goes into the timeline as it is, so its row groups are put in order.
    """

    def __init__(self, writer: pq.ParquetWriter, *, final: bool = False) -> None:
        self._writer, self._final = writer, final
        self._room = placing.RUN_ROWS if final else _ROW_GROUP
        self._waiting: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0

    def write_batch(self, batch: pa.RecordBatch) -> None:
        """Take a batch; write when there is enough."""
        self._waiting.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        if self._rows >= self._room or self._bytes >= placing.RUN_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what waits as one row group."""
        if self._waiting:
            table = pa.Table.from_batches(self._waiting, TIMELINE)
            self._writer.write_table(placing.in_order(table) if self._final else table)
        self._waiting.clear()
        self._rows = self._bytes = 0


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
                self.issues += [out] if len(self.issues) < shards.KEEP_ISSUES else []
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


def _parse_one(parser: Parser, job: Job, ids: Ids, item: Item, writer: _Shard, *, last: bool) -> Entry:
    intake = _Intake(ids, writer)
    try:
        for out in parser.parse(job):
            intake.take(out)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _MACHINE:
            raise
        if isinstance(error, MemoryError) and not last:
            raise
        intake.stopped(error, job.span.length if job.span else item.size)
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
