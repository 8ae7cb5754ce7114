"""Records of one chunk as JSON text, by the fast reader; a damaged record costs itself only.

The fast reader stops a chunk at the first strange header, and a string table that runs in a circle holds it for ever.
So it is given a mended copy: a sound file header, a sound chunk header with empty tables (they are an index only; the
definitions lie beside the records), and every stretch between the wanted records made one record.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Sequence

import evtx

from parsers.eventlog.frame import (
    CHUNK_HEADER,
    CHUNK_MAGIC,
    FILE_HEADER,
    FILE_MAGIC,
    LEAST_RECORD,
    RECORD_MAGIC,
    Record,
)

Decoded = str | None

_NO_NUMBER = 2**64 - 1  # the fast reader stops at the record with the chunk's last number, wherever it lies
_COMMON = 1  # the highest byte of a FILETIME of the years 1829 to 2057
_ANY_TIME = _COMMON << 56  # the fast reader gives up a chunk at a time of writing that no calendar has


def _file_header() -> bytes:
    raw = bytearray(FILE_HEADER)
    struct.pack_into("<8sQQQIHHHH", raw, 0, FILE_MAGIC, 0, 0, 1, 128, 1, 3, FILE_HEADER, 1)
    struct.pack_into("<I", raw, 124, zlib.crc32(raw[:120]))
    return bytes(raw)


_HEADER = _file_header()


def decode(raw: bytes, records: Sequence[Record]) -> list[Decoded]:
    """JSON of each record in order, None where the reader refused it."""
    if not records:
        return []
    chunk, slots = _mend(raw, records)
    decoded: list[Decoded] = [None] * len(records)
    for slot, answer in zip(slots, _answers(chunk), strict=False):
        if slot is not None and answer is not None and answer[0] == records[slot].number:
            decoded[slot] = answer[1]
    return decoded


def _mend(raw: bytes, records: Sequence[Record]) -> tuple[bytes, list[int | None]]:
    """The copy for the reader, and which record (or none) each record of the copy is."""
    chunk, last = bytearray(raw), records[-1]
    slots = list[int | None](range(len(records))) if _follow(records) else _fill(chunk, records)
    chunk[:CHUNK_HEADER] = bytes(CHUNK_HEADER)
    numbers = {record.number for record in records}
    free = next(number for number in range(_NO_NUMBER, 0, -1) if number not in numbers)
    struct.pack_into("<8sQQQQIII", chunk, 0, CHUNK_MAGIC, *(1, free) * 2, 128, last.offset, last.offset + last.size)
    return bytes(chunk), slots


def _follow(records: Sequence[Record]) -> bool:
    """Whether the records are sound and leave no room between them: then the copy needs no mending."""
    at = CHUNK_HEADER
    for offset, size, _number, written, odd in records:
        if offset != at or odd or written >> 56 != _COMMON:
            return False
        at += size
    return True


def _fill(chunk: bytearray, records: Sequence[Record]) -> list[int | None]:
    """Make every stretch between the records one record; which record (or none) each is then."""
    slots, at, before = list[int | None](), CHUNK_HEADER, None
    for index, record in enumerate(records):
        room = record.offset - at
        if room >= LEAST_RECORD:
            struct.pack_into("<4sIQ", chunk, at, RECORD_MAGIC, room, 0)
            slots.append(None)
        elif room and before:
            struct.pack_into("<I", chunk, before.offset + 4, record.offset - before.offset)
        slots.append(index)
        if record.odd or record.written >> 56 != _COMMON:
            struct.pack_into("<4sIQQ", chunk, record.offset, RECORD_MAGIC, record.size, record.number, _ANY_TIME)
        at, before = record.offset + record.size, record
    return slots


def _answers(chunk: bytes) -> Iterator[tuple[int, str] | None]:
    """What the reader says of each record in turn: its id and JSON, or None."""
    try:
        records = iter(evtx.PyEvtxParser(io.BytesIO(_HEADER + chunk), 1).records_json())
    except (RuntimeError, ValueError, OSError):
        return
    while True:
        try:
            for record in records:
                yield (record["event_record_id"], record["data"]) if record else None
        except (RuntimeError, ValueError, OSError):
            yield None
        else:
            return
