"""All names of a volume, and paths from them: by (entry, sequence), with a guard against loops.

The $MFT increments an entry's sequence number when it frees it. A reference therefore fits an entry with the same
number, or a freed entry whose number is one higher. What does not fit is shown, not guessed:
`C:\\<orphan 4711-3>\\x.aspx` has lost its folder, entry 4711 in its third life.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from parsers.ntfs.records import GOOD, Block, Ints
from parsers.ntfs.tables import Names

ROOT = 5
DEEPEST = 512
LONGEST = 32_767  # what Windows allows in a path
_HELD = 64_000_000  # characters of paths kept at once
_RANK = np.array([1, 3, 0, 2], np.int8)  # POSIX, Win32, DOS, Win32 and DOS: the higher, the better for people
Up = Callable[[int, int], tuple[str, int, int] | None]


class Tree:
    """Names, parents and sequence numbers of all entries of one $MFT."""

    def __init__(self, count: int) -> None:
        self._texts: list[pa.LargeStringArray] = [pa.array([""], pa.large_string())]
        self._text = np.zeros(count, np.int64)  # the number of an entry's name in all of these, 0 where it has none
        self._learnt = 1
        self.parent = np.zeros(count, np.uint64)
        self.base = np.zeros(count, np.uint64)
        self.seq = np.full(count, -1, np.int64)
        self.in_use = np.zeros(count, np.bool_)
        self._rank = np.full(count, -1, np.int8)

    def __len__(self) -> int:
        return len(self._text)

    def add(self, block: Block) -> None:
        """Take in the headers of a block."""
        whole = block.grade == GOOD
        place = slice(block.first, block.first + len(whole))
        self.seq[place] = np.where(whole, block.column(16, "<u2").astype(np.int64), -1)
        self.in_use[place] = whole & (block.column(22, "<u2").astype(np.int64) & 1 == 1)
        self.base[place] = np.where(whole, block.column(32, "<u8").astype(np.uint64), np.uint64(0))

    def learn(self, table: Names) -> None:
        """Keep the best name of each owner; owners that are no entry are left alone."""
        rank = _RANK[np.minimum(table.space, 3)]
        order = np.lexsort((-np.arange(len(rank)), rank, table.owner))  # best of each owner comes last, ties: the first
        owner = table.owner[order]
        best = order[np.append(owner[1:] != owner[:-1], True)] if len(order) else order
        best = best[(table.owner[best] >= 0) & (table.owner[best] < len(self))]
        best = best[rank[best] > self._rank[table.owner[best]]]
        owner = table.owner[best]
        self._rank[owner], self.parent[owner] = rank[best], table.parent[best]
        self._text[owner] = self._learnt + np.arange(len(best))
        self._texts.append(table.text.take(pa.array(best)).cast(pa.large_string()))
        self._learnt += len(best)

    def names(self, entries: Ints) -> pa.StringArray:
        """The best name of each of these, empty where none is known."""
        return self._all().take(pa.array(self._text[entries])).cast(pa.string())

    def _all(self) -> pa.LargeStringArray:
        if len(self._texts) > 1:
            self._texts = [pa.concat_arrays(self._texts)]
        return self._texts[0]

    def fits(self, entry: int, seq: int) -> bool:
        """Whether this entry is (or, freed, was) the file that a reference with this sequence means."""
        if not 0 <= entry < len(self):
            return False
        now = int(self.seq[entry])
        return now == seq or (not self.in_use[entry] and now == (seq + 1) & 0xFFFF)

    def at_home(self, owner: int, home: int) -> bool:
        """Whether the extension record `home` still belongs to its base record `owner`."""
        seq = int(self.base[home]) >> 48
        return self.fits(owner, seq) and bool(self.in_use[owner]) == bool(self.in_use[home])

    def up(self, entry: int, seq: int) -> tuple[str, int, int] | None:
        """Name and parent reference of a file, None where the tree does not know it."""
        if not self.fits(entry, seq) or not self._text[entry]:
            return None
        parent = int(self.parent[entry])
        return self._all()[int(self._text[entry])].as_py(), parent & 0xFFFF_FFFF_FFFF, parent >> 48


class Paths:
    """Paths of folders, kept once spelled. `up` answers name and parent reference of (entry, sequence), or None."""

    def __init__(self, drive: str, up: Up) -> None:
        self.drive = drive
        self._up = up
        self._kept: dict[tuple[int, int], str] = {}
        self._held = 0

    def forget(self) -> None:
        """Drop the paths kept so far: a folder has another name from here on."""
        self._kept.clear()
        self._held = 0

    def of(self, name: str, entry: int, seq: int) -> str:
        """The path of `name` in the folder (entry, seq), from the drive on."""
        text = f"{self.folder(entry, seq)}\\{name}"
        return text if len(text) <= LONGEST else f"{self.drive}\\<too long>{text[-1024:]}"

    def folder(self, entry: int, seq: int) -> str:
        """The path of a folder without a backslash at its end."""
        steps: list[tuple[tuple[int, int], str]] = []
        seen: set[int] = set()
        path = self._kept.get((entry, seq))
        while path is None:
            found = self._up(entry, seq)
            path = self._end(entry, seq, seen, known=found is not None)
            if path is None and found is not None:
                steps.append(((entry, seq), found[0]))
                entry, seq = found[1:]
                path = self._kept.get((entry, seq))
        for key, name in reversed(steps):
            path = f"{path}\\{name}" if len(path) < LONGEST else path
            self._keep(key, path)
        return path

    def _end(self, entry: int, seq: int, seen: set[int], *, known: bool) -> str | None:
        """The path where the way up ends: the root, a loop, a lost parent; None where it goes on."""
        if entry == ROOT:
            return self.drive
        if not known:
            return f"{self.drive}\\<orphan {entry}-{seq}>"
        if entry in seen or len(seen) >= DEEPEST:
            return f"{self.drive}\\<loop {entry}-{seq}>"
        seen.add(entry)
        return None

    def _keep(self, key: tuple[int, int], path: str) -> None:
        self._held += len(path)
        if self._held > _HELD:
            self.forget()
        self._kept[key] = path
