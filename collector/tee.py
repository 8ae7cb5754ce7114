"""Files of a source, hashed while they are read: each byte is read once, whatever else is done with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from collector import hashstate
from collector.ewf import open_segment

READ_AHEAD = 8 << 20
_FAR = 64 << 20


class FileDigest(Struct, frozen=True):
    """A file of the source."""

    name: str
    size: int
    sha256: str


def digest_of(path: Path) -> FileDigest:
    """A file of the source, read whole."""
    digest, size = hashstate.new("sha256"), 0
    with open_segment(path) as fh:
        while block := fh.read(READ_AHEAD):
            digest.update(block)
            size += len(block)
    return FileDigest(path.name, size, digest.hexdigest())


@dataclass
class Tee:
    """A segment file, read in order and hashed on the way; what lies behind the reading is read once more."""

    path: Path
    begun: tuple[int, str] | None
    at: int = 0
    buffer: bytes = b""
    handle: BinaryIO | None = None
    digest: hashstate.Digest = field(init=False)

    def __post_init__(self) -> None:
        old = hashstate.restored("sha256", self.begun[1]) if self.begun else None
        self.digest = old or hashstate.new("sha256")
        self.at = self.begun[0] if self.begun and old else 0

    def _next(self) -> bytes:
        """The next bytes of the file, hashed."""
        if self.handle is None:
            self.handle = open_segment(self.path)
            self.handle.seek(self.at)
        block = self.handle.read(READ_AHEAD)
        self.digest.update(block)
        self.at += len(block)
        return block

    def read(self, offset: int, length: int) -> bytes:
        """Bytes at an offset; fewer only at the end of the file."""
        begin = self.at - len(self.buffer)
        if offset < begin or offset > self.at + _FAR:
            return self._aside(offset, length)
        while self.at < offset + length:
            keep = self.buffer[max(offset - begin, 0) :] if offset < self.at else b""
            block = self._next()
            if not block:
                break
            self.buffer = keep + block
            begin = self.at - len(self.buffer)
        low = offset - (self.at - len(self.buffer))
        return self.buffer[low : low + length] if low >= 0 else b""

    def _aside(self, offset: int, length: int) -> bytes:
        with open_segment(self.path) as fh:
            fh.seek(offset)
            return fh.read(length)

    def save(self) -> tuple[int, str]:
        """Where the hash of this file is."""
        return self.at, self.digest.save()

    def close(self) -> None:
        """Release the file."""
        if self.handle:
            self.handle.close()
            self.handle = None

    def drain(self) -> None:
        """Hash the rest and release the file: what comes next lies elsewhere."""
        while self._next():
            pass
        self.buffer = b""
        self.close()

    def finish(self) -> FileDigest:
        """Hash the rest and tell the digest."""
        self.drain()
        return FileDigest(self.path.name, self.at, self.digest.hexdigest())
