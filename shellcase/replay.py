"""Reading one event again from its own bytes: its spans and what its parser says it leans on, zeros everywhere else.

The parser runs in a worker process as in a run. A parser that names no context is run over the artefact first, to
learn on which bytes the event rests. What comes out is compared column by column with the timeline's row.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import msgspec

from collector.records import SourceRecord
from parsers import named
from shellcase.case import Case, ObjectSource
from shellcase.clean import plain
from shellcase.confine import ALONE
from shellcase.errors import INTEGRITY, OK
from shellcase.model import Event, EventBatch, HostFacts, Item, Job, Parser, Source, Span
from shellcase.placing import BIG
from shellcase.planning import scope_of
from shellcase.pool import Broken, Pool
from shellcase.timeline import Ids, Timeline, complete_batch, rows_to_batch
from shellcase.worker import within

_SECONDS = 600
_APART = frozenset({"copy_of"})  # given when sources are compared, not by the parser
_COUNTED = re.compile(r"\bline \d+")
_PIECE = 1 << 20


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker needs: the artefact, what is read beside it, and the event's row of the timeline."""

    evidence: str
    scratch: str
    item: Item
    companions: dict[str, Item]
    host: HostFacts
    event: dict[str, Any]


class Again(msgspec.Struct, frozen=True, kw_only=True):
    """How it went: `read` of `size` bytes were left, `beside` other files whole; `differs` names columns.

    `stored`: whether the object's bytes are those that were collected; where they are not, nothing was read.
    """

    read: int = 0
    size: int = 0
    beside: int = 0
    differs: tuple[str, ...] = ()
    stored: bool = True

    @property
    def same(self) -> bool:
        """Whether the very event came out again."""
        return self.stored and not self.differs

    def line(self) -> str:
        """For people."""
        if not self.stored:
            return "not done: the stored bytes are not those that were collected; verify the case"
        where = "these bytes and their context alone" if self.read < self.size else "the whole artefact"
        beside = f", {self.beside} files beside it" if self.beside else ""
        said = "the same" if self.same else f"DIFFERS in {', '.join(self.differs)}"
        return f"{said}, from {where} ({self.read} of {self.size} bytes{beside})"


def read_again(case: Case, event_id: str) -> tuple[int, list[str]]:
    """What `shellcase show` says of it, and the exit code: 3 where the same event does not come out."""
    with closing(Timeline.connect(case.timeline_to_read())) as timeline:
        event = timeline.event(event_id)
    answer = again(case, event) if event else None
    if answer is None:
        return OK, [f"{'read again':>17}  not possible: the case holds no bytes of it"]
    if isinstance(answer, Broken):
        return INTEGRITY, [f"{'read again':>17}  failed: {plain(answer.reason, 500)}"]
    return OK if answer.same else INTEGRITY, [f"{'read again':>17}  {answer.line()}"]


def again(case: Case, event: Mapping[str, Any]) -> Again | Broken | None:
    """Read an event of the timeline again; None where its artefact was not kept."""
    with tempfile.TemporaryDirectory() as scratch:
        ask = ask_for(case, event, Path(scratch))
        if ask is None:
            return None
        with Pool(replay, 1, seconds=_SECONDS, memory=ALONE) as pool:
            [(_, answer)] = pool.run([ask])
    return answer if isinstance(answer, Again | Broken) else None


def ask_for(case: Case, event: Mapping[str, Any], scratch: Path) -> Ask | None:
    """What is needed to read an event again; None where its artefact was not kept."""
    source_id = str(event["source_id"])
    held = [i for i in case.items() if i.artifact_id == event["artifact_id"] and i.object is not None]
    if not held or event["offset"] is None:
        return None
    item = min(held, key=lambda i: i.source != source_id)
    record = (case.evidence / "sources" / f"{source_id}.json").read_bytes()
    return Ask(
        evidence=str(case.evidence),
        scratch=str(scratch),
        item=item,
        companions=scope_of(case, source_id).companions()(named(event["parser"]), item),
        host=msgspec.json.decode(record, type=SourceRecord).host,
        event=dict(event),
    )


def replay(ask: Ask) -> Again:
    """Read the event again in this process. A parser that raises ends its worker, which `again` tells as `Broken`."""
    if not _stored(Path(ask.evidence), ask.item):
        return Again(stored=False)
    left, job = alone(ask)
    return Again(read=left.kept, size=left.size, beside=len(job.companions), differs=differing(ask, job))


