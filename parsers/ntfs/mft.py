"""The $MFT of an NTFS volume: every file and folder it knows, deleted ones included, with all their times.

Two passes over the file, a block of records at a time: names first, then rows with full paths. Needs memory for the
names of all entries and for one block.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np

from parsers.crc import CRC
from parsers.leaning import whole
from parsers.ntfs import filetime
from parsers.ntfs.entries import lines
from parsers.ntfs.records import (
    BAAD,
    BLOCK_BYTES,
    EMPTY,
    FOREIGN,
    GOOD,
    TORN,
    Block,
    Ints,
    attributes,
    blocks,
    record_size,
)
from parsers.ntfs.rows import Lines, batch
from parsers.ntfs.survey import Survey, survey
from parsers.ntfs.tree import Paths
from shellcase.model import (
    EventBatch,
    Grade,
    Issue,
    Job,
    Kind,
    Ledger,
    Parser,
    ParserOutput,
    Source,
    Span,
    merge_ledgers,
)

SPLIT_FROM = 32 << 20
"""An $MFT of fewer bytes is read by one process."""

_RESERVED, _OWN = 24, 4
"""A volume's $MFT has at least 24 entries, and the first four are never empty: zeros there are a loss."""
_WRONG = {
    BAAD: ("NTFS itself marked this record as bad", "FILE", "BAAD"),
    FOREIGN: ("these bytes are no $MFT record", "FILE", ""),
    TORN: ("the fix-up of this record does not fit: it was torn or overwritten", "check numbers at sector ends", ""),
}


def drive_of(path: str) -> str:
    r"""`C:` of `C:\$MFT` and of `C:\$Extend\$UsnJrnl:$J`."""
    return path.partition("\\")[0]


def parse(job: Job) -> Iterator[ParserOutput]:
    """One row per distinct time of each entry, an Issue per bad record, and the ledger."""
    drive = drive_of(job.source.path)
    known = survey(job.source)
    paths = Paths(drive, known.tree.up)
    yield from _strays(known, job.span)
    ledgers: list[Ledger] = []
    with job.source.open() as stream:
        for block, rest in blocks(stream, known.record_size, job.span):
            ledgers.append((yield from _block(block, known, paths, job.source.state)))
            if rest:
                ledgers.append((yield from _rest(rest, (block.first + len(block.raw)) * block.size)))
    yield merge_ledgers(ledgers)


def _block(block: Block, known: Survey, paths: Paths, state: str) -> Generator[ParserOutput, None, Ledger]:
    """Rows and issues of one block; returns its account."""
    if len(known.tree.base) >= _RESERVED:
        own = block.grade[: max(0, _OWN - block.first)]
        own[own == EMPTY] = FOREIGN
    attrs, broken = attributes(block)
    for row in np.flatnonzero(np.isin(block.grade, list(_WRONG))).tolist():
        yield _bad(block, row)
    for row in broken.tolist():
        yield _issue(block, row, "the attributes of this record break off", "attributes up to the end mark", "")
    table = lines(block, attrs, known, paths)
    yield from _undated(table, block.size)
    if len(table.entry):
        yield EventBatch(batch(table, block.size, state))
    return _account(block, broken, table)


def _bad(block: Block, row: int) -> Issue:
    what, expected, found = _WRONG[int(block.grade[row])]
    return _issue(block, row, what, expected, found or block.raw[row, :8].tobytes().hex())


def _issue(block: Block, row: int, what: str, expected: str, found: str, grade: Grade = "damaged") -> Issue:
    entry, size = block.first + row, block.size
    at = f"entry {entry}"
    return Issue(grade=grade, what=what, offset=entry * size, length=size, expected=expected, found=found, locator=at)


def _undated(table: Lines, size: int) -> Iterator[Issue]:
    """Times that are none: zero and other ticks of 1601, or beyond the year 9999."""
    for i in np.flatnonzero(~filetime.valid(table.times).all(axis=1)).tolist():
        yield Issue(
            grade="odd",
            what=f"{('$STANDARD_INFORMATION', '$FILE_NAME')[int(table.fn[i])]} holds a number that is no time",
            offset=int(table.entry[i]) * size,
            length=size,
            expected="a FILETIME between 1602 and 9999",
            found=", ".join(map(str, table.times[i].tolist())),
            locator=table.locator[i].as_py(),
        )


