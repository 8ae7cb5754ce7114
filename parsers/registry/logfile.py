"""What a transaction log holds: its header, and runs of bytes that belong into the hive, each set under a number.

Two layouts, both after a copy of the hive's header in the first 512 bytes: since Windows 8.1 a chain of entries
(`HvLE`, header 40 bytes, list of places and sizes, then the pages; two Marvin32 sums), before that one `DIRT` bitmap of
512-byte sectors with the sectors after it. Format facts: the regf specification of the yarp project, tried on its
hives, whose repaired copies Windows itself wrote.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from msgspec import Struct

from parsers.registry.cells import FIRST_BIN, Header, header
from parsers.registry.marvin import marvin32

SECTOR = 512
_NEW, _OLD = 6, (1, 2)
_MOST_ENTRIES = 1 << 16
_ENTRY = struct.Struct("<4sIIIIIQQ")


class Page(Struct, frozen=True):
    """Bytes of a log (`at`, `size`) that belong at the file offset `to` of the hive."""

    at: int
    size: int
    to: int


class Entry(Struct, frozen=True):
    """One set of changes. `bins` is the size of the hive's bins after it, `whole` whether its check sums hold."""

    at: int
    size: int
    sequence: int
    bins: int
    pages: tuple[Page, ...]
    whole: bool


class Log(Struct, frozen=True):
    """A log with its entries in their order in the file. `sound` says that its header can be trusted."""

    role: str
    path: str
    raw: bytes
    head: Header
    sound: bool
    entries: tuple[Entry, ...]

    @property
    def first(self) -> int:
        """Where this log stands in the order of logs."""
        return self.entries[0].sequence if self.entries else self.head.first


def checksum(raw: bytes) -> int:
    """The check sum of the first 508 bytes of a header, as Windows puts it into the next four."""
    value = 0
    for (word,) in struct.iter_unpack("<I", raw[:508]):
        value ^= word
    return {0: 1, 0xFFFF_FFFF: 0xFFFF_FFFE}.get(value, value)


def header_holds(raw: bytes) -> bool:
    """Whether a header is there and its check sum is right."""
    return len(raw) >= SECTOR and header(raw).valid and checksum(raw) == int.from_bytes(raw[508:512], "little")


def read_log(role: str, path: str, raw: bytes) -> Log:
    """Read a log as far as it goes; nothing in it raises."""
    head = header(raw)
    sound = header_holds(raw) and head.first == head.second and head.kind in {_NEW, *_OLD}
    entries = _old(raw, head) if head.kind in _OLD else _new(raw)
    return Log(role, path, raw, head, sound, tuple(entries))


def _new(raw: bytes) -> Iterator[Entry]:
    at = SECTOR
    for _ in range(_MOST_ENTRIES):
        if raw[at : at + 4] != b"HvLE" or at + _ENTRY.size > len(raw):
            return
        _, size, _, sequence, bins, count, data_sum, head_sum = _ENTRY.unpack_from(raw, at)
        sums = marvin32(raw[at : at + 32]) == head_sum and at + size <= len(raw)
        pages = _listed(raw, at, size, count)
        whole = bool(sums and pages is not None and not size % SECTOR and not bins % 4096)
        whole = whole and marvin32(raw[at + 40 : at + size]) == data_sum
        yield Entry(at, min(size, len(raw) - at), sequence, bins, pages or (), whole)
        if size < SECTOR or size % SECTOR:
            return
        at += size


def _listed(raw: bytes, at: int, size: int, count: int) -> tuple[Page, ...] | None:
    """The pages of an entry, None where they do not fit into it."""
    start, end = at + _ENTRY.size + 8 * count, at + size
    if start > min(end, len(raw)):
        return None
    pages: list[Page] = []
    for i in range(count):
        to, length = struct.unpack_from("<II", raw, at + _ENTRY.size + 8 * i)
        pages.append(Page(start, length, to + FIRST_BIN))
        start += length
    return tuple(pages) if start <= end else None


def _old(raw: bytes, head: Header) -> Iterator[Entry]:
    """The one entry of an old log, whole where all sectors that the bitmap announces are there."""
    if raw[SECTOR : SECTOR + 4] != b"DIRT":
        return
    bins = int.from_bytes(raw[40:44], "little")
    bitmap = raw[SECTOR + 4 : SECTOR + 4 + bins // (8 * SECTOR)]
    at = (SECTOR + 4 + len(bitmap) + SECTOR - 1) // SECTOR * SECTOR
    places = [8 * i + bit for i, byte in enumerate(bitmap) if byte for bit in range(8) if byte >> bit & 1]
    pages = tuple(Page(at + i * SECTOR, SECTOR, FIRST_BIN + place * SECTOR) for i, place in enumerate(places))
    whole = len(bitmap) * 8 * SECTOR == bins and at + len(pages) * SECTOR <= len(raw)
    yield Entry(SECTOR, at + len(pages) * SECTOR - SECTOR, head.first, bins, pages, whole)
