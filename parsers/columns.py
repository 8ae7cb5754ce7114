"""Separated lines as Arrow columns without a Python loop: for the plain rows that make up nearly all of a log.

Plain means printable ASCII, no quote character where quoting exists, and exactly the expected number of fields.
Everything else is left to the slow path of the parser.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from parsers.lines import Block, Bools, Ints

pc: Any = import_module("pyarrow.compute")
"""Arrow's functions. They are made when that module is loaded, so that type checkers do not know them."""

Bytes = npt.NDArray[np.uint8]

Part: TypeAlias = pa.StringArray | str
"""A column of texts, or one text for all rows."""

_PLAIN = np.zeros(256, np.bool_)
_PLAIN[0x20:0x7F] = True


@dataclass(frozen=True, slots=True)
class Columns:
    """The plain rows of a block: `index` are their line numbers, `flat` all fields row after row."""

    index: Ints
    width: int
    flat: pa.StringArray

    def __len__(self) -> int:
        return len(self.index)

    def text(self, field: int) -> pa.StringArray:
        """One field of all rows."""
        return self.flat.take(pa.array(np.arange(field, len(self.flat), self.width)))

    def json(self, field: int) -> pa.StringArray:
        """One field of all rows, escaped for a JSON string."""
        return escape(self.text(field))

    def keep(self, good: Bools) -> Columns:
        """Only these rows."""
        if good.all():
            return self
        rows = np.flatnonzero(good)
        cells = pa.array((rows[:, None] * self.width + np.arange(self.width)).ravel())
        return Columns(self.index[rows], self.width, self.flat.take(cells))


def plain_rows(block: Block, wanted: Bools, separator: bytes, width: int, quote: bytes = b"") -> Columns:
    """Split the wanted lines of a block that are plain and have `width` fields (at least two)."""
    data = np.frombuffer(block.raw, np.uint8)
    plain = _PLAIN.copy()
    plain[list(quote)] = False
    cuts = np.flatnonzero(data == separator[0])
    strange = np.flatnonzero(~plain[data])
    low, high = np.searchsorted(cuts, block.starts), np.searchsorted(cuts, block.ends)
    good = wanted & (high - low == width - 1)
    good &= np.searchsorted(strange, block.starts) == np.searchsorted(strange, block.ends)
    index = np.flatnonzero(good)
    starts, ends = block.starts[index], block.ends[index]
    inner = cuts[low[index][:, None] + np.arange(width - 1)] if len(index) else np.zeros((0, width - 1), np.int64)
    lengths = np.column_stack((inner, ends)) - np.column_stack((starts, inner + 1))
    kept = data[_between(data, starts, ends) & (data != separator[0])]
    flat = _strings(kept, lengths.ravel())
    return Columns(index, width, flat)


def _between(data: Bytes, starts: Ints, ends: Ints) -> Bools:
    """Which bytes lie inside the given lines (ascending, not touching)."""
    edges = np.column_stack((starts, ends)).ravel()
    runs = np.diff(np.concatenate((np.zeros(1, np.int64), edges, np.array([len(data)]))))
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs)


def _strings(data: Bytes, lengths: Ints) -> pa.StringArray:
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return pa.StringArray.from_buffers(len(lengths), pa.py_buffer(offsets), pa.py_buffer(data))


def escape(texts: pa.StringArray) -> pa.StringArray:
    """Printable ASCII as the inside of a JSON string."""
    used = np.frombuffer(texts.buffers()[2] or b"", np.uint8)
    for mark in '\\"':
        if (used == ord(mark)).any():
            texts = pc.replace_substring(texts, mark, f"\\{mark}")
    return texts


def json_objects(pairs: Sequence[tuple[str, pa.StringArray | str]], tail: pa.StringArray | str = "") -> pa.StringArray:
    """JSON objects from (key, escaped values); `tail` is put before the closing brace, with its own comma."""
    parts: list[Part] = []
    for number, (key, values) in enumerate(pairs):
        lead = '","' if number else '{"'
        parts += [f'{lead}{msgspec.json.encode(key).decode()[1:-1]}":"', values]
    return join(*parts, '"' if pairs else "{", tail, "}")


@lru_cache(maxsize=4096)
def _scalar(text: str) -> pa.StringScalar:
    # Making a scalar, pyarrow looks for pandas each time: milliseconds for each small file where it is missing.
    return pa.scalar(text)


def _values(parts: Sequence[Part]) -> list[pa.StringArray | pa.StringScalar]:
    return [_scalar(p) if isinstance(p, str) else p for p in parts]


def join(*parts: Part, separator: str = "", skip_null: bool = False) -> pa.StringArray:
    """Texts side by side; null where one is null, unless nulls are skipped."""
    how = pc.JoinOptions(null_handling="skip" if skip_null else "emit_null")
    return pc.call_function("binary_join_element_wise", _values([*parts, separator]), how)


def same(texts: pa.StringArray, value: str) -> pa.BooleanArray:
    """Which texts are this one."""
    return pc.call_function("equal", _values([texts, value]))


def choose(condition: pa.BooleanArray, yes: Part, no: Part) -> pa.StringArray:
    """One text or the other."""
    return pc.call_function("if_else", [condition, *_values([yes, no])])


def or_else(texts: pa.StringArray, value: str) -> pa.StringArray:
    """The texts, with a value in place of null."""
    return pc.call_function("coalesce", _values([texts, value]))


def or_null(texts: pa.StringArray, empty: str) -> pa.StringArray:
    """The texts, with null for the one that means nothing."""
    return pc.call_function("if_else", [same(texts, empty), pa.scalar(None, pa.string()), texts])


def by_value(texts: pa.StringArray, read: Callable[[str], int | None]) -> tuple[Ints, Bools]:
    """Numbers for texts, read once for each different text; and which could be read."""
    coded = texts.dictionary_encode()
    values = [read(text) for text in coded.dictionary.to_pylist()]
    numbers = np.array([0 if v is None else v for v in values] or [0], np.int64)
    known = np.array([v is not None for v in values] or [False], np.bool_)
    codes = coded.indices.to_numpy(zero_copy_only=False)
    return numbers[codes], known[codes]