def alone(ask: Ask) -> tuple[Left, Job]:
    """The artefact with nothing left in it but what the event rests on, and the job to read it."""
    scratch, evidence = Path(ask.scratch), Path(ask.evidence)
    parser, source = named(ask.event["parser"]), ObjectSource(evidence, within(ask.item), scratch)
    others: dict[str, Source] = {r: ObjectSource(evidence, c, scratch) for r, c in ask.companions.items()}
    part = _part(parser, source, int(ask.event["offset"]))
    job = Job(source=source, span=part, companions=others, host=ask.host)
    left = Left(source, _rests_on(parser, job, ask), scratch / "alone")
    return left, replace(job, source=left)


def differing(ask: Ask, job: Job) -> tuple[str, ...]:
    """The columns in which what comes out of a job is not the event."""
    row, _spans = _find(named(ask.event["parser"]), job, ask)
    if row is None:
        return ("everything: no such event came out",)
    return tuple(n for n, v in ask.event.items() if n not in _APART and _told(n, row.get(n)) != _told(n, v))


def _stored(evidence: Path, item: Item) -> bool:
    """Whether an object holds the bytes that give it its name; of a dump that is what was kept, extent by extent."""
    name = PurePosixPath(str(item.object))
    skeleton = item.stored_as == "skeleton"
    digest = hashlib.sha256()
    with (evidence / name).open("rb") if skeleton else ObjectSource(evidence, item, evidence).open() as stream:
        while piece := stream.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest() == name.stem


def _part(parser: Parser, source: ObjectSource, offset: int) -> Span | None:
    """The part that a run gave to one process; None for all of it."""
    if parser.split is None or source.size < BIG or source.item.stored_as != "raw":
        return None
    return next((s for s in parser.split(source) if s.offset <= offset < s.offset + s.length), None)


def _rests_on(parser: Parser, job: Job, ask: Ask) -> Sequence[Span]:
    own = Span(int(ask.event["offset"]), int(ask.event["length"] or 0))
    if parser.context is not None:
        return (own, *parser.context(job.source, own.offset))
    return (own, *_find(parser, job, ask)[1])


def _find(parser: Parser, job: Job, ask: Ask) -> tuple[dict[str, Any] | None, Sequence[Span]]:
    """The row with the event's id and its spans, or None."""
    ids = Ids(**{n: ask.event[n] for n in ("parser", "source_id", "host", "artifact_id", "path")}, state=ask.item.state)
    for out in parser.parse(job):
        if isinstance(out, Event) and out.origin.spans and out.origin.spans[0].offset == ask.event["offset"]:
            batch, spans = rows_to_batch([out], ids), out.origin.spans
        elif isinstance(out, EventBatch):
            batch, spans = complete_batch(out, ids), ()
        else:
            continue
        places = batch.column("event_id").to_pylist()
        if ask.event["event_id"] in places:
            [row] = batch.slice(places.index(ask.event["event_id"]), 1).to_pylist()
            return row, spans
    return None, ()


def _told(column: str, value: object) -> object:
    """A value as it is compared: a line's number in `locator` counts the lines in front, which are not there now."""
    return _COUNTED.sub("", str(value)) if column == "locator" else value


class Left:
    """A `Source` of which only some bytes are left; the others read as zero. `spans` says which, `kept` how many."""

    def __init__(self, source: Source, spans: Sequence[Span], file: Path) -> None:
        self.artifact_id, self.path, self.size, self.state = source.artifact_id, source.path, source.size, source.state
        self._file, self.kept, self.spans = file, 0, tuple(spans)
        with source.open() as whole, file.open("wb") as out:
            out.truncate(source.size)
            for low, high in _joined(spans, source.size):
                self.kept += high - low
                whole.seek(low)
                out.seek(low)
                for start in range(low, high, _PIECE):
                    out.write(whole.read(min(_PIECE, high - start)))

    def open(self) -> BinaryIO:
        """See model.Source."""
        return self._file.open("rb")

    def local_path(self) -> Path:
        """See model.Source."""
        return self._file


def _joined(spans: Sequence[Span], size: int) -> Iterator[tuple[int, int]]:
    """The ranges of the file's own bytes that spans cover, in order, none twice."""
    done = 0
    for span in sorted((s for s in spans if s.layer == "raw"), key=lambda s: s.offset):
        low, high = max(span.offset, done), min(span.offset + span.length, size)
        if low < high:
            yield low, high
            done = high
