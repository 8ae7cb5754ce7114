"""The pieces that columns of the timeline are woven from, as one array of texts.

Only pieces that hold characters which JSON escapes are copied and escaped; the sheet itself is taken as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from parsers.columns import Places, Sheet, gathered
from parsers.lines import Bools, Ints, places_of_byte


@dataclass(frozen=True, slots=True, eq=False)
class Pick:
    """A stretch of the sheet's bytes for each row, in ascending order, and empty where a row has none."""

    starts: Places
    ends: Places


@dataclass(frozen=True, slots=True)
class When:
    """A part that only some rows have."""

    rows: Bools
    part: int | str


Part: TypeAlias = int | str | Pick | When
"""A field by its number, a word that is the same in all rows, and the two above."""


class Order:
    """The rows of a sheet and odd ones in the order of their lines: `fast` and `slow` are where each stand."""

    def __init__(self, index: Ints, odd: Sequence[int]) -> None:
        self.lines, self.fast, self.slow = index, np.zeros(0, np.int64), np.zeros(0, np.int64)
        if odd:
            both = np.concatenate((index, np.array(odd, np.int64)))
            order = np.argsort(both, kind="stable")
            places = np.empty(len(order), np.int64)
            places[order] = np.arange(len(order))
            self.lines, self.fast, self.slow = both[order], places[: len(index)], places[len(index) :]
        self.size = len(self.lines)

    def spread(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Values of the sheet's rows where these stand; zeros in the odd ones."""
        if not len(self.slow):
            return values
        whole = np.zeros(self.size, values.dtype)
        whole[self.fast] = values
        return whole


class Store:
    """The pieces, by number: those of the sheet, words, texts of odd rows, picked stretches, escaped fields.

    `texts` are all of them; `odd` are the numbers of the odd rows' texts, by column.
    """

    def __init__(self, sheet: Sheet, order: Order, parts: Sequence[Part], odd: Mapping[str, Sequence[str]]) -> None:
        bare = [part.part if isinstance(part, When) else part for part in parts]
        self._order, self._first = order, order.spread(sheet.first)
        self._words = list(dict.fromkeys(["", *(part for part in bare if isinstance(part, str))]))
        self._picks = [part for part in bare if isinstance(part, Pick)]
        fixed = [*self._words, *(cell for cells in odd.values() for cell in cells)]
        fixed_bytes = [text.encode("utf-8", "backslashreplace") for text in fixed]
        self._empty = len(sheet.bounds) - 1
        first = self._empty + len(self._words)
        self.odd = {name: first + n * len(order.slow) + np.arange(len(order.slow)) for n, name in enumerate(odd)}
        self._picked = self._empty + len(fixed)
        picked = [_escape(*_picked(sheet.raw, pick)) for pick in self._picks]
        self._rows = len(sheet)
        fields, cells = _marked(sheet)
        self._escaped = dict(self._numbered(fields, cells, sheet))
        made = [*picked, _escape(*_stretches(sheet.raw, sheet.bounds, cells))]
        lengths = [np.array([len(text) for text in fixed_bytes]), *(np.diff(offsets) for _, offsets in made)]
        tail = np.cumsum(np.concatenate(lengths)) + len(sheet.raw)
        offsets = np.concatenate((sheet.bounds, tail.astype(np.int32)))
        data = b"".join([sheet.raw, *fixed_bytes, *(data for data, _ in made)])
        self.texts = pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(data))

    def _numbered(self, fields: Ints, cells: Ints, sheet: Sheet) -> Iterator[tuple[int, tuple[Ints, Ints]]]:
        """For each field that is escaped in some rows: these, and the numbers of the escaped pieces."""
        rows = np.searchsorted(sheet.first, cells, "right") - 1
        rows = self._order.fast[rows] if len(self._order.slow) else rows
        numbers = self._picked + len(self._picks) * self._rows + np.arange(len(cells))
        order = np.argsort(fields.astype(np.uint16), kind="stable")
        edges = np.searchsorted(fields[order], np.arange(sheet.width + 1))
        for field in range(sheet.width):
            here = order[edges[field] : edges[field + 1]]
            if len(here):
                yield field, (rows[here], numbers[here])

    def table(self, name: str, parts: Sequence[Part], *, json: bool) -> Places:
        """The numbers of the pieces that make a text, for each row."""
        fields = np.array([isinstance(part, int) for part in parts], np.int32)
        pieces: Places = np.multiply.outer(self._first, fields)
        pieces += np.array([self._lead(part) for part in parts], np.int32)
        for at, part in enumerate(parts):
            if isinstance(part, Pick | When) or (json and part in self._escaped):
                self._put(pieces[:, at], part, json=json)
        if name in self.odd:
            pieces[self._order.slow] = self._empty
            pieces[self._order.slow, 0] = self.odd[name]
        return pieces

    def _lead(self, part: Part) -> int:
        """What is added for a part in all rows."""
        if isinstance(part, int):
            return 2 * part
        return self._empty + (self._words.index(part) if isinstance(part, str) else 0)

    def _put(self, cells: Places, part: Part, *, json: bool) -> None:
        """The numbers of a part that are not the same way in all rows."""
        match part:
            case int():
                rows, numbers = self._escaped[part]
                cells[rows] = numbers
            case Pick():
                before = self._picks.index(part) * self._rows
                cells[:] = self._order.spread(self._picked + before + np.arange(self._rows, dtype=np.int32))
            case When():
                whole = np.full(len(cells), self._lead(part.part), np.int32)
                if isinstance(part.part, int):
                    whole += self._first
                    if json and part.part in self._escaped:
                        self._put(whole, part.part, json=json)
                np.copyto(cells, whole, where=self._order.spread(part.rows))


