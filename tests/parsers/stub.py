"""A `Source` over a file of this machine, for the tests of all parsers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from shellcase.model import Event, EventBatch, Issue, Job, Ledger, ParserOutput, Source


@dataclass(frozen=True, slots=True)
class FileSource:
    """Bytes of `file`, said to have been found at `original_path`."""

    file: Path
    original_path: str = ""
    state: str = "live"

    @property
    def path(self) -> str:
        return self.original_path or "C:\\" + self.file.name

    @property
    def artifact_id(self) -> str:
        return hashlib.sha256(self.path.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    @property
    def size(self) -> int:
        return self.file.stat().st_size

    def open(self) -> BinaryIO:
        return self.file.open("rb")

    def local_path(self) -> Path:
        return self.file


@dataclass(frozen=True, slots=True)
class Answer:
    """What a parser said of one job, sorted by type; batches are unrolled into `rows` (columns as in BATCH)."""

    events: list[Event]
    rows: list[dict[str, object]]
    issues: list[Issue]
    ledgers: list[Ledger]

    @property
    def ledger(self) -> Ledger:
        assert len(self.ledgers) == 1, f"a parser ends with exactly one ledger, this one gave {len(self.ledgers)}"
        return self.ledgers[0]


def corpora() -> Path:
    """The folder of real data beside the checkout; it may be missing."""
    return Path(__file__).resolve().parents[2].parent / "shared" / "corpora"


def write_source(folder: Path, raw: bytes, original_path: str) -> Source:
    """Put bytes into a file below `folder` and say where they were found."""
    file = folder / hashlib.sha256(raw + original_path.encode()).hexdigest()[:16]
    file.write_bytes(raw)
    return FileSource(file, original_path)


def answer(parse: Callable[[Job], Iterator[ParserOutput]], job: Job) -> Answer:
    """Run a parser to its end and sort what it said."""
    out = Answer([], [], [], [])
    for item in parse(job):
        if isinstance(item, EventBatch):
            out.rows.extend(item.batch.to_pylist())
        elif isinstance(item, Event):
            out.events.append(item)
        elif isinstance(item, Issue):
            out.issues.append(item)
        else:
            out.ledgers.append(item)
    return out
