"""Where the chunks of an EVTX file lie: every 65536 bytes behind the file's header, unless bytes are lost or added.

Carved logs have no file header, copies by damaged tools lack or repeat some bytes. A chunk's header has a checksum, so
a sound one is known wherever it lies; from there on the grid is counted anew.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from parsers.eventlog.frame import CHUNK, CHUNK_HEADER, CHUNK_MAGIC, FILE_HEADER
from shellcase.model import Source, Span

_ENOUGH = 7  # of the eight bytes of a chunk's signature


def has_header(raw: bytes, at: int = 0) -> bool:
    """Whether a chunk's signature stands there; one byte of it may be damaged."""
    return raw.startswith(CHUNK_MAGIC, at) or sum(map(int.__eq__, raw[at : at + 8], CHUNK_MAGIC)) >= _ENOUGH


def header_checksum(raw: bytes, at: int = 0) -> int:
    """The CRC-32 that a chunk's header should have in bytes 124 to 128."""
    return zlib.crc32(raw[at + 128 : at + 512], zlib.crc32(raw[at : at + 120]))


def sound_header(raw: bytes, at: int = 0) -> bool:
    """Whether a whole chunk header whose checksum fits begins there."""
    if len(raw) - at < CHUNK_HEADER or not raw.startswith(CHUNK_MAGIC, at):
        return False
    return header_checksum(raw, at) == int.from_bytes(raw[at + 124 : at + 128], "little")


def first_chunk(stream: BinaryIO) -> int:
    """Where the first chunk lies: behind the file's header, or before that where some or all of it is missing."""
    stream.seek(0)
    raw = stream.read(FILE_HEADER + CHUNK_HEADER)
    return next((at for at in _sound_headers(raw) if at < FILE_HEADER), FILE_HEADER)


def pieces(stream: BinaryIO, at: int, end: int) -> Iterator[tuple[int, bytes]]:
    """The bytes of each chunk that begins before `end`, and what lies between two that are not side by side."""
    while at < end:
        stream.seek(at)
        raw = stream.read(CHUNK)
        if not raw:
            return
        if not (has_header(raw) and (raw.find(CHUNK_MAGIC, 1) < 0 or _records_sound(raw))) and any(raw):
            headers = _sound_headers(raw + stream.read(CHUNK_HEADER))
            raw = raw[: next((n for n in headers if n), CHUNK)]
        yield at, raw
        at += len(raw)


def _sound_headers(raw: bytes) -> Iterator[int]:
    at = raw.find(CHUNK_MAGIC)
    while at >= 0:
        if sound_header(raw, at):
            yield at
        at = raw.find(CHUNK_MAGIC, at + 1)


def _records_sound(raw: bytes) -> bool:
    """Whether the checksum over the records fits: then a second header inside is what some event says, and no chunk."""
    free, stored = struct.unpack_from("<II", raw, 48)
    return bool(CHUNK_HEADER <= free <= len(raw) and zlib.crc32(raw[CHUNK_HEADER:free]) == stored)


def cut(source: Source, step: int) -> tuple[Span, ...]:
    """Spans of whole chunks, `step` bytes each, the file's header with the first. One, where the grid does not hold."""
    starts = [0, *range(FILE_HEADER + step, source.size, step)]
    with source.open() as stream:
        starts = starts if all(_fits(stream, at) for at in starts[1:]) else [0]
    ends = [*starts[1:], source.size]
    return tuple(Span(low, high - low) for low, high in zip(starts, ends, strict=True))


def _fits(stream: BinaryIO, at: int) -> bool:
    stream.seek(at)
    raw = stream.read(len(CHUNK_MAGIC))
    return has_header(raw) or not any(raw)


def chunk_of(source: Source, offset: int) -> tuple[Span, ...]:
    """The file's header and the whole chunk of a record: its templates and names may lie anywhere in it."""
    low = max(0, offset - CHUNK)
    with source.open() as stream:
        stream.seek(low)
        before = stream.read(offset - low + CHUNK_HEADER)
    at = before.rfind(CHUNK_MAGIC, 0, offset - low)
    while at >= 0 and not sound_header(before, at):
        at = before.rfind(CHUNK_MAGIC, 0, at)
    start = low + at if at >= 0 else FILE_HEADER + (offset - FILE_HEADER) // CHUNK * CHUNK
    return (Span(0, FILE_HEADER, "context"), Span(start, CHUNK, "context"))
