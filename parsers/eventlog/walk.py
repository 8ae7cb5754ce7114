"""The frame of an EVTX file: chunks and record headers, read without decoding a single record.

File header 4096 bytes, then chunks of 65536. Chunk header 512: `ElfChnk\\0`, first and last record number, first and
last record id (u64 at 8, 16, 24, 32), offset of the free space (u32 at 48), CRC-32 of the records (u32 at 52), flags
(u32 at 120), CRC-32 of the header (u32 at 124), string table at 128, template table at 384. A record: `**\\0\\0`, size
(u32), record id (u64), FILETIME written (u64), BinXML, size again. Source: libyal's EVTX format notes, checked here.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from shellcase.model import Job, Source, Span

FILE_HEADER, CHUNK, CHUNK_HEADER = 4096, 65536, 512
FILE_MAGIC, CHUNK_MAGIC, RECORD_MAGIC = b"ElfFile\0", b"ElfChnk\0", b"**\0\0"
LEAST_RECORD = 28
SPAN_CHUNKS = 512
NO_CHECKSUMS = 4


class Record(NamedTuple):
    """A record header; `offset` is inside the chunk, `written` a FILETIME."""

    offset: int
    size: int
    number: int
    written: int


class Gap(NamedTuple):
    """Bytes among the records that are none; `headed` when they begin like one."""

    offset: int
    length: int
    headed: bool


@dataclass(slots=True)
class Chunk:
    """One chunk, padded with zeros to full size. `slack` are whole records behind the free-space mark."""

    offset: int
    length: int
    raw: bytes
    good_magic: bool
    announced: int | None = None
    records: list[Record] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    slack: list[Record] = field(default_factory=list)
    checksums_wrong: tuple[str, ...] = ()

    @property
    def is_blank(self) -> bool:
        """Never used: no header and nothing but zeros."""
        return not self.good_magic and not any(self.raw)


def split(source: Source) -> tuple[Span, ...]:
    """Spans of whole chunks, 32 MiB each; the file header belongs to the first."""
    step = SPAN_CHUNKS * CHUNK
    starts = [0, *range(FILE_HEADER + step, source.size, step)]
    ends = [*starts[1:], source.size]
    return tuple(Span(low, high - low) for low, high in zip(starts, ends, strict=True))


def chunks(stream: BinaryIO, job: Job) -> Iterator[Chunk]:
    """The chunks of a file or of a span of it, each walked."""
    start = job.span.offset if job.span else 0
    end = start + job.span.length if job.span else job.source.size
    at = max(start, FILE_HEADER)
    stream.seek(at)
    while at < end and (raw := stream.read(CHUNK)):
        yield walk(at, raw)
        at += CHUNK


def walk(offset: int, found: bytes) -> Chunk:
    """Read one chunk's header and the headers of its records."""
    raw = found.ljust(CHUNK, b"\0")
    chunk = Chunk(offset, len(found), raw, raw.startswith(CHUNK_MAGIC))
    end = CHUNK
    if chunk.good_magic:
        first, last, free = *struct.unpack_from("<QQ", raw, 8), *struct.unpack_from("<I", raw, 48)
        end = free if CHUNK_HEADER <= free <= CHUNK else CHUNK
        chunk.announced = last - first + 1 if 0 <= last - first < CHUNK // LEAST_RECORD else None
        chunk.checksums_wrong = tuple(_wrong_checksums(raw, end))
    _walk_records(chunk, min(end, len(found)))
    if chunk.good_magic and end < CHUNK:
        chunk.slack = list(_search(raw, end, CHUNK))
    return chunk


def _wrong_checksums(raw: bytes, end: int) -> Iterator[str]:
    records_crc, flags, header_crc = (struct.unpack_from("<I", raw, at)[0] for at in (52, 120, 124))
    if flags & NO_CHECKSUMS:
        return
    if zlib.crc32(raw[128:512], zlib.crc32(raw[:120])) != header_crc:
        yield "chunk header"
    if zlib.crc32(raw[CHUNK_HEADER:end]) != records_crc:
        yield "records"


def _walk_records(chunk: Chunk, end: int) -> None:
    at = CHUNK_HEADER
    while at + LEAST_RECORD <= end:
        record = record_at(chunk.raw, at, end)
        if record is None:
            after = next(_search(chunk.raw, at + 1, end), None)
            upto = after.offset if after else end
            if any(chunk.raw[at:upto]):
                chunk.gaps.append(Gap(at, upto - at, chunk.raw.startswith(RECORD_MAGIC, at)))
            at = upto
        else:
            chunk.records.append(record)
            at += record.size


def _search(raw: bytes, start: int, end: int) -> Iterator[Record]:
    """Records anywhere in a stretch of bytes; they need both copies of their size to agree."""
    at = raw.find(RECORD_MAGIC, start, end)
    while at >= 0:
        record = record_at(raw, at, end, strict=True)
        if record:
            yield record
        at = raw.find(RECORD_MAGIC, at + (record.size if record else 1), end)


def record_at(raw: bytes, at: int, end: int, *, strict: bool = False) -> Record | None:
    """The record header at a place, if a sane one is there; a wrong second size is forgiven if it swallows none."""
    if at + LEAST_RECORD > end or not raw.startswith(RECORD_MAGIC, at):
        return None
    size, number, written = struct.unpack_from("<IQQ", raw, at + 4)
    if size < LEAST_RECORD or at + size > end:
        return None
    if struct.unpack_from("<I", raw, at + size - 4)[0] == size:
        return Record(at, size, number, written)
    if strict or next(_search(raw, at + 1, at + size), None):
        return None
    return Record(at, size, number, written)
