"""Lines of column names in Exchange's text logs: `#Fields:`, or bare, also with the columns in another order."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from parsers.lines import Block, Bools, Line, decode

MOST_FIELDS = 512
_FEWEST, _NAME = 3, re.compile(r"[A-Za-z][\w.-]{0,99}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Heads:
    """How the lines of column names of one kind of log are told from its rows.

    `time` is the column that every build has, `bare` how a bare line begins in most builds, `usual` are the columns
    with which it begins in others.
    """

    time: str
    bare: bytes
    usual: tuple[str, ...]

    @property
    def starts(self) -> tuple[bytes, ...]:
        """How bare lines begin."""
        return (self.bare, *(name.encode() + b"," for name in self.usual))

    def is_bare(self, raw: bytes) -> bool:
        """Whether a line is one of column names without a mark."""
        if raw.startswith(self.bare):
            return True
        if not raw.startswith(self.starts):
            return False
        names = decode(raw).split(",")
        return self.time in names and len(names) >= _FEWEST and all(map(_NAME.fullmatch, names))

    def names(self, line: Line) -> tuple[str, ...] | None:
        """The columns a line gives; None for one that is no header, or says something else."""
        if line.raw.startswith(b"#Fields:"):
            return tuple(decode(line.raw)[8:].strip().split(","))
        return tuple(decode(line.raw).split(",")) if self.is_bare(line.raw) else None

    def sort(self, block: Block) -> tuple[Bools, Bools]:
        """Which lines are headers, which records. Lines are told by how they begin; few are decoded."""
        headers, records, starts = block.headers(), block.records(), self.starts
        letters = np.zeros(256, np.bool_)
        letters[[start[0] for start in starts]] = True
        likely = np.flatnonzero(records)
        likely = likely[letters[np.frombuffer(block.raw, np.uint8)[block.starts[likely]]]]
        for index in likely.tolist():
            if block.raw.startswith(starts, int(block.starts[index])) and self.is_bare(block.line(index).raw):
                headers[index], records[index] = True, False
        return headers, records


def possible(names: tuple[str, ...]) -> bool:
    """Whether columns can have these names."""
    return len(names) <= MOST_FIELDS and len(set(names)) == len(names)
