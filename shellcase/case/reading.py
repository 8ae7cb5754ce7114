"""Reading objects back: the bytes of an item as the parsers see them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from shellcase.errors import IntegrityError
from shellcase.model import Item


def open_object(evidence: Path, item: Item) -> BinaryIO:
    """The bytes of an item as the parsers see them. Raises IntegrityError when the object is gone."""
    if item.object is None:
        raise IntegrityError(f"{item.item} was held in the source and has no object", item.path)
    path = evidence / item.object
    if not path.exists():
        todo = "verify the case; an antivirus may have removed it" if item.stored_as == "cart" else "verify the case"
        raise IntegrityError(f"the object of {item.item} is missing", str(path), todo)
    if item.stored_as == "cart":
        import cart  # brings a package for C, which few artefacts need

        plain = io.BytesIO()
        cart.unpack_stream(io.BytesIO(path.read_bytes()), plain)
        plain.seek(0)
        return plain
    if item.stored_as == "skeleton" and item.extents is not None:
        return io.BufferedReader(SparseReader(path.open("rb"), item.extents, item.size))
    return path.open("rb")


class SparseReader(io.RawIOBase):
    """A file of which only some extents were kept; the rest reads as zeros."""

    def __init__(self, stored: BinaryIO, extents: tuple[tuple[int, int], ...], size: int) -> None:
        super().__init__()
        self._stored, self._size, self._at = stored, size, 0
        self._map: list[tuple[int, int, int]] = []
        base = 0
        for offset, length in extents:
            self._map.append((offset, length, base))
            base += length

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move like any file."""
        self._at = max(0, offset + {0: 0, 1: self._at, 2: self._size}[whence])
        return self._at

    def readinto(self, buffer: object) -> int:
        """Fill the buffer with kept bytes and zeros."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        want = max(0, min(len(view), self._size - self._at))
        view[:want] = bytes(want)
        for offset, length, base in self._map:
            low, high = max(offset, self._at), min(offset + length, self._at + want)
            if low < high:
                self._stored.seek(base + low - offset)
                view[low - self._at : high - self._at] = self._stored.read(high - low)
        self._at += want
        return want

    def close(self) -> None:
        """Close the stored file too."""
        self._stored.close()
        super().close()


@dataclass(frozen=True, slots=True)
class ObjectSource:
    """An item of a case as a `model.Source`; `scratch` is where plain copies for path-bound libraries go."""

    evidence: Path
    item: Item
    scratch: Path

    @property
    def artifact_id(self) -> str:
        """See model.Source."""
        return self.item.artifact_id

    @property
    def path(self) -> str:
        """Original path; a stream as `file:stream`."""
        return f"{self.item.path}:{self.item.stream}" if self.item.stream else self.item.path

    @property
    def size(self) -> int:
        """Bytes that `open` gives."""
        if self.item.extents is not None and self.item.stored_as != "skeleton":
            return sum(length for _, length in self.item.extents)
        return self.item.size

    @property
    def state(self) -> str:
        """Live, recovered or snapshot."""
        return self.item.state

    def open(self) -> BinaryIO:
        """The bytes as found."""
        return open_object(self.evidence, self.item)

    def local_path(self) -> Path:
        """The object itself where it lies raw, else a plain copy in the scratch folder."""
        if self.item.stored_as == "raw" and self.item.object is not None:
            return self.evidence / self.item.object
        copy = self.scratch / self.item.artifact_id
        if not copy.exists():
            with self.open() as fh:
                copy.write_bytes(fh.read())
        return copy
