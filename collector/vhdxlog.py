"""The log of a VHDX that was not closed: changes of its tables that are on the disk twice, or only in the log.

The host writes each change into the log first. Where it did not come to close the disk (a copy of a running machine, a
crash), what the log holds must be put over the file before it is read; here that is done while reading, the file stays
as it is. Written from [MS-VHDX] 2.2.2 (headers) and 2.3 (log).
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from dissect.util.hash import crc32c

from collector.blocks import FilePart

SECTOR = 4096
_MOST_LOG = 64 << 20
"""Windows makes logs of 1 MiB."""
_ENTRY, _DESCRIPTOR = struct.Struct("<4sIIIQII16sQQ"), struct.Struct("<4s4sQQQ")
_HEADER = struct.Struct("<4sIQ16s16s16sHHIQ")


@dataclass(frozen=True, slots=True)
class Header:
    """What of the header in force matters: whose bytes these are, and where the log lies (`log_id` of zeros: none)."""

    sequence: int
    data_id: bytes
    log_id: bytes
    log_size: int
    log_at: int


def header_of(file: FilePart) -> Header | None:
    """The sound header with the higher number; None when neither is sound."""
    found = [h for at in (1 << 16, 2 << 16) if (h := _header(file.read_at(at, SECTOR)))]
    return max(found, key=lambda h: h.sequence, default=None)


def _header(raw: bytes) -> Header | None:
    if len(raw) < SECTOR or not raw.startswith(b"head") or not _sound(raw):
        return None
    _mark, _sum, sequence, _write_id, data_id, log_id, _log_version, _version, size, at = _HEADER.unpack_from(raw)
    return Header(sequence, data_id, log_id, size, at)


def _sound(raw: bytes) -> bool:
    """Whether the CRC-32C in bytes 4 to 8 fits, with zeros in its own place."""
    (stored,) = struct.unpack_from("<I", raw, 4)
    return bool(crc32c.crc32c(raw[:4] + bytes(4) + raw[8:]) == stored)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the log: where it lies in it, and what it writes, as (offset, bytes or a length of zeros)."""

    at: int
    size: int
    tail: int
    sequence: int
    flushed: int
    last: int
    writes: tuple[tuple[int, bytes | int], ...]


def entries(log: bytes, log_id: bytes) -> list[Entry]:
    """The entries to be applied: of the newest unbroken row those from its tail on. None: the log is broken."""
    best, tail = list[Entry](), 0
    while tail < len(log):
        row = list(_row(log, log_id, tail))
        if row and row[-1].tail in {e.at for e in row} and (not best or row[-1].sequence > best[-1].sequence):
            best = row
        tail += sum(e.size for e in row) or SECTOR
    return [e for e in best if e.sequence >= next(o.sequence for o in best if o.at == best[-1].tail)]


def _row(log: bytes, log_id: bytes, at: int) -> Iterator[Entry]:
    """Entries one behind the other, each with the next number; the log is a ring."""
    used, number = 0, 0
    while used < len(log) and (entry := _entry(log, log_id, (at + used) % len(log))):
        if number and entry.sequence != number + 1:
            return
        yield entry
        used, number = used + entry.size, entry.sequence


def _entry(log: bytes, log_id: bytes, at: int) -> Entry | None:
    head = log[at : at + _ENTRY.size]
    if not head.startswith(b"loge"):
        return None
    _mark, _sum, size, tail, sequence, count, _reserved, whose, flushed, last = _ENTRY.unpack(head)
    fits = size % SECTOR == 0 and SECTOR <= size <= len(log) and tail % SECTOR == 0 and tail < len(log)
    if not (fits and sequence and whose == log_id and count * 32 + _ENTRY.size <= size):
        return None
    raw = log[at : at + size] + log[: max(0, at + size - len(log))]
    writes = tuple(_writes(raw, sequence, count)) if _sound(raw) else ()
    return Entry(at, size, tail, sequence, flushed, last, writes) if len(writes) == count and _sound(raw) else None


