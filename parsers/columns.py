"""The lines of a text log cut into fields by columns, without a Python loop: nearly all lines of a log are plain.

Plain means valid UTF-8 without control characters, no quote character where quoting exists, and exactly the expected
number of fields. Everything else is left to the slow path of the parser; `weave` puts both together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from parsers.lines import Block, Bools, Ints, places_of_byte

pc: Any = import_module("pyarrow.compute")
"""Arrow's functions. They are made when that module is loaded, so that type checkers do not know them."""

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int32]

PIECE = 4 << 20
"""Bytes cut at once: with half as many the calls cost a tenth more."""

FEW = 64
"""Fewer lines than this are read one by one: setting up the columns costs more than it saves."""

_MOST_MADE, _MOST_ROWS = 8 << 20, 1 << 17
"""Bounds of what is made at once of rows that are very short, or have very many fields."""


@dataclass(frozen=True)
class Sheet:
    """Neighbouring lines of a block that can be cut by columns.

    `raw` is theirs, parted by separators and line ends into pieces; `bounds` are the edges of the pieces, separators
    and line ends being pieces too. `index` are the rows' line numbers in the block, `first` the number of the piece
    that is a row's first field (the next field is two further); `wide` tells which rows are not all ASCII. `signs` are
    the characters that JSON escapes and that rows may hold.
    """

    raw: bytes
    width: int
    index: Ints
    first: Places
    bounds: Places
    wide: Bools
    signs: bytes

    def __len__(self) -> int:
        return len(self.index)

    def keep(self, good: Bools) -> Sheet:
        """Only these rows."""
        if good.all():
            return self
        return replace(self, index=self.index[good], first=self.first[good], wide=self.wide[good])

    @cached_property
    def _edges(self) -> Places:
        """The bounds of each row's pieces: they lie side by side."""
        size = 2 * self.width
        rows = np.ndarray((len(self.bounds) - size + 1,), f"V{4 * size}", self.bounds, strides=(4,))[self.first]
        edges: Places = rows.view(np.int32).reshape(len(self.first), size)
        return edges

    def starts(self, field: int) -> Places:
        """Where a field begins in `raw`, for each row."""
        edges: Places = self._edges[:, 2 * field]
        return edges

    def ends(self, field: int) -> Places:
        """Where it ends."""
        edges: Places = self._edges[:, 2 * field + 1]
        return edges

    def is_dash(self, field: int) -> Bools:
        """Which rows have nothing but `-` there."""
        starts = self.starts(field)
        dash: Bools = self.ends(field) - starts == 1
        short = np.flatnonzero(dash)
        dash[short] = np.frombuffer(self.raw, np.uint8)[starts[short]] == ord("-")
        return dash

    def text(self, field: int) -> pa.StringArray:
        """One field of all rows."""
        pieces = pa.StringArray.from_buffers(len(self.bounds) - 1, pa.py_buffer(self.bounds), pa.py_buffer(self.raw))
        return gathered(pieces, self.first + 2 * field)

    def line(self, row: int) -> str:
        """The whole row as text."""
        first = self.first[row]
        return self.raw[int(self.bounds[first]) : int(self.bounds[first + 2 * self.width - 1])].decode()

    def fixed(self, field: int, size: int) -> Bytes:
        """The first `size` bytes of a field as rows of a table; what lies behind a shorter field is there as well."""
        return windows(self.raw, self.starts(field), size)


def gathered(texts: pa.StringArray, places: npt.NDArray[Any]) -> pa.StringArray:
    """The texts at places that are known to be there."""
    found: pa.StringArray = pc.take(texts, pa.array(places), boundscheck=False)
    return found


def windows(raw: bytes, starts: npt.NDArray[Any], size: int) -> Bytes:
    """So many bytes from each place on, as rows of a table; beyond the end of `raw` there are zeros."""
    if len(starts) and int(starts.max()) + size > len(raw):
        raw += bytes(size)
    if len(raw) < size:
        return np.zeros((len(starts), size), np.uint8)
    sliding = np.ndarray((len(raw) - size + 1,), f"V{size}", raw, strides=(1,))
    rows: Bytes = sliding[starts].view(np.uint8).reshape(len(starts), size)
    return rows


