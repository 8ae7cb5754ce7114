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
import sys

_PIECE = 1 << 20
_ROOM = 64 << 20
_BLOCK = 4096
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_BACK = os.O_RDONLY | getattr(os, "O_BINARY", 0)
_DIRECT = getattr(os, "O_DIRECT", 0)
_UNABLE = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)
"""How file systems say that they have no direct access."""


class CheckedFile:
    """A new read-only file. `write` and `check` may run side by side, each in the order of the chunks."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._writer, self._direct = self._open(_NEW, _DIRECT)
        self._reader: io.FileIO | None = None
        self._out, self._in = mmap.mmap(-1, _PIECE), mmap.mmap(-1, _PIECE)  # begin on a page, as direct access wants
        self._filled = self._written = self._checked = self._room = 0
        self._digest = hashlib.sha256()

    def _open(self, flags: int, direct: int) -> tuple[int, int]:
        """A handle, and whether it passes the cache by."""
        try:
            return os.open(self._path, flags | direct, 0o444), direct
        except OSError as error:
            if not direct or error.errno not in _UNABLE:
                raise
        if flags & os.O_CREAT:  # some have made the file before they refuse
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path)  # noqa: PTH108
        return os.open(self._path, flags, 0o444), 0

    def write(self, chunk: bytes | memoryview) -> None:
        """Take the next bytes. Whole pages of a `mmap` of this piece's length are written from where they are."""
        view = memoryview(chunk)
        if not self._filled and view.nbytes == _PIECE and isinstance(view.obj, mmap.mmap) and len(view.obj) == _PIECE:
            self._flush(view, _PIECE)
            return
        while view:
            count = min(len(view), _PIECE - self._filled)
            self._out[self._filled : self._filled + count] = view[:count]
            self._filled += count
            view = view[count:]
            if self._filled == _PIECE:
                self._flush_filled(_PIECE)

    def _flush_filled(self, padded: int) -> None:
        with memoryview(self._out) as whole:
            self._flush(whole[:padded], self._filled)
        self._filled = 0

    def _flush(self, view: memoryview, length: int) -> None:
        """Write a piece of which `length` bytes count."""
        try:
            self._write_out(view)
        except OSError as error:
            if not self._direct or self._written or error.errno not in _UNABLE:
                raise
            self._begin_again()
            self._write_out(view)
        self._written += length

    def _write_out(self, view: memoryview) -> None:
        if self._direct and self._written + len(view) > self._room:
            self._make_room()
        done = 0
        while done < len(view):
            done += os.write(self._writer, view[done:])

    def _make_room(self) -> None:
        """Let the file be longer than what was written: direct writes that lengthen it shut out the reading back."""
        try:
            os.posix_fallocate(self._writer, self._room, _ROOM)
            self._room += _ROOM
        except OSError:  # not known to this file system, or too much for the disk: the writing itself will tell
            self._room = sys.maxsize

    def _begin_again(self) -> None:
        """The file system opens for direct access, but does not write."""
        os.close(self._writer)
        os.unlink(self._path)  # noqa: PTH108
        self._writer, self._direct = self._open(_NEW, 0)

    def check(self, _chunk: bytes | memoryview) -> None:
        """Read back whole pieces that were written."""
        while self._checked + _PIECE <= self._written:
            self._read_back()

    def _read_back(self) -> int:
        if self._reader is None:
            self._reader = io.FileIO(self._open(_BACK, self._direct)[0], "rb")
        count = self._reader.readinto(self._in) or 0
        with memoryview(self._in) as whole:
            self._digest.update(whole[:count])
        self._checked += count
        return count

    def finish(self) -> str:
        """Write and read back the rest; the SHA-256 of what the file gave back, empty if it has another length."""
        size = self._written + self._filled
        if self._filled:
            self._flush_filled(-(-self._filled // _BLOCK) * _BLOCK if self._direct else self._filled)
        os.truncate(self._writer, size)
        while self._checked < size and self._read_back():
            pass
        return self._digest.hexdigest() if os.fstat(self._writer).st_size == self._checked else ""

    def close(self) -> None:
        """Release the file."""
        if self._reader:
            self._reader.close()
        os.close(self._writer)
