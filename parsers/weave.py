"""Columns of the timeline woven from the pieces of a sheet, from fixed words and from rows that were read one by one.

A text column is one gathering of pieces: the edges of the pieces are known, so nothing is cut or joined again. JSON
texts are made of a copy of the sheet in which the characters that JSON escapes are escaped, its edges moved on by as
much. Rows read one by one stand between the others in the order of the lines, so that the timeline need not be sorted
for their sake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from parsers.columns import Places, Sheet, gathered, pc
from parsers.lines import Block, Bools, Ints
from parsers.rows import Cell
from shellcase.schema import repeated


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
        self.sheet, self.odd = sheet, odd
        self.lines: Ints = sheet.index
        self._fast: slice | Ints = slice(None)
        if odd.lines:
            both = np.concatenate((sheet.index, np.array(odd.lines, np.int64)))
            order = np.argsort(both, kind="stable")
            places = np.empty(len(order), np.int64)
            places[order] = np.arange(len(order))
            self.lines, self._fast, self._slow = both[order], places[: len(sheet)], places[len(sheet) :]
        self.size = len(self.lines)

    def number(self, name: str, values: npt.NDArray[Any], kind: pa.DataType, null: Bools | None = None) -> pa.Array:
        """A column of numbers: `values` for the sheet's rows, null where `null` says so."""
        whole = np.zeros(self.size, values.dtype)
        whole[self._fast] = values
        return pa.array(whole, mask=self._nulls(name, null, whole)).cast(kind)

    def _nulls(self, name: str, null: Bools | None, whole: npt.NDArray[Any] | None = None) -> Bools | None:
        nulls = np.zeros(self.size, np.bool_)
        if null is not None:
            nulls[self._fast] = null
        if self.odd.lines:
            cells = self.odd.column(name)
            nulls[self._slow] = [cell is None for cell in cells]
            if whole is not None:
                whole[self._slow] = [cell or 0 for cell in cells]
        return nulls if nulls.any() else None

    def texts(self, wanted: Mapping[str, Text]) -> Iterator[tuple[str, pa.StringArray]]:
        """All text columns."""
        store = _Store(self.sheet, wanted, self.odd)
        for name, text in wanted.items():
            made = self._gathered(store, name, text)
            nulls = self._nulls(name, text.null)
            yield name, made if nulls is None else _with_nulls(made, nulls)

    def _gathered(self, store: _Store, name: str, text: Text) -> pa.StringArray:
        width = len(text.parts)
        pieces = store.table(text.parts)
        if self.odd.lines:
            some, pieces = pieces, np.full((self.size, width), store.empty, np.int32)
            pieces[self._fast] = some
            pieces[self._slow, 0] = store.odd[name]
        source = store.escaped if text.json else store.plain
        flat = gathered(source, pieces.ravel())
        offsets = np.frombuffer(flat.buffers()[1], np.int32)[: len(flat) + 1 : width]
        return pa.StringArray.from_buffers(self.size, pa.py_buffer(np.ascontiguousarray(offsets)), flat.buffers()[2])


def _with_nulls(texts: pa.StringArray, nulls: Bools) -> pa.StringArray:
    valid = pa.py_buffer(np.packbits(~nulls, bitorder="little"))
    _, offsets, data = texts.buffers()
    return pa.StringArray.from_buffers(len(texts), offsets, data, valid)


