"""Columns of the timeline woven from the pieces of a sheet, from fixed words and from rows that were read one by one.

A text column is one gathering of pieces: the edges of the pieces are known, so nothing is cut or joined again. Rows
read one by one stand between the others in the order of the lines, so that the timeline need not be sorted for their
sake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from parsers.columns import Places, Sheet, gathered, pc
from parsers.lines import Block, Bools, Ints
from parsers.pieces import Order, Part, Store
from parsers.rows import Cell
from shellcase.digits import joined
from shellcase.schema import repeated


@dataclass(frozen=True, slots=True)
class Text:
    """A column of texts: its parts side by side, null in the rows of `null`.

    `json`: it is a JSON text, the fields stand in its strings; only there may be a `Pick`.
    """

    parts: Sequence[Part]
    null: Bools | None = None
    json: bool = False


@dataclass(slots=True)
class Odd:
    """Rows that were read one by one: their lines in the block, ascending, and their cells by `names`."""

    names: tuple[str, ...]
    lines: list[int] = field(default_factory=list)
    rows: list[tuple[Cell, ...]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.lines)

    def add(self, line: int, row: tuple[Cell, ...]) -> None:
        """One more."""
        self.lines.append(line)
        self.rows.append(row)

    def column(self, name: str) -> list[Any]:
        """The cells of one name."""
        at = self.names.index(name)
        return [row[at] for row in self.rows]


class Weaver:
    """Makes the columns of all rows, those of a sheet and odd ones, in the order of the lines."""

    def __init__(self, sheet: Sheet, odd: Odd) -> None:
        self.sheet, self.odd, self._order = sheet, odd, Order(sheet.index, odd.lines)
        self.lines, self.size = self._order.lines, self._order.size

    def number(self, name: str, values: npt.NDArray[Any], kind: pa.DataType, null: Bools | None = None) -> pa.Array:
        """A column of numbers: `values` for the sheet's rows, null where `null` says so."""
        whole = self._order.spread(values)
        return pa.array(whole, mask=self._nulls(name, null, whole)).cast(kind)

    def _nulls(self, name: str, null: Bools | None, whole: npt.NDArray[Any] | None = None) -> Bools | None:
        nulls = None if null is None else self._order.spread(null)
        if self.odd.lines:
            cells = self.odd.column(name)
            nulls = np.zeros(self.size, np.bool_) if nulls is None else nulls
            nulls[self._order.slow] = [cell is None for cell in cells]
            if whole is not None:
                whole[self._order.slow] = [cell or 0 for cell in cells]
        return nulls if nulls is not None and nulls.any() else None

    def texts(self, wanted: Mapping[str, Text]) -> Iterator[tuple[str, pa.StringArray]]:
        """All text columns."""
        odd = {name: [cell or "" for cell in self.odd.column(name)] for name in wanted} if self.odd.lines else {}
        store = Store(self.sheet, self._order, [part for text in wanted.values() for part in text.parts], odd)
        for name, text in wanted.items():
            made = _woven(store.texts, store.table(name, text.parts, json=text.json))
            nulls = self._nulls(name, text.null)
            yield name, made if nulls is None else _with_nulls(made, nulls)


def _woven(pieces: pa.StringArray, table: Places) -> pa.StringArray:
    """One text of each row of numbers of pieces."""
    flat = gathered(pieces, table.ravel())
    offsets = np.frombuffer(flat.buffers()[1], np.int32)[: len(flat) + 1 : table.shape[1]]
    return pa.StringArray.from_buffers(len(table), pa.py_buffer(np.ascontiguousarray(offsets)), flat.buffers()[2])


def _with_nulls(texts: pa.StringArray, nulls: Bools) -> pa.StringArray:
    valid = pa.py_buffer(np.packbits(~nulls, bitorder="little"))
    _, offsets, data = texts.buffers()
    return pa.StringArray.from_buffers(len(texts), offsets, data, valid)


def where(block: Block, weaver: Weaver, number: int) -> dict[str, pa.Array]:
    """The columns that say where each row lies; `number` lines end before the block."""
    offsets, lengths = block.offsets()
    index = weaver.sheet.index
    return {
        "offset": weaver.number("offset", offsets[index], pa.int64()),
        "length": weaver.number("length", lengths[index], pa.int64()),
        "locator": joined(["line ", weaver.lines + (number + 1)], weaver.size),
    }


def when(weaver: Weaver, ns: Ints, resolution: Ints) -> dict[str, pa.Array]:
    """The columns of the time: nanoseconds of UTC, and their resolution."""
    return {
        "ts": weaver.number("ts", ns // 1000, pa.int64()).cast(pa.timestamp("us", tz="UTC")),
        "ts_ns": weaver.number("ts_ns", ns % 1000, pa.int16()),
        "ts_resolution_ns": weaver.number("ts_resolution_ns", resolution, pa.int64()),
    }


def same(weaver: Weaver, **texts: str) -> dict[str, pa.Array]:
    """Columns with one text for all rows; odd rows that say otherwise keep what they say."""
    own = [n for n in texts if n in weaver.odd.names and {*weaver.odd.column(n)} - {texts[n]}]
    odd = {name: Text([texts[name]]) for name in own}
    return {name: repeated(text, weaver.size) for name, text in texts.items()} | dict(weaver.texts(odd))


def shortened(texts: pa.StringArray, most: int) -> pa.StringArray:
    """The texts, cut after so many characters."""
    offsets = np.frombuffer(texts.buffers()[1], np.int32)
    return pc.utf8_slice_codeunits(texts, 0, most) if np.diff(offsets).max(initial=0) > most else texts


def json_parts(names: Sequence[str], tail: Sequence[Part] = ()) -> tuple[Part, ...]:
    """The parts of a JSON object of all fields by these names; `tail` brings its own commas."""
    parts: list[Part] = []
    for number, name in enumerate(names):
        lead = '","' if number else '{"'
        parts += [f'{lead}{msgspec.json.encode(name).decode()[1:-1]}":"', number]
    return (*parts, '"', *tail, "}")


def added(names: Sequence[str]) -> int:
    """How many bytes of JSON the names of the fields make in each row."""
    return sum(len(name.encode()) + 8 for name in names)
