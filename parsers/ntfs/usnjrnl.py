"""The change journal $UsnJrnl:$J: what happened to files, with the path each had at that time.

The journal is read from its end to its start. The $MFT gives today's names; each record then tells the name and the
folder its file had when it was written, so that going back in time undoes renames and brings back deleted folders.
Offsets count from the start of the stored bytes (a sparse journal is stored as its allocated extents); the USN inside
a record is its place in the journal itself.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
import pyarrow as pa
from msgspec import json

from parsers.crc import CRC
from parsers.ntfs import filetime
from parsers.ntfs.entries import attribute_text
from parsers.ntfs.mft import drive_of
from parsers.ntfs.survey import survey
from parsers.ntfs.tree import ROOT, Paths, Tree
from parsers.ntfs.usnrecord import UsnRecord, decode, reason_names, source_names
from parsers.ntfs.usnwalk import plausible, walk
from shellcase.model import Companion, EventBatch, Grade, Issue, Job, Kind, Ledger, Parser, ParserOutput, Source

_CHUNK = 16_384  # records per batch
_GAP = 1 << 20  # read apart what lies further apart
_Key = tuple[int, int]


class Rewind:
    """Names of files as they were at the record looked at last, going back."""

    def __init__(self, tree: Tree | None, drive: str) -> None:
        self._tree = tree
        self._then: dict[_Key, tuple[str, int, int]] = {}
        self.paths = Paths(drive, self._up)

    def _up(self, entry: int, seq: int) -> tuple[str, int, int] | None:
        known = self._then.get((entry, seq))
        return known or (self._tree.up(entry, seq) if self._tree else None)

    def path(self, record: UsnRecord) -> str | None:
        """The path of the file of a record; folders are remembered for the records before it."""
        if record.name is None:
            return self._nameless(record)
        if record.attributes & 0x10 and record.file[0] != ROOT:
            now = (record.name, *record.parent)
            if self._up(*record.file) != now:
                self.paths.forget()
            self._then[record.file] = now
        if record.file[0] == ROOT:
            return self.paths.drive + "\\"
        return self.paths.of(record.name, *record.parent)

    def _nameless(self, record: UsnRecord) -> str | None:
        known = self._up(*record.file)
        return self.paths.of(*known) if known else None


@dataclass(slots=True)
class _Found:
    """Where the records lie, and what could not be one."""

    offsets: array[int] = field(default_factory=lambda: array("q"))
    lengths: array[int] = field(default_factory=lambda: array("l"))
    damaged: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class _Tally:
    """What the second pass adds up."""

    parsed: int = 0
    bad: list[tuple[int, int]] = field(default_factory=list)
    first: int | None = None
    last: int | None = None

    def see(self, record: UsnRecord) -> None:
        """Count a record and widen the span of time."""
        self.parsed += 1
        ns = filetime.to_ns(record.ticks or 0)
        if ns is not None:
            self.first = ns if self.first is None else min(self.first, ns)
            self.last = ns if self.last is None else max(self.last, ns)


def parse(job: Job) -> Iterator[ParserOutput]:
    """One row per record, an Issue per damaged run of bytes, and the ledger."""
    found, mft, tally = _scan(job.source), job.companions.get("mft"), _Tally()
    for offset, length in found.damaged:
        yield _issue(
            "these bytes of the journal are no record", offset, length, "a record of version 2, 3 or 4 or zeros"
        )
    if mft is None:
        yield Issue(grade="odd", what="no $MFT beside the journal: folders are known from the journal alone")
    drive = drive_of(job.source.path)
    rewind = Rewind(survey(mft).tree if mft else None, drive)
    with job.source.open() as stream:
        for end in range(len(found.offsets), 0, -_CHUNK):
            for item in _chunk(stream, found, max(0, end - _CHUNK), end, rewind, tally):
                yield _of_state(item, job.source.state)
    yield Ledger(
        bytes_seen=job.source.size,
        found=len(found.offsets) + len(found.damaged),
        parsed=tally.parsed,
        failed=len(found.damaged) + len(tally.bad),
        failed_ranges=tuple(sorted([*found.damaged, *tally.bad])),
        first_ns=tally.first,
        last_ns=tally.last,
    )


def _of_state(item: ParserOutput, state: str) -> ParserOutput:
    """Rows of a journal that is not live (of a snapshot) say so."""
    if state == "live" or not isinstance(item, EventBatch):
        return item
    return EventBatch(item.batch.append_column("state", pa.repeat(state, item.batch.num_rows)))


def _scan(source: Source) -> _Found:
    found = _Found()
    with source.open() as stream:
        for offset, length, whole in walk(stream):
            if whole:
                found.offsets.append(offset)
                found.lengths.append(length)
            else:
                found.damaged.append((offset, length))
    return found


def _chunk(
    stream: BinaryIO, found: _Found, first: int, end: int, rewind: Rewind, tally: _Tally
) -> Iterator[ParserOutput]:
    """Records `first` to `end`, taken backwards, as one batch in the order of the journal."""
    rows: list[tuple[int, int, UsnRecord, str | None]] = []
    for offset, raw in _backwards(stream, found, first, end):
        try:
            record = decode(raw)
        except (ValueError, struct.error) as error:
            tally.bad.append((offset, len(raw)))
            yield _issue("this record of the journal cannot be read", offset, len(raw), "a whole record", str(error))
            continue
        tally.see(record)
        if record.ticks is not None and filetime.to_ns(record.ticks) is None:
            yield _issue("this record holds a number that is no time", offset, len(raw), "", str(record.ticks), "odd")
        rows.append((offset, len(raw), record, rewind.path(record)))
    if rows:
        yield EventBatch(_batch(rows[::-1]))


def _backwards(stream: BinaryIO, found: _Found, first: int, end: int) -> Iterator[tuple[int, bytes]]:
    """The bytes of records `end`-1 down to `first`."""
    while end > first:
        start = end - 1
        while start > first and found.offsets[start] - found.offsets[start - 1] < _GAP:
            start -= 1
        base = found.offsets[start]
        stream.seek(base)
        held = stream.read(found.offsets[end - 1] + found.lengths[end - 1] - base)
        for i in range(end - 1, start - 1, -1):
            at = found.offsets[i] - base
            yield found.offsets[i], held[at : at + found.lengths[i]]
        end = start


def _issue(what: str, at: int, length: int, expected: str, found: str = "", grade: Grade = "damaged") -> Issue:
    return Issue(grade=grade, what=what, offset=at, length=length, expected=expected, found=found, locator=f"byte {at}")


def _batch(rows: list[tuple[int, int, UsnRecord, str | None]]) -> pa.RecordBatch:
    records = [row[2] for row in rows]
    acts = [r.act for r in records]
    paths = [row[3] for row in rows]
    subjects = [f"{p or 'a file without name'}: {a}" for p, a in zip(paths, acts, strict=True)]
    return pa.RecordBatch.from_pydict(
        filetime.columns(np.array([r.ticks or 0 for r in records], np.uint64))
        | {
            "ts_zone": pa.repeat("UTC by format", len(rows)),
            "ts_resolution_ns": pa.repeat(pa.scalar(100, pa.int64()), len(rows)),
            "ts_means": pa.repeat("instant", len(rows)),
            "act": pa.array(acts),
            "kind": pa.repeat("ntfs.usn.record", len(rows)),
            "offset": pa.array([row[0] for row in rows], pa.int64()),
            "length": pa.array([row[1] for row in rows], pa.int64()),
            "locator": pa.array([f"USN {r.usn}" for r in records]),
            "subject": pa.array(subjects),
            "file_path": pa.array(paths, pa.string()),
            "data": pa.array([_data(r) for r in records]),
        }
    )


def _data(record: UsnRecord) -> str:
    fields = {
        "usn": record.usn,
        "reason": reason_names(record.reason),
        "record": record.file[0],
        "seq": record.file[1],
        "parent": record.parent[0],
        "parent_seq": record.parent[1],
        "name": record.name,
        "attributes": attribute_text(record.attributes),
        "source": source_names(record.source),
        "crc": record.crc,
    }
    return json.encode(fields).decode()


def recognises(head: bytes, path: str) -> bool:
    r"""`$UsnJrnl:$J` by name with zeros or a record at its start, or a start that is a run of whole records."""
    if path.casefold().endswith("$usnjrnl:$j"):
        return not any(head[:8]) or (len(head) >= 64 and plausible(head, 0) > 0)
    return len(head) >= 64 and plausible(head, 0) > 0  # under any name: other tools call their copies as they like


PARSER = Parser(
    name="ntfs.usn",
    version=1,
    definitions=("NtfsUsnJrnl",),
    companions=(Companion(role="mft", pattern="$MFT"),),
    yields=(
        Kind(
            name="ntfs.usn.record",
            fields={
                "usn": "place of the record in the journal",
                "reason": "names of the reasons",
                "record": "$MFT entry of the file",
                "seq": "its sequence number",
                "parent": "$MFT entry of the folder",
                "parent_seq": "its sequence number",
                "name": "file name",
                "attributes": "file attributes",
                "source": "who says the change is none of a user: replication, management of storage",
                "crc": CRC,
            },
        ),
    ),
    recognises=recognises,
    parse=parse,
    tier=0,
)
