"""Bytes at offsets: the decoded media of an image, and volumes as windows of it. Reading only."""

from __future__ import annotations

import hashlib
import struct
import zlib
from typing import Protocol

from collector.buffers import Filling
from collector.runs import Reader

READER_FAULTS = (
    OSError, EOFError, ValueError, IndexError, KeyError, TypeError, AttributeError, ArithmeticError, struct.error,
    zlib.error, RuntimeError, MemoryError, AssertionError,
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
    """A file-like object as media. What its reader raises is an OSError here, and so is a short read."""

    def __init__(self, fh: Seekable, size: int) -> None:
        self._fh, self.size = fh, size

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes from `offset`; fewer only at the end."""
        if offset >= self.size:
            return b""
        want = min(length, self.size - offset)
        try:
            self._fh.seek(offset)
            data = self._fh.read(want)
        except READER_FAULTS as error:
            msg = f"the reader cannot give {length} bytes at {offset}: {type(error).__name__} {error}"
            raise OSError(msg) from error
        if len(data) != want:
            msg = f"the reader gives {len(data)} bytes at {offset} instead of {want}"
            raise OSError(msg)
        return data


class StrictFile:
    """Media as the file that decrypting libraries ask for; a read that cannot be met whole is an error."""

    def __init__(self, media: Reader) -> None:
        self._media, self.size, self._at = media, media.size, 0

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to an offset."""
        self._at = (0, self._at, self.size)[whence] + offset
        return self._at

    def tell(self) -> int:
        """Where it stands."""
        return self._at

    def read(self, length: int) -> bytes:
        """Exactly `length` bytes. EOFError where there are fewer, OSError where they cannot be read."""
        if length < 0 or self._at < 0 or self._at + length > self.size:
            msg = f"{length} bytes at {self._at} lie beyond the end of the volume ({self.size} bytes)"
            raise EOFError(msg)
        data = self._media.read_at(self._at, length)
        self._at += len(data)
        return data


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

    def read_into(self, offset: int, view: memoryview) -> int | None:
        """The same into memory that is there, where the media can; None where it cannot."""
        if offset >= self.size or not isinstance(self._media, Filling):
            return None
        return self._media.read_into(self._offset + offset, view[: self.size - offset])


_MIB = 1 << 20
_STEP = 32768


def fingerprint_of(media: Reader, end: int = 0) -> str:
    """SHA-256 of the size (8 bytes, little-endian), the first and the last MiB, as hex.

    All up to `end`, where the last volume ends, if that is known: some containers round the size of the disk up (VHD
    to whole cylinders), and the same disk shall have the same value in each. Bytes that cannot be decoded count as
    nothing: the same damaged copy still gets the same value.
    """
    end = min(end, media.size) if end > 0 else media.size
    digest = hashlib.sha256(struct.pack("<Q", end))
    for start, stop in ((0, min(_MIB, end)), (max(end - _MIB, 0), end)):
        digest.update(try_read(media, start, stop - start))
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
