"""Memory for large reads that is used again once nobody looks at it any more.

A fresh megabyte for every read costs the kernel more than the read. A buffer begins on a page, so that it can go to the
disk as it is.
"""

from __future__ import annotations

import mmap
import sys
from typing import Protocol, runtime_checkable

SIZE = 1 << 20
_MOST = 48


@runtime_checkable
class Filling(Protocol):
    """A reader that can read into memory that is there."""

    def read_into(self, offset: int, view: memoryview) -> int | None:
        """Bytes read, fewer only at the end; None when it must be asked for bytes. OSError where it cannot be read."""
        ...


class Buffers:
    """Up to 48 MiB. Not for several threads that read; the views may go to others."""

    def __init__(self) -> None:
        self._all: list[mmap.mmap] = []

    def read(self, reader: object, offset: int, length: int) -> memoryview | None:
        """A piece of exactly SIZE; None when the reader or the memory has none, and for other lengths."""
        if length != SIZE or not isinstance(reader, Filling):
            return None
        view = self._free()
        if view is None or reader.read_into(offset, view) != SIZE:
            return None
        return view

    def _free(self) -> memoryview | None:
        """A buffer without views: each view holds a reference to it."""
        for n in range(len(self._all)):
            if _references(self._all, n) == _ALONE:
                return memoryview(self._all[n])
        if len(self._all) == _MOST:
            return None
        self._all.append(mmap.mmap(-1, SIZE))
        return memoryview(self._all[-1])


def _references(buffers: list[mmap.mmap], index: int) -> int:
    return sys.getrefcount(buffers[index])


_ALONE = _references([mmap.mmap(-1, 1)], 0)
"""What is counted for a buffer that only its list holds; interpreters count differently."""
