"""The frame of an EVTX file: chunks and record headers, read without decoding a single record.

File header 4096 bytes, then chunks of 65536. Chunk header 512: `ElfChnk\\0`, first and last record number, first and
last record id (u64 at 8, 16, 24, 32), offset of the last record and of the free space (u32 at 44, 48), CRC-32 of the
records (u32 at 52), flags (u32 at 120), CRC-32 of the header (u32 at 124), string table at 128, template table at 384.
Source: libyal's EVTX format notes, checked here.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from parsers.eventlog.frame import (
    CHUNK,
    CHUNK_HEADER,
    CHUNK_MAGIC,
    LEAST_RECORD,
    RECORD_MAGIC,
    Record,
    damaged_record,
    record_at,
    search,
    sound_records,
)
from parsers.eventlog.grid import cut, first_chunk, has_header, header_checksum, pieces
from parsers.eventlog.mark import agreed, live_end, mark
from shellcase.model import Job, Source, Span

SPAN_CHUNKS = 512
NO_CHECKSUMS = 4


class Gap(NamedTuple):
    """Bytes among the records that are none; `headed` when they begin like one."""

    offset: int
    length: int
    headed: bool


class Checksum(NamedTuple):
    """A CRC-32 that does not hold: of what, as stored, as computed."""

    part: str
    stored: int
    met: int


@dataclass(slots=True)
class Chunk:
    """One chunk, padded with zeros to full size. `slack` are whole records behind the last live one.

    `checked` says whether its records have a checksum, `mark_wrong` that the free-space mark is not their end.
    """

    offset: int
    length: int
    raw: bytes
    good_magic: bool
    announced: int | None = None
    records: list[Record] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    slack: list[Record] = field(default_factory=list)
    checksums_wrong: tuple[Checksum, ...] = ()
    checked: bool = False
    mark_wrong: bool = False

    @property
    def is_blank(self) -> bool:
        """Never used: no header and nothing but zeros."""
        return not self.good_magic and not any(self.raw)

    @property
    def ends(self) -> tuple[str, str]:
        """Where the live records end and where the header says they do, inside the chunk."""
        last = self.records[-1] if self.records else None
        return str(last.offset + last.size if last else CHUNK_HEADER), str(mark(self.raw))


def split(source: Source) -> tuple[Span, ...]:
    """Spans of whole chunks, 32 MiB each; the file header belongs to the first."""
    return cut(source, SPAN_CHUNKS * CHUNK)


def chunks(stream: BinaryIO, job: Job) -> Iterator[Chunk]:
    """The chunks of a file or of a span of it, each walked."""
    start = job.span.offset if job.span else 0
    end = start + job.span.length if job.span else job.source.size
    for at, raw in pieces(stream, start or first_chunk(stream), end):
        yield walk(at, raw)


def walk(offset: int, found: bytes) -> Chunk:
    """Read one chunk's header and the headers of its records."""
    raw = found.ljust(CHUNK, b"\0")
    chunk = Chunk(offset, len(found), raw, raw.startswith(CHUNK_MAGIC))
    headed = has_header(raw)
    sound = headed and _header(chunk)
    free = mark(raw)
    if headed and CHUNK_HEADER <= free <= CHUNK and (sound or agreed(raw)):
        end = free
        _walk_records(chunk, min(end, len(found)))
    else:
        _walk_records(chunk, len(found))
        end = live_end(raw, chunk.records, has_header=headed)
        chunk.records = [record for record in chunk.records if record.offset < end]
        chunk.gaps = [gap for gap in chunk.gaps if gap.offset < end]
        chunk.mark_wrong = headed and end != free
    if headed:
        chunk.checksums_wrong = tuple(_wrong_checksums(raw, end))
    behind = max([end, *(record.offset + record.size for record in chunk.records[-1:])])
    chunk.slack = list(search(raw, behind, CHUNK))
    return chunk


def _header(chunk: Chunk) -> bool:
    """Take what the header says; whether its checksum holds."""
    first, last = struct.unpack_from("<QQ", chunk.raw, 8)
    chunk.announced = last - first + 1 if 0 <= last - first < CHUNK // LEAST_RECORD else None
    flags, stored = struct.unpack_from("<II", chunk.raw, 120)
    chunk.checked = not flags & NO_CHECKSUMS
    return chunk.checked and header_checksum(chunk.raw) == int(stored)


def _wrong_checksums(raw: bytes, end: int) -> Iterator[Checksum]:
    records_crc, flags, header_crc = (struct.unpack_from("<I", raw, at)[0] for at in (52, 120, 124))
    if flags & NO_CHECKSUMS:
        return
    for part, stored, met in (
        ("chunk header", header_crc, header_checksum(raw)),
        ("records", records_crc, zlib.crc32(raw[CHUNK_HEADER:end])),
    ):
        if stored != met:
            yield Checksum(part, stored, met)


def _walk_records(chunk: Chunk, end: int) -> None:
    """Records from the chunk's header to `end`; the last one may run over it where all of its marks say so."""
    at, sound = CHUNK_HEADER, 0
    while (at := sound_records(chunk.raw, at, end, chunk.length, chunk.records)) + LEAST_RECORD <= end:
        record = record_at(chunk.raw, at, chunk.length)
        if record is None:
            if sound <= at:  # kept, so that a chunk full of damage is searched once
                sound = next((after.offset for after in search(chunk.raw, at + 1, end)), end)
            record = damaged_record(chunk.raw, at, sound, end)
        if record is not None:
            chunk.records.append(record)
            at += record.size
        else:
            if any(chunk.raw[at:sound]):
                chunk.gaps.append(Gap(at, sound - at, chunk.raw.startswith(RECORD_MAGIC, at)))
            at = sound
