"""Bytes at offsets: the decoded media of an image, and volumes as windows of it. Reading only."""

from __future__ import annotations

import hashlib
import struct
import zlib
from bisect import bisect_right
from collections.abc import Sequence
from typing import BinaryIO, Protocol

from collector.runs import Reader

READER_FAULTS = (
    OSError, EOFError, ValueError, IndexError, KeyError, TypeError, AttributeError, ArithmeticError, struct.error,
    zlib.error,
)  # fmt: skip
"""What container readers written by others raise on damaged input; becomes OSError here, once."""


_MOST_MISSING = 100_000


class Seekable(Protocol):
    """What a container reader offers."""

    def seek(self, offset: int, /) -> int:
        """Move to an offset."""
        ...

    def read(self, length: int, /) -> bytes:
        """Read from there."""
        ...


class StreamMedia:
    """A file-like object as media."""

    def __init__(self, fh: Seekable, size: int) -> None:
        self._fh, self.size = fh, size

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes from `offset`; fewer only at the end."""
        if offset >= self.size:
            return b""
        try:
            self._fh.seek(offset)
            return self._fh.read(min(length, self.size - offset))
        except READER_FAULTS as error:
            msg = f"the container cannot give {length} bytes at {offset}: {type(error).__name__} {error}"
            raise OSError(msg) from error


class SplitMedia:
    """The files of a split raw image, one after the other; a missing part is a hole as long as the first part."""

    def __init__(self, parts: Sequence[tuple[int, BinaryIO]]) -> None:
        self.missing: list[int] = []
        self._starts, self._files = list[int](), list[BinaryIO | None]()
        self.size, usual = 0, 0
        for number, file in parts:
            while self._files and number > parts[0][0] + len(self._files) and len(self.missing) < _MOST_MISSING:
                self.missing.append(parts[0][0] + len(self._files))
                self._add(None, usual)
            self._add(file, file.seek(0, 2))
            usual = usual or self.size

    def _add(self, file: BinaryIO | None, size: int) -> None:
        self._starts.append(self.size)
        self._files.append(file)
        self.size += size

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes from `offset`; fewer only at the end. OSError in a missing part."""
        end, out = min(offset + length, self.size), bytearray()
        while offset < end:
            index = bisect_right(self._starts, offset) - 1
            until = self._starts[index + 1] if index + 1 < len(self._starts) else self.size
            out += self._piece(index, offset, min(end, until) - offset)
            offset = min(end, until)
        return bytes(out)

    def _piece(self, index: int, offset: int, length: int) -> bytes:
        file = self._files[index]
        if file is None:
            raise OSError("they lie in a part that is missing")
        file.seek(offset - self._starts[index])
        return file.read(length)


class Window:
    """A part of the media: a volume."""

    def __init__(self, media: Reader, offset: int, size: int) -> None:
        self._media, self._offset = media, offset
        self.size = max(min(size, media.size - offset), 0)

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes of the volume; fewer only at its end."""
        if offset >= self.size:
            return b""
        return self._media.read_at(self._offset + offset, min(length, self.size - offset))


_MIB = 1 << 20
_STEP = 32768


def fingerprint_of(media: Reader) -> str:
    """SHA-256 of the size (8 bytes, little-endian), the first and the last MiB, as hex.

    Bytes that cannot be decoded count as nothing: the same damaged copy still gets the same value.
    """
    digest = hashlib.sha256(struct.pack("<Q", media.size))
    for offset in (0, max(media.size - _MIB, 0)):
        digest.update(try_read(media, offset, _MIB))
    return digest.hexdigest()


def try_read(media: Reader, offset: int, length: int) -> bytes:
    """What can be read of a range; pieces that cannot are left out."""
    out = bytearray()
    end = min(offset + length, media.size)
    for at in range(offset, end, _STEP):
        try:
            out += media.read_at(at, min(_STEP, end - at))
        except OSError:
            continue
    return bytes(out)