def _strays(known: Survey, span: Span | None) -> Iterator[Issue]:
    """Extension records in use whose base record does not know them any more."""
    for entry in known.strays.tolist():
        if span and not span.offset <= entry * known.record_size < span.offset + span.length:
            continue
        base = int(known.tree.base[entry])
        yield Issue(
            grade="odd",
            what="this extension record names a base record that is another file by now",
            offset=entry * known.record_size,
            length=known.record_size,
            expected=f"entry {base & 0xFFFF_FFFF_FFFF}-{base >> 48}",
            locator=f"entry {entry}",
        )


def _account(block: Block, broken: Ints, table: Lines) -> Ledger:
    bad = np.union1d(np.flatnonzero(np.isin(block.grade, list(_WRONG))), broken) + block.first
    live = table.times[table.gone == 0]
    live = live[filetime.valid(live)]
    return Ledger(
        bytes_seen=block.raw.size,
        found=int((block.grade != EMPTY).sum()),
        parsed=int((block.grade == GOOD).sum()) - len(broken),
        failed=len(bad),
        announced=len(block.raw),
        failed_ranges=tuple((e * block.size, block.size) for e in bad.tolist()),
        first_ns=filetime.to_ns(int(live.min())) if len(live) else None,
        last_ns=filetime.to_ns(int(live.max())) if len(live) else None,
    )


def _rest(rest: bytes, at: int) -> Generator[ParserOutput, None, Ledger]:
    """Bytes after the last whole record."""
    if not any(rest):
        return Ledger(bytes_seen=len(rest))
    yield Issue(
        grade="damaged",
        what="the file ends inside a record",
        offset=at,
        length=len(rest),
        expected="a whole record",
        found=f"{len(rest)} bytes",
    )
    return Ledger(bytes_seen=len(rest), found=1, failed=1, failed_ranges=((at, len(rest)),))


def split(source: Source) -> tuple[Span, ...]:
    """Two halves of a big one, cut between blocks. Each part reads all names first, so more parts would not pay."""
    half = source.size // 2 // BLOCK_BYTES * BLOCK_BYTES
    if source.size < SPLIT_FROM:
        return (Span(0, source.size),)
    return Span(0, half), Span(half, source.size - half)


def recognises(head: bytes, path: str) -> bool:
    r"""Records of its own kind at the start, and either the name `$MFT` or entry 0 that calls itself so."""
    name = path.rpartition("\\")[2].casefold()
    record = head[: record_size(head)]
    marked = any(head[at : at + 4] in (b"FILE", b"BAAD") for at in range(0, len(head), 1024))
    if name == "$mft" and not any(head):  # the beginning is lost, what follows need not be
        return True
    return marked and (name == "$mft" or (name != "$mftmirr" and "$MFT".encode("utf-16-le") + b"\x80" in record))


PARSER = Parser(
    name="ntfs.mft",
    version=2,
    definitions=("NtfsMft",),
    yields=(
        Kind(
            name="ntfs.mft.entry",
            fields={
                "set": "SI ($STANDARD_INFORMATION) or FN ($FILE_NAME)",
                "macb": "which of modified, accessed, record changed, born fell on this instant",
                "record": "number of the entry",
                "seq": "its sequence number as the record says it",
                "in_use": "false for deleted files",
                "size": "bytes of the unnamed $DATA, null where there is none",
                "resident": "whether they lie inside the record",
                "attributes": "file attributes",
                "streams": "names of the alternate data streams",
                "short_name": "the DOS name where it repeats the long one",
                "content": "bytes of a deleted file that lie inside the record",
                "zone_identifier": "content of its Zone.Identifier where it lies inside the record",
                "timestomp": "signs that the times were set: born before the name was, whole seconds",
                "crc": f"{CRC} (fix-ups undone)",
                "parent": "folder, entry-sequence",
                "name": "file name",
            },
        ),
    ),
    recognises=recognises,
    context=whole,
    split=split,
    parse=parse,
    tier=0,
)
