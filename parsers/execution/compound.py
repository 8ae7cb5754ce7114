"""Compound files ([MS-CFB]): streams of a small file system inside a file, with the places of their bytes.

Only what jump lists need: bounded in sectors, in entries and in bytes; loops in chains end them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from msgspec import Struct

from parsers.small import Damage, wide
from shellcase.model import Span

MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")
_END = 0xFFFFFFFA  # and above: marks, not sectors
_MOST_ENTRIES, _MOST_SECTORS = 8192, 1 << 17
_MINI = 64


class Stream(Struct, frozen=True):
    """A stream. `runs` are its bytes in the file, in order; `at` is its directory entry; `torn` when bytes miss."""

    name: str
    size: int
    runs: tuple[tuple[int, int], ...]
    at: int
    torn: bool = False

    def read(self, raw: bytes) -> bytes:
        """Its bytes."""
        return b"".join(raw[at : at + length] for at, length in self.runs)

    def spans(self, start: int, length: int, role: str = "record") -> tuple[Span, ...]:
        """Where a part of it lies in the file."""
        found, here = [], 0
        for at, size in self.runs:
            low, high = max(start, here), min(start + length, here + size)
            if low < high:
                found.append(Span(at + low - here, high - low, role))
            here += size
        return tuple(found)


class Compound:
    """The streams of one file. `maps` are the spans that say where all streams lie. Raises `Damage` on a bad header."""

    def __init__(self, raw: bytes) -> None:
        if len(raw) < 512 or raw[:8] != MAGIC:
            raise Damage("this is no compound file", MAGIC.hex(), raw[:8].hex())
        shift, small = struct.unpack_from("<HH", raw, 30)
        if shift not in (9, 12) or small != 6:
            raise Damage("compound file with strange sectors", "512 or 4096, 64", f"{1 << min(shift, 64)}")
        self._raw, self._size = raw, 512 if shift == 9 else 4096
        first_folder, _, self._cutoff, first_mini = struct.unpack_from("<IIII", raw, 48)
        sectors = self._fat_sectors()
        self._fat = self._table(sectors)
        folder = list(self._chain(first_folder, self._fat))
        minis = list(self._chain(first_mini, self._fat))
        self._mini = self._table(minis)
        self.maps = (Span(0, 512, "context"), *self._spans([*sectors, *minis]))
        self.streams = self._streams(folder)

    def _place(self, sector: int) -> int:
        return (sector + 1) * self._size

    def _spans(self, sectors: list[int]) -> Iterator[Span]:
        for sector in sectors:
            length = min(self._size, len(self._raw) - self._place(sector))
            if length > 0:
                yield Span(self._place(sector), length, "context")

    def _fat_sectors(self) -> list[int]:
        """The sectors of the allocation table that the header names: enough for 7 MB, more than any jump list has."""
        return [s for s in struct.unpack_from("<109I", self._raw, 76) if s < _END and self._place(s) < len(self._raw)]

    def _table(self, sectors: list[int]) -> list[int]:
        table: list[int] = []
        for sector in sectors:
            piece = self._raw[self._place(sector) : self._place(sector) + self._size].ljust(self._size, b"\xff")
            table += struct.unpack(f"<{self._size // 4}I", piece)
        return table

    def _chain(self, sector: int, table: list[int]) -> Iterator[int]:
        seen: set[int] = set()
        while sector < min(_END, len(table)) and sector not in seen and len(seen) < _MOST_SECTORS:
            seen.add(sector)
            yield sector
            sector = table[sector]

    def _streams(self, folder: list[int]) -> list[Stream]:
        found: list[Stream] = []
        mini: list[int] = []
        entries = [self._place(s) + n for s in folder for n in range(0, self._size, 128)][:_MOST_ENTRIES]
        for at in entries:
            entry = self._raw[at : at + 128]
            if len(entry) < 128 or entry[66] not in (2, 5):
                continue
            length = min(64, int.from_bytes(entry[64:66], "little"))
            start, size = struct.unpack_from("<IQ", entry, 116)
            size = size & 0xFFFFFFFF if self._size == 512 else size
            if entry[66] == 5:
                mini = [self._place(s) for s in self._chain(start, self._fat)]
                self.maps = (*self.maps, Span(at, 128, "context"))
                continue
            found.append(self._stream(wide(entry[: max(0, length - 2)]), start, size, at, mini))
        return found

    def _stream(self, name: str, start: int, size: int, at: int, mini: list[int]) -> Stream:
        if size >= self._cutoff:
            places = [(self._place(s), self._size) for s in self._chain(start, self._fat)]
        else:
            per = self._size // _MINI
            chain = list(self._chain(start, self._mini))
            places = [(mini[s // per] + s % per * _MINI, _MINI) for s in chain if s // per < len(mini)]
        runs = tuple(_joined(places, min(size, len(self._raw)), len(self._raw)))
        return Stream(name, size, runs, at, sum(n for _, n in runs) < size)


def _joined(places: list[tuple[int, int]], size: int, end: int) -> Iterator[tuple[int, int]]:
    """Neighbours as one run, cut at the stream's size and at the file's end."""
    low = high = -1
    for at, length in places:
        take = min(length, size, end - at)
        if take <= 0:
            break
        size -= take
        if at == high:
            high = at + take
            continue
        if high > low:
            yield low, high - low
        low, high = at, at + take
    if high > low:
        yield low, high - low