def _writes(raw: bytes, sequence: int, count: int) -> Iterator[tuple[int, bytes | int]]:
    """What an entry writes; nothing more from the first descriptor on that does not fit."""
    data = -(-(_ENTRY.size + 32 * count) // SECTOR) * SECTOR
    for n in range(count):
        mark, tail, head, offset, number = _DESCRIPTOR.unpack_from(raw, _ENTRY.size + 32 * n)
        if number != sequence or offset % SECTOR:
            return
        if mark == b"zero":
            yield offset, head
        elif mark == b"desc" and data + SECTOR <= len(raw) and _written(raw, data) == sequence:
            yield offset, struct.pack("<Q", head) + raw[data + 8 : data + SECTOR - 4] + tail
            data += SECTOR
        else:
            return


def _written(raw: bytes, at: int) -> int:
    """The number in a data sector: its high half in front, the low one at the end."""
    high, low = struct.unpack_from("<I", raw, at + 4)[0], struct.unpack_from("<I", raw, at + SECTOR - 4)[0]
    return int(high << 32 | low) if raw[at : at + 4] == b"data" else -1


class Patched(FilePart):
    """A file as it would be with the log applied. Changes lie over it as ranges in order, which do not touch."""

    def __init__(self, file: FilePart, log: list[Entry]) -> None:
        super().__init__(file._fh)
        self._below = file
        self._zeros = [(at, at + w) for e in log for at, w in e.writes if isinstance(w, int)]
        self._sectors = dict[int, bytes]()
        for entry in log:
            for at, what in entry.writes:
                self._put(at, what)
        self.held = self.size = max([file.held, *(e.last for e in log)])
        self._order = sorted(self._sectors)

    def _put(self, at: int, what: bytes | int) -> None:
        if isinstance(what, bytes):
            self._sectors[at] = what
            return
        for old in [s for s in self._sectors if at <= s < at + what]:
            self._sectors[old] = bytes(SECTOR)

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes from `offset`, those of the log where it has any."""
        want = self._wanted(offset, length)
        out = bytearray(self._below.read_at(offset, min(want, max(self._below.held - offset, 0))).ljust(want, b"\0"))
        end = offset + want
        for low, high in self._zeros:
            start, stop = max(low, offset), min(high, end)
            if start < stop:
                out[start - offset : stop - offset] = bytes(stop - start)
        first = bisect_right(self._order, offset - SECTOR)
        for at in self._order[first:]:
            if at >= end:
                break
            start, stop = max(at, offset), min(at + SECTOR, end)
            out[start - offset : stop - offset] = self._sectors[at][start - at : stop - at]
        return bytes(out)

    def read_into(self, offset: int, view: memoryview) -> int:
        """The same into memory that is there."""
        data = self.read_at(offset, len(view))
        view[: len(data)] = data
        return len(data)

    def part(self, offset: int, size: int) -> FilePart:
        """Not wanted of a disk in blocks."""
        raise NotImplementedError


def applied(file: FilePart) -> tuple[FilePart, str, str]:
    """The file with its log over it; what was done, and what could not be done (each empty where there is nothing)."""
    head = header_of(file)
    if head is None:
        return file, "", "neither header of the VHDX is sound, so whether it was closed is not known"
    if not any(head.log_id):
        return file, "", ""
    if not 0 < head.log_size <= _MOST_LOG or head.log_size % SECTOR:
        return file, "", f"the VHDX was not closed, and its log has an impossible size ({head.log_size} bytes)"
    found = entries(file.exactly(head.log_at, head.log_size), head.log_id)
    if not found:
        return file, "", "the VHDX was not closed, and its log is damaged: changes of its tables may be missing"
    if found[-1].flushed > file.held:
        short = found[-1].flushed - file.held
        return (
            file,
            "",
            f"the VHDX was not closed and is {short} bytes shorter than its log says: the copy is not complete",
        )
    count = "one entry of its log was" if len(found) == 1 else f"{len(found)} entries of its log were"
    return Patched(file, found), f"the VHDX was not closed: {count} applied while reading", ""
