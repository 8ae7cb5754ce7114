"""The columns of the timeline for records whose plans are known: the rules of `pivots` and `subjects` for many rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.eventlog.elements import Elements, Group, Mask, plain
from parsers.eventlog.instants import Heads, Instants, utc_ns
from parsers.eventlog.pivots import NOTHING, sha256
from parsers.eventlog.plan import Pieces, Plan
from parsers.eventlog.record import KIND
from parsers.eventlog.subjects import LONGEST, one_line

_FIRSTS = ("src_ip", "process", "command", "file_path", "url")
_TO_BE_LINED = r"\s\s|^\s|\s$|[^\x20-\x7e]"
_NONE = Pieces(np.zeros(0, np.int32), np.zeros(0, np.int32))


class Table:
    """The rows of the groups' texts, those that are `taken`, in the order of the texts."""

    def __init__(self, groups: Sequence[Group], elements: Elements, taken: Mask) -> None:
        self._groups, self._elements, self._taken = groups, elements, taken
        place = np.cumsum(taken) - 1
        self._targets = [place[group.rows] for group in groups]
        self._count = int(taken.sum())

    def arrays(self, heads: Heads, when: Instants) -> dict[str, pa.Array]:
        """All columns by name."""
        ns, taken = utc_ns(when.filetime[self._taken]), self._taken
        return {
            "ts": pa.array(ns // 1000).cast(pa.timestamp("us", tz="UTC")),
            "ts_ns": pa.array((ns % 1000).astype(np.int16)),
            "ts_text": when.text(taken),
            "ts_resolution_ns": pa.array(when.resolution_ns[taken]),
            "kind": pa.repeat(pa.scalar(KIND), self._count),
            "offset": pa.array(heads.starts[taken] + heads.origin),
            "length": pa.array(heads.sizes[taken]),
            "locator": plain(self._woven(lambda plan: plan.locator)),
            "state": pa.repeat(pa.scalar("live"), self._count),
            "subject": self._subject(),
            "user": self._user(),
            "event_code": self._chosen(lambda plan: plan.event_code),
            "channel": self._chosen(lambda plan: plan.channel),
            "provider": self._chosen(lambda plan: plan.provider),
            "sha256": self._sha256(),
            "data": self._woven(lambda plan: plan.data),
        } | {name: self._first(name) for name in _FIRSTS}

    def _woven(self, pattern: Callable[[Plan], Pieces]) -> pa.Array:
        patterns = [pattern(group.plan) for group in self._groups]
        return self._elements.woven(self._groups, patterns, self._targets, self._count)

    def _chosen(self, pattern: Callable[[Plan], Pieces]) -> pa.Array:
        patterns = [pattern(group.plan) for group in self._groups]
        if not any(pieces.alone for pieces in patterns):
            return pa.nulls(self._count, pa.string())
        return self._elements.chosen(self._groups, patterns, self._targets, self._count)

    def _subject(self) -> pa.Array:
        """The filled templates, in one line each, shortened."""
        texts = plain(self._woven(lambda plan: plan.subject))
        filled = np.zeros(self._count, bool)
        for group, rows in zip(self._groups, self._targets, strict=True):
            filled[rows] = group.plan.is_filled
        long = pc.call_function("greater", [pc.call_function("utf8_length", [texts]), pa.scalar(LONGEST)])
        options = pc.MatchSubstringOptions(_TO_BE_LINED)
        odd = pc.call_function("match_substring_regex", [texts], options)
        mended = _both(pc.call_function("or", [long, odd]), pa.array(filled))
        lines = pa.array([one_line(text) for text in texts.filter(mended).to_pylist()], pa.string())
        return pc.call_function("replace_with_mask", [texts, mended, lines])

    def _first(self, column: str) -> pa.Array:
        """The first value of a column's names that is one."""
        most = max(len(group.plan.firsts[column]) for group in self._groups)
        return self._coalesce(self._something(_nth(column, n)) for n in range(most))

    def _user(self) -> pa.Array:
        most = max(len(group.plan.users) for group in self._groups)
        return self._coalesce(self._nth_user(n) for n in range(most))

    def _nth_user(self, n: int) -> pa.Array:
        """Domain and name; the name alone where there is no domain or the name has one."""
        domain, name = (self._something(_nth_of_users(n, part)) for part in (0, 1))
        options = pc.MatchSubstringOptions("\\")
        alone = pc.call_function("match_substring", [name], options)
        joined = pc.call_function("binary_join_element_wise", [domain, name, pa.scalar("\\")])
        is_joined = _both(domain.is_valid(), pc.call_function("invert", [alone]))
        return pc.call_function("if_else", [is_joined, joined, name])

    def _something(self, pattern: Callable[[Plan], Pieces]) -> pa.Array:
        """Values, null where one stands for none."""
        values = self._chosen(pattern)
        if values.null_count == len(values):
            return values
        words = pa.array(sorted(NOTHING), pa.string())
        nothing = pc.call_function("is_in", [values], pc.SetLookupOptions(words))
        return pc.call_function("if_else", [nothing, pa.scalar(None, pa.string()), values])

    def _coalesce(self, values: Iterable[pa.Array]) -> pa.Array:
        arrays = list(values)
        return pc.call_function("coalesce", arrays) if arrays else pa.nulls(self._count, pa.string())

    def _sha256(self) -> pa.Array:
        hashes = self._chosen(lambda plan: plan.hashes)
        if hashes.null_count == len(hashes):
            return hashes
        return pa.array([text and sha256(text) for text in hashes.to_pylist()], pa.string())


def _both(one: pa.Array, other: pa.Array) -> pa.Array:
    return pc.call_function("and", [one, other])


def _nth(column: str, n: int) -> Callable[[Plan], Pieces]:
    def pattern(plan: Plan) -> Pieces:
        found = plan.firsts[column]
        return found[n] if n < len(found) else _NONE

    return pattern


def _nth_of_users(n: int, part: int) -> Callable[[Plan], Pieces]:
    return lambda plan: plan.users[n][part] if n < len(plan.users) else _NONE