def portions(block: Block, low: int, high: int, made: int) -> Iterator[tuple[int, int]]:
    """Lines from `low` to `high` in portions of about `PIECE` bytes; `made` is how much is added to each line."""
    while low < high:
        room = low + min(max(1, _MOST_MADE // max(1, made)), _MOST_ROWS)
        end = min(int(np.searchsorted(block.starts[:high], block.starts[low] + PIECE)), room, high)
        yield low, max(end, low + 1)
        low = max(end, low + 1)


def cut(block: Block, low: int, high: int, wanted: Bools, separator: bytes, width: int, quote: bytes = b"") -> Sheet:
    """Of the lines from `low` to `high` those that are wanted, plain and have `width` fields (at least two)."""
    start = int(block.starts[low])
    end = block.raw.find(b"\n", int(block.ends[high - 1])) + 1
    raw = block.raw[start:end] if end else block.raw[start:] + b"\n"
    data = np.frombuffer(raw, np.uint8)
    marks = np.flatnonzero(data <= 32 if separator == b" " else (data == separator[0]) | (data < 32))
    kinds = data[marks]
    known = (kinds == separator[0]) | (kinds == 10) | (kinds == 13)
    controls = marks[~known]
    if len(controls):
        marks, kinds = marks[known], kinds[known]
    feeds = np.flatnonzero(kinds == 10)
    first, ends = np.concatenate((np.zeros(1, np.int64), feeds[:-1] + 1)), marks[feeds]
    returned = (kinds[feeds - 1] == 13) & (marks[feeds - 1] == ends - 1)  # feeds[0] - 1 may be the last feed: no return
    good = wanted[low:high] & (feeds - first - returned == width - 1)
    good[1:] &= block.starts[low + 1 : high] - start == ends[:-1] + 1
    good &= block.ends[low:high] - start == ends - returned
    if np.count_nonzero(kinds == 13) != np.count_nonzero(returned):
        stray = np.setdiff1d(np.flatnonzero(kinds == 13), feeds[returned] - 1)
        good[np.searchsorted(feeds, stray)] = False
    if b"\x7f" in raw:
        controls = np.concatenate((controls, places_of_byte(raw, b"\x7f")))
    good[np.searchsorted(ends, controls)] = False
    wide = _judge(raw, data, ends, good)
    if quote and quote in raw:
        good[np.searchsorted(ends, places_of_byte(raw, quote))] = False
    bounds = np.zeros(2 * len(marks) + 1, np.int32)
    bounds[1::2], bounds[2::2] = marks, marks + 1
    signs = b'"\\'.replace(quote, b"") if quote else b'"\\'
    return Sheet(raw, width, np.flatnonzero(good) + low, (2 * first[good]).astype(np.int32), bounds, wide[good], signs)


def _judge(raw: bytes, data: Bytes, ends: Ints, good: Bools) -> Bools:
    """Which lines hold bytes beyond ASCII; takes those with broken UTF-8 off `good`."""
    wide = np.zeros(len(ends), np.bool_)
    if not raw.isascii():
        wide[np.searchsorted(ends, np.flatnonzero(data >= 0x80))] = True
        for line in () if _valid(raw) else np.flatnonzero(wide & good).tolist():
            good[line] = _valid(raw[int(ends[line - 1]) + 1 if line else 0 : int(ends[line])])
    return wide


def _valid(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def by_value(texts: pa.StringArray, read: Callable[[str], int | None]) -> tuple[Ints, Bools]:
    """Numbers for texts, read once for each different text; and which could be read."""
    coded = texts.dictionary_encode()
    values = [read(text) for text in coded.dictionary.to_pylist()]
    numbers = np.array([0 if v is None else v for v in values] or [0], np.int64)
    known = np.array([v is not None for v in values] or [False], np.bool_)
    codes = coded.indices.to_numpy(zero_copy_only=False)
    return numbers[codes], known[codes]


def small_numbers(sheet: Sheet, field: int, read: Callable[[str], int | None]) -> tuple[Ints, Bools]:
    """Numbers of a field that nearly always has three digits; what else stands there is read by `read`."""
    digits = (sheet.fixed(field, 3) - np.uint8(ord("0"))).astype(np.int64)
    known: Bools = (digits <= 9).all(axis=1) & (sheet.ends(field) - sheet.starts(field) == 3)
    numbers: Ints = (digits[:, 0] * 10 + digits[:, 1]) * 10 + digits[:, 2]
    odd = np.flatnonzero(~known)
    if len(odd):
        numbers[odd], known[odd] = by_value(sheet.keep(~known).text(field), read)
    return numbers, known


def all_of(texts: pa.StringArray, allowed: Bools, fits: Callable[[str], bool]) -> Bools:
    """Which texts fit: those of allowed bytes alone do, of the others each different one is asked for."""
    offsets = np.frombuffer(texts.buffers()[1], np.int32)[: len(texts) + 1]
    used = np.frombuffer(texts.buffers()[2] or b"", np.uint8)[: offsets[-1]]
    good: Bools = offsets[1:] > offsets[:-1]
    good[np.searchsorted(offsets, np.flatnonzero(~allowed[used]), "right") - 1] = False
    odd = np.flatnonzero(~good)
    if len(odd):
        good[odd] = by_value(texts.take(pa.array(odd)), lambda text: 0 if fits(text) else None)[1]
    return good
