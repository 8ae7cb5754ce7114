"""How the records of one kind become rows, learned from one of them: which of its values goes where.

A text of the fast reader is cut into constants and values. The values are replaced by marks, and the marked text goes
the usual way (`xmltree`, `record`, `pivots`, `subjects`). Where the marks come out is where the values of all texts
with the same constants belong. A kind is left alone, and its records go the usual way one by one, where a value does
not come out as it went in: as part of another text, as a name, or not to be found by a plain rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from parsers.eventlog.pivots import sought
from parsers.eventlog.record import BadRecordError, Told, told
from parsers.eventlog.subjects import said
from parsers.eventlog.tokens import COLON
from parsers.eventlog.xmltree import from_json

VALUE, CONSTANT, NUMBER, WRITTEN = range(4)
"""What a piece is: a value of the text, a constant of the plan, the header's number, the field `written` or nothing."""


class Pieces(NamedTuple):
    """What a text is woven of: for each piece its place among its kind, and its kind.

    `alone` is kind and place of the one piece there is, None for more and for none.
    """

    places: npt.NDArray[np.int32]
    kinds: npt.NDArray[np.int32]
    alone: tuple[int, int] | None = None


_MOST_SLOTS = 900
_MOST_WORDS = 8192  # of a plan that is kept
_STRING, _DIGITS = "\ue0fe{:03}\ue0ff", "7310000000000000{:03}"
_TEXT_STEMS = ("\ue0fe", "7310000000000000")
_STEMS = tuple(stem.encode() for stem in _TEXT_STEMS)
_MARK = re.compile(rb'"(?:\xee\x83\xbe(\d{3})\xee\x83\xbf|7310000000000000(\d{3}))"')
_DIGIT = re.compile(rb"\d+")


class Extra(NamedTuple):
    """A piece that is no part of the text, by its kind."""

    kind: int


class Slot(NamedTuple):
    """A value: the string of that place, or the number behind it with so many bytes up to the next string."""

    token: int
    is_number: bool
    behind: int


