"""Cells of a comma-separated row after RFC 4180, and the rows whose quoted cells hold line breaks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from parsers.lines import Block, Bools, Ints, as_block, decode, line_start, places_of_byte

LONGEST = 1 << 20
"""A quoted cell may run over line ends, but not further than this many bytes."""


def cells(text: str) -> list[str] | None:
    """The cells of one row, quotes undone; None when its quoting is broken. `text` has no line end of its own.

    A cell is quoted when it begins with a quote; a bare one may hold quotes further on. The way goes from quote to
    quote, since between them there are often thousands of cells.
    """
    found: list[str] = []
    at = 0
    while (quote := text.find('"', at)) >= 0:
        start = text.rfind(",", at, quote) + 1 or at
        found += text[at:start].split(",")[:-1]
        if start == quote:
            at = _closing(text, quote + 1) + 1
            if not at or text[at : at + 1] not in {"", ","}:
                return None
            found.append(text[quote + 1 : at - 1].replace('""', '"'))
        else:
            at = text.find(",", quote) % (len(text) + 1)  # -1 becomes the end
            found.append(text[start:at])
        if at == len(text):
            return found
        at += 1
    return found + text[at:].split(",")


def _closing(text: str, at: int) -> int:
    """Where the first quote stands that is not doubled; -1 when there is none."""
    quote = text.find('"', at)
    while quote >= 0 and text.startswith('"', quote + 1):
        quote = text.find('"', quote + 2)
    return quote


def odd_quotes(block: Block) -> Ints:
    """The lines with an odd number of quote characters, by number: where a cell with a line break begins or ends."""
    quotes = places_of_byte(block.raw, b'"')
    counts = np.searchsorted(quotes, block.ends) - np.searchsorted(quotes, block.starts)
    return np.flatnonzero(counts % 2)


def whole_rows(blocks: Iterable[Block]) -> Iterator[Block]:
    """The same lines in blocks that do not end inside a quoted cell, as far as `LONGEST` allows."""
    rest: Block | None = None
    for block in blocks:
        if block.places is not None:
            yield block
            continue
        whole = _together(rest, block) if rest else block
        cut = _cut(whole)
        if cut:
            yield _up_to(whole, cut)
        rest = _from(whole, cut) if cut < len(whole.raw) else None
    if rest:
        yield rest


def _together(first: Block, second: Block) -> Block:
    """Neighbouring blocks as one; their lines are known already unless one of them goes on in the second."""
    raw, size = first.raw + second.raw, len(first.raw)
    if not first.raw.endswith(b"\n"):
        return as_block(first.offset, raw)
    starts = np.concatenate((first.starts, second.starts + size))
    ends = np.concatenate((first.ends, second.ends + size))
    return Block(first.offset, raw, starts, ends)


def _from(block: Block, start: int) -> Block:
    """The lines from a place on where one begins."""
    line = int(np.searchsorted(block.starts, start))
    return Block(block.offset + start, block.raw[start:], block.starts[line:] - start, block.ends[line:] - start)


def _up_to(block: Block, end: int) -> Block:
    """The lines before a place where one begins."""
    if end == len(block.raw):
        return block
    if block.raw[end - 1] != ord("\n"):  # bytes that are no part of a line lie between
        return as_block(block.offset, block.raw[:end])
    lines = int(np.searchsorted(block.starts, end))
    return Block(block.offset, block.raw[:end], block.starts[:lines], block.ends[:lines])


def _cut(block: Block) -> int:
    """Where to part a block: before the last lines with odd quotes that a row could join, one to the next.

    Only neighbours among those lines ever make a row. Between two that make none, a row never lies across, whatever
    came before; so the rows do not hang on where blocks begin.
    """
    odd = odd_quotes(block)
    place, near = len(odd), len(block.raw) - LONGEST
    while place and block.starts[odd[place - 1]] >= near:
        place, near = place - 1, len(block.raw) - 3 * LONGEST
        if not place or not joinable(block, int(odd[place - 1]), int(odd[place])):
            break
    return len(block.raw) if place == len(odd) else int(block.starts[odd[place]])


def joinable(block: Block, first: int, last: int) -> bool:
    """Whether two neighbouring lines with odd quotes could begin and end a row, under any header."""
    return join(block, first, last) is not None


def _around(stream: BinaryIO, at: int) -> tuple[Block, Ints, int]:
    """The lines about a place that a row across it could have, those with odd quotes, how many of them lie before."""
    stream.seek(0, 2)
    low = line_start(stream, at - LONGEST - 1, stream.tell()) if at > LONGEST else 0
    stream.seek(low)
    window = as_block(low, stream.read(at - low + 2 * LONGEST))
    odd = odd_quotes(window)
    return window, odd, int(np.searchsorted(window.starts[odd] + low, at))


def safe_cut(stream: BinaryIO, at: int, size: int) -> int:
    """The first line start behind a place that lies inside no row of several lines; `size` when there is none."""
    at = line_start(stream, at, size)
    while at < size:
        window, odd, place = _around(stream, at)
        if not 0 < place < len(odd) or not joinable(window, int(odd[place - 1]), int(odd[place])):
            return at
        at = line_start(stream, window.offset + int(window.ends[odd[place]]), size)
    return size


def held(stream: BinaryIO, at: int, accept: Callable[[list[str]], bool]) -> bool:
    """Whether the line at a place lies inside a row of several lines; as `Quoted.holds` has it."""
    window, odd, place = _around(stream, at)
    if not 0 < place < len(odd):
        return False
    found = join(window, int(odd[place - 1]), int(odd[place]))
    return found is not None and accept(found)


@dataclass(frozen=True, slots=True)
class Run:
    """Lines of a block from `low` to `high` under one header. Of the whole block: which lines are records not yet
    read, which begin with `#` (they may lie inside a quoted cell), which have odd quotes.
    """

    low: int
    high: int
    records: Bools
    hashes: Bools
    odd: list[int]

    def left(self, low: int, high: int, joined: Iterable[int]) -> list[int]:
        """Where rows begin that are yet to be read."""
        lines = (np.flatnonzero(self.records[low:high]) + low).tolist()
        return sorted([*lines, *(n for n in joined if low <= n < high)])


def joined_rows(block: Block, run: Run, accept: Callable[[list[str]], bool]) -> Iterator[tuple[int, int, list[str]]]:
    """Rows over several lines: first and last line, cells. Only where closing the quote gives an acceptable row.

    A lone quote (a row cut off in a crash) must not swallow the rows after it, nor may a line break inside a cell
    forge a row: the number of columns decides.
    """
    at = bisect_left(run.odd, run.low)
    while at + 1 < len(run.odd) and run.odd[at] < run.high:
        first, last = run.odd[at], run.odd[at + 1]
        may = run.records[first] and (run.hashes[last] or (last < run.high and run.records[last]))
        found = join(block, first, last) if may else None
        if found is not None and accept(found):
            yield first, last, found
            at += 1
        at += 1


class Quoted:
    """Says of lines that look like headers whether they lie inside a quoted cell, where they are none."""

    def __init__(self, block: Block, odd: list[int], accept: Callable[[list[str]], bool]) -> None:
        self._block, self._accept, self._odd = block, accept, odd
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