class _Store:
    """All pieces that columns are made of, as one array of texts: those of the sheet, words, odd cells, picked ones.

    `plain` as they are; `escaped`, made when asked for, with the sheet's own escaped for JSON.
    """

    def __init__(self, sheet: Sheet, wanted: Mapping[str, Text], odd: Odd) -> None:
        parts = [p.part if isinstance(p, When) else p for text in wanted.values() for p in text.parts]
        self._sheet = sheet
        self._picks = [p for p in parts if isinstance(p, Pick)]
        self._words = list(dict.fromkeys(["", *(p for p in parts if isinstance(p, str))]))
        cells = {name: odd.column(name) for name in wanted} if odd.lines else {}
        fixed = [*self._words, *(cell or "" for column in cells.values() for cell in column)]
        self._fixed = [text.encode("utf-8", "backslashreplace") for text in fixed]
        self.empty = self._at = len(sheet.bounds) - 1
        first = self.empty + len(self._words)
        self.odd = {name: first + n * len(odd) + np.arange(len(odd)) for n, name in enumerate(cells)}
        self._picked = self.empty + len(fixed)
        self.plain = self._source(sheet.raw, sheet.bounds, ())

    @cached_property
    def escaped(self) -> pa.StringArray:
        """The pieces for JSON texts."""
        raw, bounds, picks = self._sheet.raw, self._sheet.bounds, self._picks
        if b'"' in raw or b"\\" in raw:
            data = np.frombuffer(raw, np.uint8)
            marks = np.flatnonzero((data == ord('"')) | (data == ord("\\"))).astype(np.int32)
            raw = raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
            behind = np.bincount(np.searchsorted(bounds, marks, "right"), minlength=len(bounds))
            bounds = bounds + np.cumsum(behind, dtype=np.int32)
            picks = [Pick(*(edges + np.searchsorted(marks, edges) for edges in (p.starts, p.ends))) for p in picks]
        return self._source(raw, bounds, picks)

    def _source(self, raw: bytes, bounds: Places, picks: Sequence[Pick]) -> pa.StringArray:
        picked = [_picked(raw, pick) for pick in picks]
        lengths = [np.array([len(text) for text in self._fixed]), *(np.diff(offsets) for offsets, _ in picked)]
        tail = np.cumsum(np.concatenate(lengths)) + len(raw)
        offsets = np.concatenate((bounds, tail.astype(np.int32)))
        data = b"".join([raw, *self._fixed, *(data for _, data in picked)])
        return pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(data))

    def table(self, parts: Sequence[Part]) -> Places:
        """The numbers of the pieces that make a text, for each row of the sheet."""
        fields = np.array([isinstance(part, int) for part in parts], np.int32)
        pieces = np.multiply.outer(self._sheet.first, fields)
        pieces += np.array([2 * part if isinstance(part, int) else self.empty for part in parts], np.int32)
        for at, part in enumerate(parts):
            if not isinstance(part, int):
                pieces[:, at] = self._pieces(part)
        return pieces

    def _pieces(self, part: Part) -> Places | int:
        match part:
            case int():
                return self._sheet.first + 2 * part
            case str():
                return self.empty + self._words.index(part)
            case Pick():
                before = self._picks.index(part) * len(self._sheet)
                return self._picked + before + np.arange(len(self._sheet), dtype=np.int32)
            case When():
                return np.where(part.rows, self._pieces(part.part), self.empty).astype(np.int32)


def _picked(raw: bytes, pick: Pick) -> tuple[Places, bytes]:
    """The picked stretches one behind the other, and their edges."""
    edges = np.column_stack((pick.starts, pick.ends)).ravel().astype(np.int32)
    if not len(edges):
        return np.zeros(1, np.int32), b""
    stretches = pa.StringArray.from_buffers(len(edges) - 1, pa.py_buffer(edges), pa.py_buffer(raw))
    found = gathered(stretches, np.arange(0, len(edges) - 1, 2))
    offsets = np.frombuffer(found.buffers()[1], np.int32)[: len(found) + 1]
    return offsets, (found.buffers()[2] or pa.py_buffer(b"")).to_pybytes()


def where(block: Block, weaver: Weaver, number: int) -> dict[str, pa.Array]:
    """The columns that say where each row lies; `number` lines end before the block."""
    offsets, lengths = block.offsets()
    line = pa.array(weaver.lines + (number + 1)).cast(pa.string())
    index = weaver.sheet.index
    return {
        "offset": weaver.number("offset", offsets[index], pa.int64()),
        "length": weaver.number("length", lengths[index], pa.int64()),
        "locator": pc.call_function("binary_join_element_wise", [pa.scalar("line"), line, pa.scalar(" ")]),
    }


def when(weaver: Weaver, ns: Ints, resolution: Ints) -> dict[str, pa.Array]:
    """The columns of the time: nanoseconds of UTC, and their resolution."""
    return {
        "ts": weaver.number("ts", ns // 1000, pa.int64()).cast(pa.timestamp("us", tz="UTC")),
        "ts_ns": weaver.number("ts_ns", ns % 1000, pa.int16()),
        "ts_resolution_ns": weaver.number("ts_resolution_ns", resolution, pa.int64()),
    }


def same(weaver: Weaver, **texts: str) -> dict[str, pa.Array]:
    """Columns with one text for all rows."""
    return {name: repeated(text, weaver.size) for name, text in texts.items()}


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
