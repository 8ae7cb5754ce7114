"""Where the live records of an EVTX chunk end, also when its header is damaged.

A chunk header tells it four times: the free-space mark (u32 at 48), the place of the last record (u32 at 44), the last
record's number (u64 at 16) and its id (u64 at 32). Behind the mark lie records of an older use of the chunk, so one
changed byte of the mark would turn live records into stale ones or the other way round. Where the header's checksum
holds, or the mark and the last record's place agree, the mark is right; else the places are put to the vote. A chunk
without a header ends where its records' numbers stop to rise.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Sequence

from parsers.eventlog.frame import CHUNK, CHUNK_HEADER, Record, record_at


def live_end(raw: bytes, records: Sequence[Record], *, has_header: bool) -> int:
    """Offset behind the last live record. `records` are those met when the walk goes on to the chunk's end."""
    if not has_header:
        return _rising_end(records)
    free, last = mark(raw), _last_end(raw)
    by_number = {record.number: record.offset + record.size for record in reversed(records)}
    votes = Counter([free, last, *(by_number.get(number, 0) for number in struct.unpack_from("<16xQ8xQ", raw))])
    ends = {record.offset + record.size for record in records} | {CHUNK_HEADER}
    places = [(count, place == free, place) for place, count in votes.items() if place in ends]
    return max(places)[2] if places else _rising_end(records)


def mark(raw: bytes) -> int:
    """The free-space mark as stored."""
    return int(struct.unpack_from("<I", raw, 48)[0])


def agreed(raw: bytes) -> bool:
    """Whether the free-space mark lies right behind the record that the header calls the last one."""
    return mark(raw) == (_last_end(raw) or -1)


def _last_end(raw: bytes) -> int:
    at = struct.unpack_from("<I", raw, 44)[0]
    record = record_at(raw, at, CHUNK) if CHUNK_HEADER <= at < CHUNK else None
    return record.offset + record.size if record else 0


def _rising_end(records: Sequence[Record]) -> int:
    end, before = CHUNK_HEADER, -1
    for record in records:
        if record.number <= before:
            break
        end, before = record.offset + record.size, record.number
    return end
