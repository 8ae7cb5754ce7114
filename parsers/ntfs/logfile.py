r"""$LogFile: names of files that were given, taken off and moved, in the order of the log, and records made and freed.

The log holds the last minutes to hours of changes to the file system itself. It has no times: those shown are of the
$FILE_NAME at that moment, and the operation is not older than that. Only what has a name is told; all other records
are read and counted.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from parsers.ntfs import logpages
from parsers.ntfs.filename import FIELDS, FileName, file_name, index_entry
from parsers.ntfs.logpages import Log, LogRecord
from parsers.ntfs.survey import survey
from parsers.ntfs.tree import Paths
from parsers.small import DIGEST, Damage, Part, Said, digest, tell
from shellcase.model import Companion, Issue, Job, Kind, Ledger, Parser, ParserOutput, Span, Value

NAME = "ntfs.logfile.name"
_MOST = 256 << 20
_OPERATION = struct.Struct("<12HQ")
_MADE, _FREED, _GIVE, _TAKE = 0x02, 0x03, 0x05, 0x06
_FORGET = (0x1B, 0x01)
_ADD, _REMOVE = (0x0C, 0x0E), (0x0D, 0x0F)
_WORDS = {
    _MADE: "InitializeFileRecordSegment",
    _FREED: "DeallocateFileRecordSegment",
    _GIVE: "CreateAttribute",
    _TAKE: "DeleteAttribute",
    0x0C: "AddIndexEntryRoot",
    0x0D: "DeleteIndexEntryRoot",
    0x0E: "AddIndexEntryAllocation",
    0x0F: "DeleteIndexEntryAllocation",
}
_HIGHEST = 0x30  # operations that Windows writes are below
_MOST_OPEN = 4096


class Operation(NamedTuple):
    """What a record does, and the bytes with which it is done again and undone."""

    redo: int
    undo: int
    after: bytes
    before: bytes
    vcn: int
    sector: int


class Told(NamedTuple):
    """A name in the log: what happened to it, which file has it (entry and sequence, where known)."""

    act: str
    words: str
    file: tuple[int | None, int | None]
    name: FileName


class _Open(NamedTuple):
    """A name that a transaction took off and may give again."""

    name: FileName
    spans: tuple[Span, ...]


def operation(data: bytes) -> Operation:
    """Decode a client's data. Raises `Damage` where places lie outside of it."""
    if len(data) < _OPERATION.size:
        raise Damage("this log record is too short for an operation", "32 bytes", str(len(data)))
    redo, undo, to, length, at, size, _, _, _, _, sector, _, vcn = _OPERATION.unpack_from(data)
    if redo >= _HIGHEST and undo >= _HIGHEST:
        raise Damage("this log record names no operation", "", f"0x{redo:x} and 0x{undo:x}")
    absent = redo not in _WORDS and undo not in _WORDS and len(data) in {to, at}  # bytes that the log leaves out
    if not absent and ((length and to + length > len(data)) or (size and at + size > len(data))):
        where = f"{to}+{length}, {at}+{size}"
        raise Damage("redo or undo of this log record reach behind its end", f"up to {len(data)}", where)
    return Operation(redo, undo, data[to : to + length], data[at : at + size], vcn, sector)


def told(op: Operation, record: int | None) -> Iterator[Told]:
    """The names an operation speaks of. `record` is the $MFT entry it changes, where known."""
    if op.redo == _MADE:
        yield from _made(op.after, record)
    elif op.redo in _ADD and (entry := index_entry(op.after)):
        yield Told("added", "entered into its folder", entry[0], entry[1])
    elif op.redo in _REMOVE and (entry := index_entry(op.before)):
        yield Told("removed", "taken out of its folder", entry[0], entry[1])
    elif op.redo == _GIVE and (name := _attribute(op.after)):
        yield Told("named", "given as name", (record, None), name)
    elif op.redo == _TAKE and (name := _attribute(op.before)):
        yield Told("unnamed", "taken off as name", (record, None), name)


def _attribute(raw: bytes) -> FileName | None:
    """A resident $FILE_NAME attribute."""
    if len(raw) < 24 or raw[:4] != b"\x30\0\0\0" or raw[8]:
        return None
    length, start = struct.unpack_from("<IH", raw, 16)
    return file_name(raw[start : start + length])


def _made(raw: bytes, record: int | None) -> Iterator[Told]:
    """The names in a whole $MFT record."""
    if len(raw) < 48 or raw[:4] != b"FILE":
        return
    seq, at = struct.unpack_from("<H2xH", raw, 16)
    number = int.from_bytes(raw[44:48], "little") if at >= 48 else record
    while at + 24 <= len(raw):
        length = int.from_bytes(raw[at + 4 : at + 8], "little")
        if length < 24 or raw[at : at + 4] == b"\xff" * 4:
            return
        if name := _attribute(raw[at : at + length]):
            yield Told("created", "made", (number, seq), name)
        at += length