def _marked(sheet: Sheet) -> tuple[Ints, Ints]:
    """The cells of the sheet that JSON escapes: their fields and their pieces."""
    found = [places_of_byte(sheet.raw, bytes((sign,))) for sign in sheet.signs]
    marks = np.sort(np.concatenate(found), kind="stable")
    if not len(marks):
        return marks, marks
    cells = np.searchsorted(sheet.bounds, marks, "right") - 1
    cells = cells[np.concatenate((np.ones(1, np.bool_), cells[1:] != cells[:-1]))]
    rows = np.searchsorted(sheet.first, cells, "right") - 1
    behind = cells - sheet.first[rows]
    inside = (rows >= 0) & (behind < 2 * sheet.width - 1)
    return behind[inside] // 2, cells[inside]


def _stretches(raw: bytes, bounds: Places, places: npt.NDArray[Any]) -> tuple[bytes, Places]:
    """Stretches between bounds one behind the other, and their edges."""
    if not len(places):
        return b"", np.zeros(1, np.int32)
    found = gathered(pa.StringArray.from_buffers(len(bounds) - 1, pa.py_buffer(bounds), pa.py_buffer(raw)), places)
    offsets = np.frombuffer(found.buffers()[1], np.int32)[: len(found) + 1]
    return (found.buffers()[2] or pa.py_buffer(b"")).to_pybytes(), offsets


def _picked(raw: bytes, pick: Pick) -> tuple[bytes, Places]:
    edges = np.column_stack((pick.starts, pick.ends)).ravel().astype(np.int32)
    return _stretches(raw, edges, np.arange(0, len(edges), 2))


def _escape(raw: bytes, edges: Places) -> tuple[bytes, Places]:
    """Stretches as they stand in a JSON text; they hold no control characters."""
    if b'"' not in raw and b"\\" not in raw:
        return raw, edges
    data = np.frombuffer(raw, np.uint8)
    marks = np.flatnonzero((data == ord('"')) | (data == ord("\\")))
    moved = (edges + np.searchsorted(marks, edges)).astype(np.int32)
    return raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"'), moved
