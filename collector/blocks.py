"""What readers of virtual disks share: strict reads of files, small integers of tables, media in blocks of one size.

A file that ends too soon must never shift the bytes behind the gap, so every short read is an OSError.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from io import BufferedIOBase
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, Literal, cast

import numpy as np

from collector.present import still_there
from collector.runs import Reader

_PAGE = 1 << 16
_PAGES = 128
_UNPACKED = 16 << 20


class FilePart:
    """A range of a file, all of it by default. `size` may promise more than the file holds."""

    def __init__(self, fh: BinaryIO, offset: int = 0, size: int | None = None) -> None:
        self._fh, self._offset = fh, offset
        self.held = max(fh.seek(0, 2) - offset, 0)
        self.size = self.held if size is None else size

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes from `offset`; fewer only at the end of the range. OSError where the file ends before its range."""
        want = self._wanted(offset, length)
        try:
            self._fh.seek(self._offset + offset)
            data = self._fh.read(want)
        except OSError:
            still_there(Path(self._fh.name))
            raise
        self._all_there(offset, want, len(data))
        return data

    def read_into(self, offset: int, view: memoryview) -> int:
        """The same into memory that is there; how many bytes came."""
        want = self._wanted(offset, len(view))
        try:
            self._fh.seek(self._offset + offset)
            got = cast(BufferedIOBase, self._fh).readinto(view[:want])
        except OSError:
            still_there(Path(self._fh.name))
            raise
        self._all_there(offset, want, got)
        return want

    def _wanted(self, offset: int, length: int) -> int:
        want = max(min(length, self.size - offset), 0)
        if offset + want > self.held:
            msg = f"the file ends at byte {self._offset + self.held}, {offset + want - self.held} bytes too soon"
            raise OSError(msg)
        return want

    def _all_there(self, offset: int, want: int, got: int) -> None:
        if got < want:  # it was longer when it was opened
            still_there(Path(self._fh.name), self._offset + self.held)
            msg = f"the file gives {got} bytes at {self._offset + offset} instead of {want}"
            raise OSError(msg)

    def exactly(self, offset: int, length: int) -> bytes:
        """`length` bytes, or OSError."""
        if length > self.size - offset:
            msg = f"{length} bytes at {offset} lie beyond the end of the file ({self.size} bytes)"
            raise OSError(msg)
        return self.read_at(offset, length)

    def part(self, offset: int, size: int) -> FilePart:
        """A range of this range."""
        return FilePart(self._fh, self._offset + offset, size)


class Zeros:
    """Nothing but zeros."""

    def __init__(self, size: int) -> None:
        self.size = size

    def read_at(self, offset: int, length: int) -> bytes:
        """Zeros from `offset`; fewer only at the end."""
        return bytes(max(min(length, self.size - offset), 0))


class Hole(Zeros):
    """Bytes that are lost; reading them is an OSError that says why."""

    def __init__(self, size: int, why: str) -> None:
        super().__init__(size)
        self._why = why

    def read_at(self, offset: int, length: int) -> bytes:
        """Nothing beyond the end, else OSError."""
        if offset < self.size and length > 0:
            raise OSError(self._why)
        return b""


class Joined:
    """Readers one after the other."""

    def __init__(self, parts: Sequence[Reader]) -> None:
        self._parts, self._starts, self.size = parts, list[int](), 0
        for part in parts:
            self._starts.append(self.size)
            self.size += part.size

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes from `offset`; fewer only at the end."""
        end, out = min(offset + length, self.size), bytearray()
        while offset < end:
            index = bisect_right(self._starts, offset) - 1
            until = min(self._starts[index] + self._parts[index].size, end)
            out += self._parts[index].read_at(offset - self._starts[index], until - offset)
            offset = until
        return bytes(out)


class Words:
    """Integers of a file's tables, read in pages of which a few are kept. OSError beyond the end of the file."""

    def __init__(self, file: FilePart) -> None:
        self._file, self._pages = file, OrderedDict[int, bytes]()

    def at(self, offset: int, code: str) -> int:
        """One integer; `code` as `struct` has it, its size a power of two and `offset` a multiple of it."""
        page, within = divmod(offset, _PAGE)
        data = self._pages.get(page)
        if data is None:
            data = self._pages[page] = self._file.read_at(page * _PAGE, _PAGE)
            if len(self._pages) > _PAGES:
                self._pages.popitem(last=False)
        if within + struct.calcsize(code) > len(data):
            msg = f"a table entry at byte {offset} lies beyond the end of the file"
            raise OSError(msg)
        return int(struct.unpack_from(code, data, within)[0])


def stored(bits: bytes, first: int, count: int, order: Literal["big", "little"]) -> Iterator[tuple[bool, int, int]]:
    """Sectors of a bitmap from bit `first` on, in runs of the same kind: whether they are stored, start, end."""
    flags = np.unpackbits(np.frombuffer(bits, np.uint8), bitorder=order)[first : first + count]
    edges = [0, *(np.flatnonzero(np.diff(flags)) + 1).tolist(), len(flags)]
    for start, end in pairwise(edges):
        if start < end:
            yield bool(flags[start]), start, end


class BlockMedia(ABC):
    """Media of blocks that lie anywhere in a file; what a block leaves out comes from `below`, else it is zeros."""

    def __init__(self, size: int, block: int, below: Reader | None = None) -> None:
        if size < 0 or not 512 <= block <= 1 << 28:
            msg = f"impossible sizes: {size} bytes in blocks of {block}"
            raise OSError(msg)
        self.size, self.block, self._below = size, block, below
        self._unpacked = OrderedDict[int, bytes]()

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes from `offset`; fewer only at the end. OSError where they cannot be read."""
        end, out = min(offset + length, self.size), bytearray()
        while offset < end:
            index, skip = divmod(offset, self.block)
            count = min(self.block - skip, end - offset)
            piece = self.piece(index, skip, count)
            if len(piece) != count:
                msg = f"block {index} gives {len(piece)} bytes instead of {count}"
                raise OSError(msg)
            out += piece
            offset += count
        return bytes(out)

    @abstractmethod
    def piece(self, index: int, skip: int, count: int) -> bytes:
        """`count` bytes of a block from `skip` on, all within the block."""

    def absent(self, index: int, skip: int, count: int) -> bytes:
        """What a block that is not stored holds: the bytes of the disk below, zeros beyond its end."""
        if self._below is None:
            return bytes(count)
        return self._below.read_at(index * self.block + skip, count).ljust(count, b"\0")

    def kept(self, index: int) -> bytes | None:
        """A block unpacked before."""
        return self._unpacked.get(index)

    def keep(self, index: int, data: bytes) -> bytes:
        """Remember an unpacked block; the oldest are forgotten."""
        self._unpacked[index] = data
        while len(self._unpacked) > max(2, _UNPACKED // self.block):
            self._unpacked.popitem(last=False)
        return data
