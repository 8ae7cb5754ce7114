"""Bytes at offsets: the decoded media of an image, and volumes as windows of it. Reading only."""

from __future__ import annotations

import hashlib
import struct
import zlib
from typing import Protocol

from collector.runs import Reader

READER_FAULTS = (
    OSError, EOFError, ValueError, IndexError, KeyError, TypeError, AttributeError, ArithmeticError, struct.error,
    zlib.error,
)  # fmt: skip
"""What container readers written by others raise on damaged input; becomes OSError here, once."""


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