class Skeleton(NamedTuple):
    """A text without its values: one constant more than there are values."""

    slots: tuple[Slot, ...]
    constants: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where the values go. `text` weaves the text itself again; what may be woven of one piece has one or none."""

    skeleton: Skeleton
    time: int
    constants: Sequence[bytes]
    text: Pieces
    data: Pieces
    subject: Pieces
    is_filled: bool
    locator: Pieces
    event_code: Pieces
    provider: Pieces
    channel: Pieces
    firsts: Mapping[str, Sequence[Pieces]]
    users: Sequence[tuple[Pieces, Pieces]]
    hashes: Pieces


class _UnfitError(ValueError):
    """A value does not come out as it went in."""


def skeleton(text: bytes, opens: Sequence[int], closes: Sequence[int], fixed: int) -> Skeleton:
    """Cut a text into constants and values: strings that are not empty and whole numbers, behind its fixed part.

    What an attribute `Name` says is a constant: it is the key of a value.
    """
    slots, constants, at, key = list[Slot](), list[bytes](), 0, b""
    ends = [*opens[1:], len(text)]
    for token, (start, stop, after) in enumerate(zip(opens, closes, ends, strict=True)):
        if start < fixed:
            continue
        is_key = text[stop + 1] == COLON
        digits = _DIGIT.match(text, stop + 2) if is_key else None
        if digits and text[digits.end()] in b",}]":
            slots.append(Slot(token, True, after - digits.end()))
            constants.append(text[at : digits.start()])
            at = digits.end()
        elif not is_key and stop > start + 1 and key != b"Name":
            slots.append(Slot(token, False, 0))
            constants.append(text[at : start + 1])
            at = stop
        key = text[start + 1 : stop]
    return Skeleton(tuple(slots), (*constants, text[at:]))


@lru_cache(maxsize=2000)
def learn(shape: Skeleton) -> Plan | None:
    """Send the marks through and see where they come out; None where a kind of record has to go the usual way."""
    if len(shape.slots) > _MOST_SLOTS or sum(map(len, shape.constants)) > _MOST_WORDS:
        return None
    if any(stem in part for stem in _STEMS for part in shape.constants):
        return None
    marks = [(_DIGITS if slot.is_number else _STRING).format(n) for n, slot in enumerate(shape.slots)]
    parts = zip(shape.constants, [*(mark.encode() for mark in marks), b""], strict=True)
    try:
        tree = from_json(b"".join(part for pair in parts for part in pair).decode())
        return _Weaver(shape, {mark: n for n, mark in enumerate(marks)}).plan(told(tree)) if tree else None
    except (_UnfitError, BadRecordError, UnicodeDecodeError):
        return None


class _Weaver:
    """Makes a plan of an event with marks in it."""

    def __init__(self, shape: Skeleton, marks: Mapping[str, int]) -> None:
        self._shape, self._marks = shape, marks
        self._constants: dict[bytes, int] = {}

    def plan(self, event: Told) -> Plan:
        """The plan; `_UnfitError` where a value does not come out as it went in."""
        time, wanted = self._marks.get(event.system_time), sought(event.provider, event.code, event.named)
        fixed = (event.provider, event.code)
        if time is None or wanted is None or event.is_cmdlet or any(stem in t for stem in _TEXT_STEMS for t in fixed):
            raise _UnfitError
        template = said(*fixed)
        named = {name: self._one(text) for name, text in event.named.items()}
        return Plan(
            skeleton=self._shape,
            time=time,
            text=self._pieces(_between(self._shape.constants, range(len(self._shape.slots)))),
            data=self._pieces(_of_data(event)),
            subject=self._woven(template.parts(event.named, event.unnamed)),
            is_filled=template.is_filled,
            locator=self._woven(["record ", str(event.data.get("EventRecordID", "?"))]),
            event_code=self._one(event.code),
            provider=self._one(event.provider),
            channel=self._one(event.channel),
            firsts={column: [named[n] for n in names if n in named] for column, names in wanted.firsts.items()},
            users=[(named.get(domain, self._pieces([])), named[n]) for domain, n in wanted.users if n in named],
            hashes=named.get("Hashes", self._pieces([])),
            constants=tuple(self._constants),
        )

    def _one(self, text: str) -> Pieces:
        """A text that is a value or a constant; an empty one is woven of nothing."""
        return self._woven([text] if text else [])

    def _woven(self, texts: Iterable[str]) -> Pieces:
        return self._pieces([self._marks[t] if t in self._marks else _escaped(t) for t in texts])

    def _pieces(self, parts: Sequence[bytes | int | Extra]) -> Pieces:
        places, kinds = np.zeros(len(parts), np.int32), np.zeros(len(parts), np.int32)
        for n, part in enumerate(parts):
            if isinstance(part, bytes):
                if any(stem in part for stem in _STEMS):
                    raise _UnfitError
                places[n], kinds[n] = self._constants.setdefault(part, len(self._constants)), CONSTANT
            elif isinstance(part, Extra):
                kinds[n] = part.kind
            else:
                places[n], kinds[n] = 2 * part, VALUE
        return Pieces(places, kinds, (int(kinds[0]), int(places[0])) if len(parts) == 1 else None)


def _escaped(text: str) -> bytes:
    """A text as it stands between the quotes of JSON."""
    return msgspec.json.encode(text)[1:-1]


def _between(constants: Sequence[bytes], values: Iterable[int]) -> list[bytes | int | Extra]:
    """The values, each between two constants."""
    parts: list[bytes | int | Extra] = [constants[0]]
    for value, constant in zip(values, constants[1:], strict=True):
        parts += [value, constant]
    return parts


def _of_data(event: Told) -> list[bytes | int | Extra]:
    """The JSON of `data` as constants and values, with what is told of the header at its end."""
    parts = _MARK.split(msgspec.json.encode(event.data))
    constants, values = parts[::3], [int(text or digits) for text, digits in zip(parts[1::3], parts[2::3], strict=True)]
    if not event.data or any(constant.startswith(b":") for constant in constants[1:]):
        raise _UnfitError
    quoted = [b'"' * (n > 0) + constant + b'"' for n, constant in enumerate(constants)]
    quoted[-1] = quoted[-1].removesuffix(b'}"') + b',"header_record_id":"'
    return [*_between(quoted, values), Extra(NUMBER), b'"', Extra(WRITTEN), b"}"]
