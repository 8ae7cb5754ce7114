"""Cells of a comma-separated row after RFC 4180, and the rows whose quoted cells hold line breaks."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from parsers.lines import Block, Bools, Ints, as_block, decode

LONGEST = 1 << 20
"""A quoted cell may run over line ends, but not further than this many bytes."""

_CELL = re.compile(r'(?:"([^"]*(?:""[^"]*)*)"|((?!")[^,]*))(,|\Z)', re.DOTALL)


def cells(text: str) -> list[str] | None:
    """The cells of one row, quotes undone; None when its quoting is broken. `text` has no line end of its own."""
    if '"' not in text:
        return text.split(",")
    found: list[str] = []
    at = 0
    while True:
        match = _CELL.match(text, at)
        if match is None:
            return None
        quoted, bare, mark = match.groups()
        found.append(bare if quoted is None else quoted.replace('""', '"'))
        if not mark:
            return found
        at = match.end()


def odd_quotes(block: Block) -> Ints:
    """The lines with an odd number of quote characters, by number: where a cell with a line break begins or ends."""
    quotes = np.flatnonzero(np.frombuffer(block.raw, np.uint8) == ord('"'))
    counts = np.searchsorted(quotes, block.ends) - np.searchsorted(quotes, block.starts)
    return np.flatnonzero(counts % 2)


def whole_rows(blocks: Iterable[Block]) -> Iterator[Block]:
    """The same lines in blocks that do not end inside a quoted cell, as far as `LONGEST` allows."""
    rest, end = b"", 0
    for block in blocks:
        if block.places is not None:
            yield block
            continue
        whole = as_block(block.offset - len(rest), rest + block.raw) if rest else block
        cut = _cut(whole)
        if cut:
            yield as_block(whole.offset, whole.raw[:cut])
        rest, end = whole.raw[cut:], whole.offset + len(whole.raw)
    if rest:
        yield as_block(end - len(rest), rest)


def _cut(block: Block) -> int:
    """Where to part a block: before the first cell near its end that may run on. A lone quote upsets the pairs."""
    odd = odd_quotes(block).tolist()
    near = len(block.raw) - LONGEST
    for number, line in enumerate(odd):
        if number % 2 == 0 and block.starts[line] >= near:
            return int(block.starts[line])
    return len(block.raw)


def joined_rows(
    block: Block, wanted: Bools, accept: Callable[[list[str]], bool]
) -> Iterator[tuple[int, int, list[str]]]:
    """Rows over several lines: first and last line, cells. Only where closing the quote gives an acceptable row.

    A lone quote (a row cut off in a crash) must not swallow the rows after it, nor may a line break inside a cell
    forge a row: the number of columns decides.
    """
    odd = odd_quotes(block).tolist()
    ends = wanted | block.headers()
    at = 0
    while at + 1 < len(odd):
        first, last = odd[at], odd[at + 1]
        found = join(block, first, last) if wanted[first] and ends[last] else None
        if found is not None and accept(found):
            yield first, last, found
            at += 1
        at += 1


class Quoted:
    """Says of lines that look like headers whether they lie inside a quoted cell, where they are none."""

    def __init__(self, block: Block, accept: Callable[[list[str]], bool]) -> None:
        self._block, self._accept = block, accept
        self._odd = odd_quotes(block).tolist()
        self._known: dict[int, bool] = {}

    def holds(self, line: int) -> bool:
        """Whether the line is within a row over several lines; each pair of quotes is looked at once."""
        place = bisect_left(self._odd, line)
        if not 0 < place < len(self._odd):
            return False
        if place not in self._known:
            found = join(self._block, self._odd[place - 1], self._odd[place])
            self._known[place] = found is not None and self._accept(found)
        return self._known[place]


def join(block: Block, first: int, last: int) -> list[str] | None:
    """The cells of several lines read as one row; None when that is too long or its quoting is broken."""
    raw = block.raw[int(block.starts[first]) : int(block.ends[last])]
    return cells(decode(raw)) if len(raw) <= LONGEST else None
