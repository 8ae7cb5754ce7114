"""Pages of a $LogFile and where log records lie in them, found by headers alone; no operation is decoded here.

Format facts, checked on logs that Windows wrote: pages of 4096 bytes with fix-ups; a record's sequence number (LSN)
holds its own place, divided by 8, in its low bits, so that every record proves itself; a record goes on in the page
behind. The first pages after the two restart pages are copies of pages further on, as their records' numbers say.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from parsers.ntfs.fixups import HEAD, PAGE, mend, touched
from shellcase.model import Span

RECORD = 0x30
_COPIES = 0x24000  # copies of pages lie before this place
_MOST_DATA = 1 << 16
_HEADER = struct.Struct("<QQQIHHIIH")


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A log record's header. `pieces` are its bytes in the file, header included; `whole` when all are there."""

    offset: int
    lsn: int
    previous: int
    length: int
    kind: int
    transaction: int
    pieces: tuple[tuple[int, int], ...]
    end: int
    copy: bool = False


@dataclass(slots=True)
class Log:
    """A whole log: mended bytes, sector ends whose fix-up does not fit, bits of an LSN that are a place.

    `gaps` are bytes where records should be; `cut` are records whose end was overwritten by a younger one.
    """

    raw: bytearray
    bits: int
    torn: list[int] = field(default_factory=list)
    records: list[LogRecord] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    cut: set[int] = field(default_factory=set)

    def bytes_of(self, record: LogRecord) -> bytes:
        """The whole record: its header, then what its client wrote: operation, redo and undo."""
        return b"".join(bytes(self.raw[at : at + length]) for at, length in record.pieces)

    def is_torn(self, record: LogRecord) -> bool:
        """Whether bytes of it lie at the end of a sector that does not belong to its page."""
        return any(touched(self.torn, at, length) for at, length in record.pieces)


def spans(record: LogRecord) -> tuple[Span, ...]:
    """The record's bytes, and the heads of its pages, which hold the true bytes of sector ends."""
    pages = dict.fromkeys(at // PAGE * PAGE for at, _ in record.pieces)
    return (*(Span(at, n) for at, n in record.pieces), *(Span(p, HEAD, "context") for p in pages))


def read(raw: bytes) -> Log:
    """Mend all pages and find all records."""
    log = Log(bytearray(raw), _bits(raw))
    pages = [p for p in range(2 * PAGE, len(raw) - PAGE + 1, PAGE) if raw[p : p + 4] not in (b"\xff" * 4, bytes(4))]
    for page in pages:
        mend(log.raw, page, log.torn)
    own = [r for page in pages for r in _records(log, page, page)]
    known = {r.lsn for r in own}
    for page in (p for p in pages if p < _COPIES):
        base = _base(log, page)
        fresh = [r for r in _records(log, page, base) if r.lsn not in known] if base != page else []
        known |= {r.lsn for r in fresh}
        own += fresh
    log.records = sorted(own, key=lambda r: r.offset)
    log.gaps = list(_gaps(log, pages, known))
    return log


def _base(log: Log, page: int) -> int:
    """Of which page this one is a copy: what most of its records say; itself where none says anything else."""
    words = np.frombuffer(bytes(log.raw[page : page + PAGE]), "<u8")
    places = (words & np.uint64((1 << log.bits) - 1)).astype(np.int64) * 8
    bases = places - np.arange(len(words)) * 8
    good = (bases % PAGE == 0) & (bases >= 4 * PAGE) & (bases < len(log.raw)) & (words >> np.uint64(log.bits) > 0)
    said = [
        int(bases[n]) for n in np.flatnonzero(good).tolist() if 8 * n <= PAGE - RECORD and _sound(log, page + 8 * n)
    ]
    return max(said, key=said.count) if said else page


def _bits(raw: bytes) -> int:
    """How many low bits of an LSN are a place: by the restart pages when both agree, else by the file's size."""
    told = set()
    for page in (0, PAGE):
        area = int.from_bytes(raw[page + 24 : page + 26], "little")
        bits = int.from_bytes(raw[page + area + 16 : page + area + 20], "little")
        if raw[page : page + 4] == b"RSTR" and 30 <= bits <= 54:
            told.add(64 - bits)
    return told.pop() if len(told) == 1 else max(10, (max(len(raw), 8) // 8 - 1).bit_length())


def _records(log: Log, page: int, base: int) -> Iterator[LogRecord]:
    """Records that begin in a page whose LSNs are reckoned from `base`."""
    words = np.frombuffer(bytes(log.raw[page : page + PAGE]), "<u8")
    places = (words & np.uint64((1 << log.bits) - 1)).astype(np.int64) * 8
    fits = np.flatnonzero((places == base + np.arange(len(words)) * 8) & (words >> np.uint64(log.bits) > 0))
    for index in fits.tolist():
        at = page + 8 * index
        if HEAD <= 8 * index <= PAGE - RECORD:
            record = _header(log, at, base != page)
            if record:
                yield record


def _sound(log: Log, at: int) -> bool:
    """Whether the header of a record makes sense."""
    _, _, _, length, _, _, kind, _, _ = _HEADER.unpack_from(log.raw, at)
    return kind in (1, 2) and length <= min(_MOST_DATA, len(log.raw) - RECORD)


def _header(log: Log, at: int, copy: bool) -> LogRecord | None:
    lsn, previous, _, length, _, _, kind, transaction, _ = _HEADER.unpack_from(log.raw, at)
    if not _sound(log, at):
        return None
    pieces, end = _pieces(at, RECORD + length)
    return LogRecord(at, lsn, previous, length, kind, transaction, pieces, end, copy)


def _pieces(at: int, length: int) -> tuple[tuple[tuple[int, int], ...], int]:
    """The bytes of a record that begins at `at`, page by page, and where the next one begins."""
    found = []
    while length:
        if not at % PAGE:
            at += HEAD
        take = min(length, PAGE - at % PAGE)
        found.append((at, take))
        at, length = at + take, length - take
    at = (at + 7) & ~7
    if PAGE - at % PAGE < RECORD or not at % PAGE:
        at = -(-at // PAGE) * PAGE + HEAD
    return tuple(found), at


def _gaps(log: Log, pages: list[int], known: set[int]) -> Iterator[tuple[int, int]]:
    """Bytes between two records of the same lap, and pages that name a last record which is not there."""
    own = [r for r in log.records if not r.copy]
    gone: set[int] = set()
    for a, b in pairwise(own):
        if b.offset < a.end:
            log.cut.add(a.offset)
        if 0 < b.offset - a.end < 2 * PAGE and b.lsn - a.lsn == (b.offset - a.offset) >> 3:
            gone |= {a.end // PAGE, b.offset // PAGE}
            yield a.end, b.offset - a.end
    for page in pages:
        last = int.from_bytes(log.raw[page + 32 : page + 40], "little")
        place = (last & (1 << log.bits) - 1) * 8
        near = 0 <= page - place // PAGE * PAGE <= _MOST_DATA and log.raw[page : page + 4] == b"RCRD"
        if near and log.raw[page + 16] & 1 and last not in known and place // PAGE not in gone:
            yield place, min(RECORD, len(log.raw) - place)
