"""Record headers of EVTX and their constants; sound ones and those that one damaged field cannot hide.

A record: `**\\0\\0`, size (u32), record number (u64), FILETIME written (u64), BinXML, the size again. So it is known by
three marks, and two of them are enough: a record does not get lost, nor its neighbour, by one changed byte.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

FILE_HEADER, CHUNK, CHUNK_HEADER = 4096, 65536, 512
FILE_MAGIC, CHUNK_MAGIC, RECORD_MAGIC = b"ElfFile\0", b"ElfChnk\0", b"**\0\0"
HEADER, LEAST_RECORD = 24, 28  # of a record; behind its header lies the BinXML


_FIELDS, _SIZE = struct.Struct("<IQQ").unpack_from, struct.Struct("<I").unpack_from
_WHOLE, _MAGIC = struct.Struct("<IIQQ").unpack_from, int.from_bytes(RECORD_MAGIC, "little")


class Record(NamedTuple):
    """A record header; `offset` is inside the chunk, `written` a FILETIME, `odd` says which of its marks is wrong."""

    offset: int
    size: int
    number: int
    written: int
    odd: str = ""


def record_at(raw: bytes, at: int, end: int) -> Record | None:
    """The record header at a place, if a sound one is there that ends before `end`."""
    if at + LEAST_RECORD > end or not raw.startswith(RECORD_MAGIC, at):
        return None
    size, number, written = _FIELDS(raw, at + 4)
    if size < LEAST_RECORD or at + size > end or _SIZE(raw, at + size - 4)[0] != size:
        return None
    return Record(at, size, number, written)


def sound_records(raw: bytes, at: int, end: int, most: int, records: list[Record]) -> int:
    """Add the sound records that follow each other from `at` and begin before `end`, as `record_at` has them.

    Where the first one begins that is not sound; nearly every chunk is sound, so nothing is called for each record.
    """
    end = min(end, most) - LEAST_RECORD
    while at <= end:
        mark, size, number, written = _WHOLE(raw, at)
        behind = at + size
        if mark != _MAGIC or size < LEAST_RECORD or behind > most or raw[behind - 4 : behind] != raw[at + 4 : at + 8]:
            break
        records.append(Record(at, size, number, written))
        at = behind
    return at


def damaged_record(raw: bytes, at: int, upto: int, end: int) -> Record | None:
    """A record with one wrong mark where the walk expects one; the next sound one begins at `upto`."""
    if at + LEAST_RECORD > end:
        return None
    size, number, written = struct.unpack_from("<IQQ", raw, at + 4)
    if LEAST_RECORD <= size <= end - at and struct.unpack_from("<I", raw, at + size - 4)[0] == size:
        return Record(at, size, number, written, "its signature is wrong")
    if not raw.startswith(RECORD_MAGIC, at):
        return None
    room = upto - at
    if room >= LEAST_RECORD and struct.unpack_from("<I", raw, upto - 4)[0] == room:
        return Record(at, room, number, written, "its size is wrong")
    return Record(at, size, number, written, "its second size is wrong") if LEAST_RECORD <= size <= room else None


def search(raw: bytes, start: int, end: int) -> Iterator[Record]:
    """Records anywhere in a stretch of bytes; they need both copies of their size to agree."""
    at = raw.find(RECORD_MAGIC, start, end)
    while at >= 0:
        record = record_at(raw, at, end)
        if record:
            yield record
        at = raw.find(RECORD_MAGIC, at + (record.size if record else 1), end)
