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
Bytes = npt.NDArray[np.uint8]

QUOTE, BACKSLASH, COLON = 0x22, 0x5C, 0x3A
_LONGEST_RUN = 64  # of backslashes before a quote
_FIXED_UPTO = '"TimeCreated"'
_MIX = np.uint64(0x9E3779B97F4A7C15)
_CLASS = np.arange(256, dtype=np.int64)
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
    opens: Places
    closes: Places
    first: Places
    fixed: Places
    key: npt.NDArray[np.uint64]

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
    return Tokens(array, data, starts, opens, closes, first, fixed, _key(data, opens, closes, first) ^ names * _MIX)


def _quotes(data: Bytes) -> Places | None:
    """The quotes that no backslash takes away."""
    quotes = np.flatnonzero(data == QUOTE)
    if not len(quotes) or quotes[0] == 0:
        return None
    doubtful = np.flatnonzero(data[quotes - 1] == BACKSLASH)
    at, run = quotes[doubtful] - 2, np.ones(len(doubtful), np.int64)
    running = np.arange(len(doubtful))
    for _ in range(_LONGEST_RUN):
        running = running[data[at[running]] == BACKSLASH]
        if not len(running):
            return np.delete(quotes, doubtful[run & 1 == 1])
        run[running] += 1
        at[running] -= 1
    return None


def _fixed(texts: Sequence[str]) -> tuple[Places, npt.NDArray[np.uint64]]:
    """How long the part is that records of one kind share, and a number for it."""
    known: dict[str, int] = {}
    heads = [text[: text.find(_FIXED_UPTO)] for text in texts]
    names = np.fromiter((known.setdefault(head, len(known)) for head in heads), np.uint64, len(texts))
    lengths = {number: len(head.encode()) for head, number in known.items()}
    return np.fromiter((lengths[n] for n in names.tolist()), np.int64, len(texts)), names + np.uint64(1)


def _key(data: Bytes, opens: Places, closes: Places, first: Places) -> npt.NDArray[np.uint64]:
    """For each text a number of its keys' lengths, of what kind of value they have and of which strings are empty."""
    size = closes - opens
    value = _CLASS[data[np.minimum(closes + 2, len(data) - 1)]]
    told = np.where(data[np.minimum(closes + 1, len(data) - 1)] == COLON, size * 256 + value, size == 1)
    counts = np.diff(first)
    within = np.arange(len(opens)) - np.repeat(first[:-1], counts)
    mixed = (told.astype(np.uint64) + np.uint64(3)) * ((within.astype(np.uint64) + np.uint64(1)) * _MIX | np.uint64(1))
    return np.add.reduceat(mixed ^ mixed >> np.uint64(29), first[:-1])
