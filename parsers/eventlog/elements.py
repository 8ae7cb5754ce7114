"""Texts put together out of pieces, for many rows by one call: a list of pieces, and for each row which ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from parsers.eventlog.plan import VALUE, Pieces, Plan
from parsers.eventlog.tokens import BACKSLASH, Bytes, Places, Short

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Group:
    """Texts of one plan, by number; where their values begin and end, a column for each value."""

    plan: Plan
    rows: Places
    begins: Short
    ends: Short

    def only(self, wanted: Mask) -> Group:
        """Those of the texts that are wanted; `wanted` has a place for every text there is."""
        keep = wanted[self.rows]
        return self if keep.all() else Group(self.plan, self.rows[keep], self.begins[keep], self.ends[keep])


@dataclass(frozen=True, slots=True)
class Elements:
    """All pieces: values of the texts, constants of the plans, then for each text two of its own (`extras`).

    `base` is the first piece of each text, `constants` that of each group, `extras` those of the two lists.
    """

    array: pa.Array
    base: npt.NDArray[np.int32]
    constants: Sequence[int]
    extras: tuple[int, int]

    def woven(
        self, groups: Sequence[Group], patterns: Sequence[Pieces], targets: Sequence[Places], count: int
    ) -> pa.Array:
        """For each text of the groups what its group's pattern says, in the rows that `targets` names."""
        widths = np.zeros(count + 1, np.int64)
        for pattern, rows in zip(patterns, targets, strict=True):
            widths[rows + 1] = len(pattern.places)
        begins = np.cumsum(widths)
        chosen = np.empty(begins[-1], np.int32)
        for n, (group, pattern, rows) in enumerate(zip(groups, patterns, targets, strict=True)):
            target = begins[rows][:, None] + np.arange(len(pattern.places))
            chosen[target] = self._which(n, group, pattern)
        _valid, edges, data = self.array.take(pa.array(chosen)).buffers()
        ends = np.frombuffer(edges, np.int32, len(chosen) + 1)[begins]
        return pa.StringArray.from_buffers(count, pa.py_buffer(ends), data)

    def chosen(
        self, groups: Sequence[Group], patterns: Sequence[Pieces], targets: Sequence[Places], count: int
    ) -> pa.Array:
        """The same for patterns of one value or constant, without its escapes; null for those of none."""
        which = np.full(count, -1, np.int32)
        for n, (group, pattern, rows) in enumerate(zip(groups, patterns, targets, strict=True)):
            if pattern.alone:
                kind, number = pattern.alone
                first = self.base[group.rows] if kind == VALUE else self.constants[n]
                which[rows] = first + number
        return plain(self.array.take(pa.array(which, mask=which < 0)))

    def _which(self, number: int, group: Group, pattern: Pieces) -> npt.NDArray[np.int32]:
        first = np.empty((len(group.rows), 4), np.int32)
        first[:, 0], first[:, 1] = self.base[group.rows], self.constants[number]
        first[:, 2], first[:, 3] = (extra + group.rows for extra in self.extras)
        return first[:, pattern.kinds] + pattern.places


def cut(texts: Bytes, groups: Sequence[Group], extras: tuple[pa.Array, pa.Array]) -> Elements:
    """Cut the texts at the ends of their values, and add what else is woven."""
    count = len(extras[0])
    widths = np.zeros(count + 1, np.int64)
    for group in groups:
        widths[group.rows + 1] = 2 * group.begins.shape[1]
    base = np.cumsum(widths)
    edges = np.empty(base[-1] + 1, np.int32)
    edges[-1] = len(texts)
    for group in groups:
        both = np.stack((group.begins, group.ends), axis=2).reshape(len(group.rows), -1)
        edges[base[group.rows][:, None] + np.arange(both.shape[1])] = both
    values = pa.StringArray.from_buffers(len(edges) - 1, pa.py_buffer(edges), pa.py_buffer(texts))
    constants = [constant for group in groups for constant in group.plan.constants]
    sizes = np.cumsum([len(values), *(len(group.plan.constants) for group in groups)]).tolist()
    array = pa.concat_arrays([values, pa.array(constants, pa.binary()).cast(pa.string()), *extras])
    return Elements(array, base[:-1].astype(np.int32), sizes[:-1], (sizes[-1], sizes[-1] + count))


def plain(texts: pa.Array) -> pa.Array:
    """Texts as they stood between the quotes of JSON, without its escapes."""
    data = texts.buffers()[2]
    if data is None or not (np.frombuffer(data, np.uint8) == BACKSLASH).any():
        return texts
    matched = pc.call_function("match_substring", [texts], pc.MatchSubstringOptions("\\"))
    escapes = pc.call_function("coalesce", [matched, pa.scalar(False)])
    mixed = texts.filter(escapes)
    told = msgspec.json.decode('["' + '","'.join(mixed.to_pylist()) + '"]', type=list[str])
    return pc.call_function("replace_with_mask", [texts, escapes, pa.array(told, pa.string())])