class _Teller:
    """Turns the records of one log into events, with paths and with renames put together."""

    def __init__(self, job: Job, log: Log) -> None:
        mft = job.companions.get("mft")
        self.log = log
        self.tree = survey(mft).tree if mft else None
        self.paths = Paths(job.source.path.partition("\\")[0], self._up)
        self.open: dict[int, dict[tuple[int, int], _Open]] = {}

    def _up(self, entry: int, seq: int) -> tuple[str, int, int] | None:
        return self.tree.up(entry, seq) if self.tree else None

    def tell(self, record: LogRecord) -> Iterator[Said]:
        """The events of one record."""
        raw = self.log.bytes_of(record)
        if record.kind != 1:
            return
        op = operation(raw[logpages.RECORD :])
        if (op.redo, op.undo) == _FORGET:
            self.open.pop(record.transaction, None)
        spans = logpages.spans(record)
        for one in told(op, None):
            yield self._said(one, op, record, spans, raw)

    def _said(self, one: Told, op: Operation, record: LogRecord, spans: tuple[Span, ...], raw: bytes) -> Said:
        name, before = one.name, self._before(one, record.transaction, spans)
        path = self.paths.of(name.name, *name.parent)
        old = self.paths.of(before.name.name, *before.name.parent) if before else None
        words = f"moved here from {old}" if old else one.words
        fields: dict[str, Value] = {
            "lsn": record.lsn,
            "operation": _WORDS[op.redo],
            "transaction": record.transaction,
            "record": one.file[0],
            "seq": one.file[1],
            "old_path": old,
            **name.data(),
            "record_sha256": digest(raw),
        }
        return Said(
            when=name.moment(2, "first"),
            act="renamed" if old else one.act,
            kind=NAME,
            subject=f"{path}: {words}",
            data=fields,
            pivots={"file_path": path},
            spans=spans[: len(record.pieces)],
            context=(*spans[len(record.pieces) :], *(before.spans if before else ())),
            locator=f"LSN {record.lsn}",
        )

    def _before(self, one: Told, transaction: int, spans: tuple[Span, ...]) -> _Open | None:
        """The name the same transaction took off the same file; remembers names that are taken off."""
        if one.act not in {"added", "removed"} or one.name.dos or one.file[0] is None or one.file[1] is None:
            return None
        key = (one.file[0], one.file[1])
        if one.act == "added":
            found = self.open.get(transaction, {}).pop(key, None)
            same = found and (found.name.name, found.name.parent) == (one.name.name, one.name.parent)
            return None if same else found
        if len(self.open) < _MOST_OPEN:
            context = tuple(Span(s.offset, s.length, "context") for s in spans)
            self.open.setdefault(transaction, {})[key] = _Open(one.name, context)
        return None


def parse(job: Job) -> Iterator[ParserOutput]:
    """Events of records that name files, issues of those that are damaged, one ledger that counts all records."""
    held: list[_Teller] = []
    by_place: dict[int, LogRecord] = {}

    def walk(raw: bytes) -> list[Part]:
        log = logpages.read(raw)
        held.append(_Teller(job, log))
        by_place.update({record.offset: record for record in log.records})
        parts = [Part(r.offset, r.pieces[0][1], f"LSN {r.lsn}") for r in sorted(log.records, key=lambda r: r.lsn)]
        parts += [Part(at, n, f"byte {at}", "log records", True) for at, n in log.gaps]
        if not parts and raw.strip(b"\xff\0") and raw[:4] not in (b"RSTR", b"CHKD"):
            parts.append(Part(0, len(raw), "file", "a log with restart pages", True))
        return parts

    def decode(raw: bytes, part: Part, job: Job) -> Iterator[Said | Issue]:
        record, log = by_place[part.offset], held[0].log
        if record.offset in log.cut or record.pieces[-1][0] + record.pieces[-1][1] > len(raw):
            raise Damage("the end of this log record was overwritten")
        if log.is_torn(record):
            raise Damage("the fix-up of this log record does not fit: it was torn or overwritten")
        yield from held[0].tell(record)

    for item in tell(job, walk, decode, _MOST):
        if isinstance(item, Ledger) and held and held[0].log.torn:
            at = held[0].log.torn[0]
            found = f"{len(held[0].log.torn)} sectors"
            yield Issue(grade="damaged", what="sectors do not fit their pages", offset=at, length=2, found=found)
        yield item


def recognises(head: bytes, path: str) -> bool:
    """The name, or a restart page at the start."""
    marked = head[:4] == b"RSTR" and head[16:20] == b"\0\x10\0\0"
    return bool(head) and (marked or path.casefold().endswith("\\$logfile"))


PARSER = Parser(
    name="ntfs.logfile",
    version=1,
    definitions=("NtfsSystemFiles",),
    companions=(Companion(role="mft", pattern="$MFT"),),
    yields=(
        Kind(
            name=NAME,
            fields={
                "lsn": "number of the log record: the higher, the later",
                "operation": "what is done again when the log is replayed",
                "transaction": "operations with the same one belong together",
                "record": "$MFT entry of the file, null where the log does not say it",
                "seq": "its sequence number",
                "old_path": "path that the same transaction took off the file",
                **FIELDS,
                **DIGEST,
            },
        ),
    ),
    recognises=recognises,
    parse=parse,
    tier=1,
)
