"""$MFT records by the block: signatures, fix-ups, and the attributes of all records of a block as flat columns.

Format facts: the NTFS layout as Sleuth Kit and dissect.ntfs read it (both are referees in the tests). A record is
1024 or 4096 bytes (its own header says so); the last two bytes of every 512-byte stride are replaced by a check
number whose true bytes lie in the update sequence array. Attributes start on multiples of 8.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from shellcase.model import Span

STRIDE = 512
BLOCK_BYTES = 4 << 20
SIZES = (1024, 2048, 4096)
STAMPS, NAMES, DATA = 0x10, 0x30, 0x80  # types of attribute

EMPTY, GOOD, BAAD, FOREIGN, TORN = range(5)
"""What a record is: never used, whole, marked bad by NTFS, no record at all, fix-up does not fit."""

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Block:
    """Records `first`, `first`+1, …: `raw` is (n, record size) after fix-ups, `grade` one of EMPTY … TORN."""

    first: int
    raw: Bytes
    grade: npt.NDArray[np.int8]

    @property
    def size(self) -> int:
        """Bytes of one record."""
        return int(self.raw.shape[1])

    def column(self, at: int, dtype: str) -> npt.NDArray[np.generic]:
        """One header field of all records."""
        width = np.dtype(dtype).itemsize
        column: npt.NDArray[np.generic] = np.ascontiguousarray(self.raw[:, at : at + width]).view(dtype)[:, 0]
        return column

    def cut(self, rows: Ints, at: Ints, width: int) -> Bytes:
        """`width` bytes of each of `rows` from byte `at` on: (len(rows), width). The caller has checked the bounds."""
        places = max(self.raw.size - width + 1, 0)
        sliding = np.ndarray((places,), f"V{width}", self.raw, strides=(1,))
        piece: Bytes = sliding[rows * self.size + at].view(np.uint8).reshape(len(rows), width)
        return piece


@dataclass(frozen=True, slots=True)
class Attributes:
    """Attributes of one type in a block: row in the block, offset in the record, length of the attribute."""

    row: Ints
    at: Ints
    length: Ints

    def where(self, mask: npt.NDArray[np.bool_]) -> Attributes:
        """Those that the mask keeps."""
        return Attributes(self.row[mask], self.at[mask], self.length[mask])


def record_size(head: bytes) -> int:
    """Bytes of one record as the first whole record in `head` says; 1024 where none says it."""
    for at in range(0, len(head) - 47, 1024):
        if head[at : at + 4] == b"FILE":
            size = int.from_bytes(head[at + 28 : at + 32], "little")
            if size in SIZES:
                return size
    return 1024


def nothing(size: int) -> Block:
    """A block without records, so that tables of an empty $MFT have their columns."""
    return Block(0, np.zeros((0, size), np.uint8), np.zeros(0, np.int8))


def blocks(stream: BinaryIO, size: int, span: Span | None = None) -> Iterator[tuple[Block, bytes]]:
    """All records (of a part) in order, and with the last block the bytes that do not fill a record."""
    at, end = (span.offset, span.offset + span.length) if span else (0, sys.maxsize)
    stream.seek(at)
    first = at // size
    while chunk := stream.read(min(BLOCK_BYTES, end - at)):
        at += len(chunk)
        n, rest = divmod(len(chunk), size)
        raw = np.frombuffer(chunk, np.uint8, n * size).reshape(n, size).copy()
        yield Block(first, raw, _mend(raw)), chunk[n * size :] if rest else b""
        first += n


def _mend(raw: Bytes) -> npt.NDArray[np.int8]:
    """Undo the fix-ups in place and grade each record."""
    grade = np.full(len(raw), FOREIGN, np.int8)
    if not len(raw):
        return grade
    mark = np.ascontiguousarray(raw[:, :4]).view("<u4")[:, 0]
    unmarked = np.flatnonzero(mark == 0)
    grade[unmarked[~raw[unmarked].any(axis=1)]] = EMPTY
    grade[mark == int.from_bytes(b"BAAD", "little")] = BAAD
    rows = np.flatnonzero(mark == int.from_bytes(b"FILE", "little"))
    head = np.ascontiguousarray(raw[rows, :8]).view("<u2").astype(np.int64)
    strides = raw.shape[1] // STRIDE
    fits = (head[:, 3] == strides + 1) & (head[:, 2] >= 40) & (head[:, 2] + 2 * (strides + 1) <= STRIDE - 2)
    grade[rows] = TORN
    rows, at = rows[fits], head[fits, 2]
    array = raw[rows[:, None], at[:, None] + np.arange(2 * (strides + 1))]
    ends = (np.arange(1, strides + 1) * STRIDE)[:, None] + np.array([-2, -1])
    whole = (raw[rows[:, None, None], ends] == array[:, None, :2]).all(axis=(1, 2))
    rows, array = rows[whole], array[whole]
    raw[rows[:, None, None], ends] = array[:, 2:].reshape(-1, strides, 2)
    grade[rows] = GOOD
    return grade


def attributes(block: Block) -> tuple[dict[int, Attributes], Ints]:
    """Attributes of the whole records by type code, and the rows whose chain of attributes is broken."""
    rows = np.flatnonzero(block.grade == GOOD)
    used = np.minimum(block.column(24, "<u4").astype(np.int64)[rows], block.size)
    at = block.column(20, "<u2").astype(np.int64)[rows]
    words = block.raw.view("<u4")
    kinds: list[npt.NDArray[np.uint32]] = []
    found: list[tuple[Ints, Ints, Ints]] = []
    broken: list[Ints] = []
    while len(rows):  # ends: every attribute is at least 24 bytes long
        fits = (at % 8 == 0) & (at >= 40) & (at + 4 <= used)
        broken.append(rows[~fits])
        rows, at, used = rows[fits], at[fits], used[fits]
        kind = words[rows, at >> 2]
        more = kind != 0xFFFFFFFF
        rows, at, used, kind = rows[more], at[more], used[more], kind[more]
        length = words[rows, np.minimum((at >> 2) + 1, words.shape[1] - 1)].astype(np.int64)
        fits = (length >= 24) & (at + length <= used)
        broken.append(rows[~fits])
        rows, at, used, kind, length = rows[fits], at[fits], used[fits], kind[fits], length[fits]
        kinds.append(kind)
        found.append((rows, at, length))
        at = at + length
    return _by_type(kinds, found), np.unique(np.concatenate(broken)) if broken else np.empty(0, np.int64)


def _by_type(kinds: list[npt.NDArray[np.uint32]], found: list[tuple[Ints, Ints, Ints]]) -> dict[int, Attributes]:
    """Sort the steps of the walk into one table per type, in order of record and offset."""
    none = np.empty(0, np.int64)
    row, at, length = (np.concatenate([none, *(step[i] for step in found)]) for i in range(3))
    order = np.lexsort((at, row))
    kind, every = np.concatenate([none, *kinds])[order], Attributes(row[order], at[order], length[order])
    return {code: every.where(kind == code) for code in (NAMES, STAMPS, DATA)}


def resident(block: Block, attrs: Attributes, least: int) -> tuple[Attributes, Ints, Ints]:
    """Those attributes that are resident with at least `least` bytes of content, its offset and its length."""
    head = block.cut(attrs.row, attrs.at, 24)
    inside = np.ascontiguousarray(head[:, 16:20]).view("<u4")[:, 0].astype(np.int64)
    start = np.ascontiguousarray(head[:, 20:22]).view("<u2")[:, 0].astype(np.int64)
    fits = (head[:, 8] == 0) & (inside >= least) & (start >= 24) & (start + inside <= attrs.length)
    kept = attrs.where(fits)
    return kept, kept.at + start[fits], inside[fits]
