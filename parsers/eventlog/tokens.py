"""Where the strings of many JSON texts begin and end, found for all of them at once, and which texts are built alike.

The texts come from the fast reader: compact, one object each. Nothing is believed on the ground of this walk alone:
what is taken from a text is put together again and compared with it (`columnar.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Places = npt.NDArray[np.int64]
Short = npt.NDArray[np.int32]
"""Places in one buffer of Arrow, that cannot be longer."""

Bytes = npt.NDArray[np.uint8]

QUOTE, BACKSLASH, COLON = 0x22, 0x5C, 0x3A
_MOST_QUOTES = 4_000_000
_LONGEST_RUN = 64  # of backslashes before a quote
_FIXED_UPTO = '"TimeCreated"'
_MIX = np.uint32(0x9E3779B1)
_CLASS = np.arange(256, dtype=np.uint32)
_CLASS[0x30:0x3A] = 0x30  # a number is a number


@dataclass(frozen=True, slots=True)
class Tokens:
    """Texts side by side in `data`, text n from `starts[n]` to `starts[n + 1]`; its strings from `first[n]` on.

    A string lies between its quotes, `opens` and `closes`. `fixed` is where the part begins that differs among records
    of one kind, as a number of bytes; up to there a text is taken for one constant.
    """

    texts: pa.Array
    data: Bytes
    starts: Places
    opens: Short
    closes: Short
    first: Places
    fixed: Places
    key: Places

    def groups(self, least: int) -> Iterator[Places]:
        """Texts that look alike, as far as a number tells; groups of at least so many."""
        order = np.argsort(self.key, kind="stable")
        edges = np.flatnonzero(np.diff(self.key[order])) + 1
        for group in np.split(order, edges):
            if len(group) >= least:
                yield group

    def text(self, number: int) -> bytes:
        """One of the texts."""
        return self.data[self.starts[number] : self.starts[number + 1]].tobytes()

    def strings(self, number: int) -> tuple[list[int], list[int]]:
        """Opening and closing quotes of a text, counted from its beginning."""
        span = slice(self.first[number], self.first[number + 1])
        begin = self.starts[number]
        return (self.opens[span] - begin).tolist(), (self.closes[span] - begin).tolist()


def tokens(texts: Sequence[str]) -> Tokens | None:
    """The strings of all texts; None where one of them is not what the fast reader prints."""
    array = pa.array(texts, pa.string())
    buffers = array.buffers()
    starts = np.frombuffer(buffers[1], np.int32, len(texts) + 1).astype(np.int64)
    data = np.frombuffer(buffers[2], np.uint8, starts[-1])
    quotes = _quotes(data)
    if quotes is None or data.min() < 0x20:
        return None
    before = np.searchsorted(quotes, starts)
    if (before & 1).any() or (np.diff(before) < 2).any():
        return None
    opens, closes, first = quotes[::2], quotes[1::2], before // 2
    fixed, names = _fixed(texts)
    return Tokens(array, data, starts, opens, closes, first, fixed, _key(data, opens, closes, first) << 20 ^ names)


def _quotes(data: Bytes) -> Short | None:
    """The quotes that no backslash takes away; None where there are too many to hold what is made of them."""
    is_quote = data == QUOTE
    if np.count_nonzero(is_quote) > _MOST_QUOTES:
        return None
    quotes = np.flatnonzero(is_quote).astype(np.int32)
    if not len(quotes) or quotes[0] == 0:
        return None
    doubtful = np.flatnonzero(data[quotes - 1] == BACKSLASH)
    at, run = quotes[doubtful] - 2, np.ones(len(doubtful), np.int64)
    running = np.arange(len(doubtful))
    for _ in range(_LONGEST_RUN):
        running = running[data[at[running]] == BACKSLASH]
        if not len(running):
            escaped = doubtful[run & 1 == 1]
            return np.delete(quotes, escaped) if len(escaped) else quotes
        run[running] += 1
        at[running] -= 1
    return None


def _fixed(texts: Sequence[str]) -> tuple[Places, Places]:
    """How long the part is that records of one kind share, and a number for it."""
    known: dict[str, int] = {}
    names = np.array([known.setdefault(text[: text.find(_FIXED_UPTO)], len(known)) for text in texts], np.int64)
    return np.array([len(head.encode()) for head in known], np.int64)[names], names


def _key(data: Bytes, opens: Short, closes: Short, first: Places) -> Places:
    """For each text a number of its keys' lengths, of what kind of value they have and of which strings are empty."""
    size, last = (closes - opens).astype(np.uint32), len(data) - 1
    behind = np.minimum(closes + 1, last)
    value = _CLASS[data[np.minimum(behind + 1, last)]]
    told = np.where(data[behind] == COLON, size << 8 | value, size == 1)
    within = np.arange(len(opens), dtype=np.uint32) - np.repeat(first[:-1].astype(np.uint32), np.diff(first))
    mixed = (told + np.uint32(3)) * ((within + np.uint32(1)) * _MIX | np.uint32(1))
    return np.add.reduceat(mixed ^ mixed >> np.uint32(15), first[:-1], dtype=np.int64)
