"""Many records at once: the texts of the fast reader become columns of the timeline without a tree for each of them.

Records of one kind share a plan (`plan.py`). A record takes this way only if its text, put together again from the
plan's constants and the record's values, is the very text the reader gave, and if its time is found in its own bytes.
All others are left to the usual way, record by record; the rows are the same on both ways.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.eventlog.elements import Elements, Group, Mask, cut
from parsers.eventlog.instants import Heads, Instants, instants, utc_ns, written
from parsers.eventlog.plan import Plan, learn, skeleton
from parsers.eventlog.table import Table
from parsers.eventlog.tokens import Places, Short, Tokens, tokens

LEAST = 3
"""Fewer records of one kind are quicker by themselves."""

_LONGEST_NUMBER = 20


class Columns(NamedTuple):
    """The rows of those texts that `taken` names, in order, and their instants, UTC nanoseconds."""

    taken: Mask
    arrays: dict[str, pa.Array]
    ns: Places


def columns(texts: Sequence[str], heads: Heads) -> Columns | None:
    """Rows of as many records as can be read so; None when none can."""
    found = tokens(texts) if texts else None
    groups = list(_groups(found)) if found else []
    if found is None or not groups:
        return None
    when = _instants(found, groups, heads)
    groups = [group for group in (group.only(when.known) for group in groups) if len(group.rows)]
    if not groups:
        return None
    numbers = pa.array(heads.numbers).cast(pa.string())
    elements = cut(found.data, groups, (numbers, written(heads, when)))
    taken = _same(found, groups, elements)
    if not taken.any():
        return None
    groups = [group.only(taken) for group in groups]
    return Columns(taken, Table(groups, elements, taken).arrays(heads, when), utc_ns(when.filetime[taken]))


def _groups(found: Tokens) -> Iterator[Group]:
    for rows in found.groups(LEAST):
        sample = int(rows[0])
        shape = skeleton(found.text(sample), *found.strings(sample), int(found.fixed[sample]))
        plan = learn(shape)
        if plan:
            yield _placed(found, rows, plan)


def _placed(found: Tokens, rows: Places, plan: Plan) -> Group:
    """Where the values of the texts lie if the texts are what the plan says."""
    slots = plan.skeleton.slots
    rows = rows[found.first[rows + 1] - found.first[rows] > slots[-1].token]
    token = found.first[rows][:, None] + np.array([slot.token for slot in slots])
    begins, ends = found.opens[token] + 1, found.closes[token]
    number = np.flatnonzero([slot.is_number for slot in slots])
    if len(number):
        behind, token = np.array([slots[n].behind for n in number], np.int32), token[:, number]
        is_last = token + 1 == found.first[rows + 1][:, None]
        following = found.opens[np.minimum(token + 1, len(found.opens) - 1)]
        begins[:, number] = ends[:, number] + 2
        ends[:, number] = np.where(is_last, found.starts[rows + 1][:, None], following) - behind
    sound = (ends > begins).all(axis=1) & _whole(found, begins[:, number], ends[:, number])
    return Group(plan, rows, begins, ends) if sound.all() else Group(plan, rows[sound], begins[sound], ends[sound])


def _whole(found: Tokens, begins: Short, ends: Short) -> Mask:
    """Whether those are numbers of digits alone."""
    sizes = ends - begins
    whole = (sizes <= _LONGEST_NUMBER).all(axis=1)
    for n in range(min(_LONGEST_NUMBER, int(sizes.max(initial=0)))):
        digits = found.data[np.minimum(begins + n, len(found.data) - 1)] - np.uint8(ord("0"))
        whole &= ((digits <= 9) | (n >= sizes)).all(axis=1)
    return np.asarray(whole, bool)


def _instants(found: Tokens, groups: Sequence[Group], heads: Heads) -> Instants:
    begins, ends = np.zeros((2, len(found.texts)), np.int64)
    for group in groups:
        begins[group.rows], ends[group.rows] = group.begins[:, group.plan.time], group.ends[:, group.plan.time]
    return instants(found.data, begins, ends, heads)


def _same(found: Tokens, groups: Sequence[Group], elements: Elements) -> Mask:
    """Which texts come out again when their values are put between the constants."""
    count = len(found.texts)
    again = elements.woven(groups, [group.plan.text for group in groups], [group.rows for group in groups], count)
    return np.asarray(pc.call_function("equal", [again, found.texts]).to_numpy(zero_copy_only=False), bool)
