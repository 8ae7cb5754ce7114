"""One large object on its way to the disk: written piece by piece, and read back behind the writing.

Where the system has O_DIRECT, both pass the page cache by: what is read back is what the disk holds, not what memory
remembers, and the bytes are on the disk before the file is closed. Elsewhere both are plain writes and reads.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import mmap
import os

_PIECE = 1 << 20
_BLOCK = 4096
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_BACK = os.O_RDONLY | getattr(os, "O_BINARY", 0)
_DIRECT = getattr(os, "O_DIRECT", 0)
_UNABLE = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)
"""How file systems say that they have no direct access."""


class CheckedFile:
    """A new read-only file. `write` and `check` may run side by side, each in the order of the chunks."""

    def __init__(self, path: str) -> None:
        self._path, self._direct = path, _DIRECT
        self._writer = self._open(_NEW)
        self._reader: io.FileIO | None = None
        self._out, self._in = mmap.mmap(-1, _PIECE), mmap.mmap(-1, _PIECE)  # begin on a page, as direct access wants
        self._filled = self._written = self._checked = 0
        self._digest = hashlib.sha256()

    def _open(self, flags: int) -> int:
        try:
            return os.open(self._path, flags | self._direct, 0o444)
        except OSError as error:
            if not self._direct or error.errno not in _UNABLE:
                raise
        self._direct = 0
        if flags & os.O_CREAT:  # some have made the file before they refuse
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path)  # noqa: PTH108
        return os.open(self._path, flags, 0o444)

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""
        view = memoryview(chunk)
        while view:
            count = min(len(view), _PIECE - self._filled)
            self._out[self._filled : self._filled + count] = view[:count]
            self._filled += count
            view = view[count:]
            if self._filled == _PIECE:
                self._flush(_PIECE)

    def _flush(self, length: int) -> None:
        try:
            self._write_out(length)
        except OSError as error:
            if not self._direct or self._written or error.errno not in _UNABLE:
                raise
            self._begin_again()
            self._write_out(length)
        self._written += self._filled
        self._filled = 0

    def _write_out(self, length: int) -> None:
        with memoryview(self._out) as whole:
            done = 0
            while done < length:
                done += os.write(self._writer, whole[done:length])

    def _begin_again(self) -> None:
        """The file system opens for direct access, but does not write."""
        os.close(self._writer)
        os.unlink(self._path)  # noqa: PTH108
        self._direct = 0
        self._writer = self._open(_NEW)

    def check(self, _chunk: bytes) -> None:
        """Read back whole pieces that were written."""
        while self._checked + _PIECE <= self._written:
            self._read_back()

    def _read_back(self) -> int:
        if self._reader is None:
            self._reader = io.FileIO(self._open(_BACK), "rb")
        count = self._reader.readinto(self._in) or 0
        with memoryview(self._in) as whole, whole[:count] as part:
            self._digest.update(part)
        self._checked += count
        return count

    def finish(self) -> str:
        """Write and read back the rest; the SHA-256 of what the file gave back."""
        size = self._written + self._filled
        if self._filled:
            self._flush(-(-self._filled // _BLOCK) * _BLOCK if self._direct else self._filled)
        os.truncate(self._writer, size)
        while self._checked < size and self._read_back():
            pass
        if os.fstat(self._writer).st_size != self._checked:
            return ""
        return self._digest.hexdigest()

    def close(self) -> None:
        """Release the file."""
        if self._reader:
            self._reader.close()
        os.close(self._writer)
