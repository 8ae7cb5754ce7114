"""The chunk tables of an E01 set: reading one, choosing between the two copies, and placing all in the media.

A table says where chunks lie in its segment file, but not which chunks they are: that follows from counting. So a lost
table or segment must leave a gap of the right size, or every later chunk would be read as other sectors and still
pass its own checksum.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from typing import BinaryIO, NamedTuple

from msgspec import Struct

_OFFSET, _PACKED = 0x7FFFFFFF, 1 << 31


class Table(Struct, frozen=True):
    """Chunk offsets relative to `base`; bit 31 says compressed. `sound`: both checksums fit."""

    base: int
    entries: array[int]
    head_sound: bool
    sound: bool


def read_table(fh: BinaryIO, at: int, length: int, *, apart: bool) -> Table:
    """Header of 24 bytes (count, base, Adler-32), 4 bytes an entry, Adler-32 of the entries.

    `apart`: the chunks lie in a section of their own. Where they lie in the table's, entries have no checksum.
    """
    fh.seek(at)
    head = fh.read(min(24, length))
    entries = array("I")
    if len(head) < 24:
        return Table(0, entries, head_sound=False, sound=False)
    count, base = struct.unpack_from("<I4xQ", head)
    room = max(length - 28, 0) // 4
    head_sound = zlib.adler32(head[:20]) == int.from_bytes(head[20:], "little")
    if apart and not head_sound:
        count = room
    body = fh.read(4 * min(count, room))
    entries.frombytes(body[: len(body) // 4 * 4])
    if sys.byteorder == "big":
        entries.byteswap()
    fits = not apart or zlib.adler32(body) == int.from_bytes(fh.read(4), "little")
    return Table(base, entries, head_sound, head_sound and fits and len(entries) == count)


class Group(Struct, frozen=True):
    """The chunks of one `sectors` section. `end`: where the last one ends. `lost`: no table tells of them."""

    table: Table
    edges: tuple[int, ...]
    lost: bool = False


def grouped(found: Sequence[tuple[str, Table | None]], edges: Sequence[int]) -> list[Group]:
    """One group for each pair of tables, the sounder copy in it; `found` is in the order of the file."""
    groups: list[list[tuple[str, Table | None]]] = []
    for kind, table in found:
        have = {k for k, _t in groups[-1]} if groups else set()
        again = kind in have or (kind == "table" and "table2" in have)
        if not groups or kind in ("sectors", "hole") or "hole" in have or again:
            groups.append([])
        groups[-1].append((kind, table))
    return [_group([t for _k, t in group if t is not None], tuple(edges)) for group in groups]


def _group(copies: list[Table], edges: tuple[int, ...]) -> Group:
    if not copies:
        return Group(Table(0, array("I"), head_sound=False, sound=False), edges, lost=True)
    best = max(copies, key=lambda t: (t.sound, t.head_sound))
    return Group(best, edges)


class Found(NamedTuple):
    """Where a chunk lies: segment index, first byte and end in its file, whether packed, its number among the held."""

    segment: int
    start: int
    end: int
    packed: bool
    held: int


class Span(Struct, frozen=True):
    """Consecutive chunks of one table, from chunk `first` on. `index`: how many held chunks come before."""

    first: int
    index: int
    segment: int
    group: Group


class Run(Struct, frozen=True):
    """Groups, with their segment's index, between which nothing is lost. `lacking`: segments missing before them."""

    groups: tuple[tuple[int, Group], ...]
    lacking: int = 0


class ChunkMap:
    """Which chunk lies where. `held`: chunks placed; `unplaced`: segment indexes of those whose place is unknown."""

    def __init__(self, runs: Sequence[Run], total: int, *, tail: bool, usual: int = 0) -> None:
        self._spans: list[Span] = []
        self._firsts: list[int] = []
        self.total, self.held = total, 0
        self.unplaced: list[int] = []
        for run, first in zip(runs, _placed(runs, total, usual, tail=tail), strict=True):
            if first is None:
                self.unplaced += sorted({segment for segment, _g in run.groups})
            else:
                self._add(first, run.groups)

    def _add(self, first: int, run: Sequence[tuple[int, Group]]) -> None:
        for segment, group in run:
            count = min(len(group.table.entries), max(self.total - first, 0))
            if count:
                self._spans.append(Span(first, self.held, segment, group))
                self._firsts.append(first)
            first, self.held = first + len(group.table.entries), self.held + count

    def find(self, number: int) -> Found | None:
        """A chunk's place, None where the set does not hold it."""
        at = bisect_right(self._firsts, number) - 1
        if at < 0:
            return None
        span = self._spans[at]
        table, n = span.group.table, number - span.first
        if n >= len(table.entries):
            return None
        start = table.base + (table.entries[n] & _OFFSET)
        if n + 1 < len(table.entries):
            end = table.base + (table.entries[n + 1] & _OFFSET)
        else:
            edges = span.group.edges
            end = edges[min(bisect_right(edges, start), len(edges) - 1)]
        return Found(span.segment, start, max(end, start), bool(table.entries[n] & _PACKED), span.index + n)

    def gaps(self) -> list[tuple[int, int]]:
        """Chunk numbers the set does not hold, as (first, end)."""
        found: list[tuple[int, int]] = []
        at = 0
        for span in self._spans:
            if span.first > at:
                found.append((at, span.first))
            at = max(at, span.first + len(span.group.table.entries))
        return [*found, (at, self.total)] if at < self.total else found


def _placed(runs: Sequence[Run], total: int, usual: int, *, tail: bool) -> list[int | None]:
    """The number of each run's first chunk; None where it cannot be told.

    The first run starts the media (it may be empty), the last one ends it where `tail` says that nothing follows it.
    Runs between two losses have a place only where all whole segments hold `usual` chunks and the sum agrees.
    """
    held = [sum(len(g.table.entries) for _s, g in run.groups) for run in runs]
    gap, lacking = total - sum(held), sum(run.lacking for run in runs)
    if gap <= 0:
        return [sum(held[:n]) for n in range(len(runs))]
    if tail and usual and lacking * usual == gap and all(r.lacking for r in runs[1:]):
        before = [sum(r.lacking for r in runs[: n + 1]) * usual for n in range(len(runs))]
        return [sum(held[:n]) + before[n] for n in range(len(runs))]
    firsts: list[int | None] = [0, *([None] * (len(runs) - 1))]
    if tail and len(runs) > 1:
        firsts[-1] = total - held[-1]
    return firsts
