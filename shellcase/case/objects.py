"""The object store: content-addressed bytes under names that only we choose.

Scripts and PE files up to 64 MiB lie in CaRT, so that an antivirus does not eat the evidence; everything else lies raw
and without extension. The name is always the SHA-256 of the bytes as found. Files are written under a temporary name,
hashed while written, read back and compared, then renamed and made read-only.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
import tempfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import cart
from msgspec import Struct

from shellcase.errors import IntegrityError
from shellcase.model import Item

_CART_CLASSES = frozenset({"script", "pe"})
_CART_LIMIT = 64 << 20
_CHUNK = 1 << 20


class StoredObject(Struct, frozen=True, kw_only=True):
    """What was stored: digests of the bytes as found, and where they lie below data/evidence."""

    size: int
    md5: str
    sha1: str
    sha256: str
    object: str | None
    stored_as: str


class Hashes:
    """MD5, SHA-1 and SHA-256 in one pass."""

    def __init__(self) -> None:
        self.size = 0
        self._all = [hashlib.md5(usedforsecurity=False), hashlib.sha1(usedforsecurity=False), hashlib.sha256()]

    def update(self, chunk: bytes) -> None:
        """Take in the next bytes."""
        self.size += len(chunk)
        for digest in self._all:
            digest.update(chunk)

    def stored(self, name: str | None, stored_as: str) -> StoredObject:
        """The record of what went through."""
        md5, sha1, sha256 = (d.hexdigest() for d in self._all)
        return StoredObject(size=self.size, md5=md5, sha1=sha1, sha256=sha256, object=name, stored_as=stored_as)

    @property
    def sha256(self) -> str:
        """The identity of the bytes."""
        return self._all[2].hexdigest()


def hash_only(chunks: Iterable[bytes]) -> StoredObject:
    """Digests of bytes that stay in the source."""
    hashes = Hashes()
    for chunk in chunks:
        hashes.update(chunk)
    return hashes.stored(None, "held")


class ObjectStore:
    """Writes objects below `data/evidence/objects`. `sync` makes all written so far durable."""

    def __init__(self, evidence: Path) -> None:
        self._evidence = evidence
        self._root = evidence / "objects"
        self._pending: list[Path] = []

    def put(self, chunks: Iterable[bytes], cls: str) -> StoredObject:
        """Store bytes of a class once; raises IntegrityError when the disk gives back other bytes."""
        self._root.mkdir(parents=True, exist_ok=True)
        hashes = Hashes()
        handle, name = tempfile.mkstemp(prefix="part-", dir=self._root)
        temp = Path(name)
        try:
            with os.fdopen(handle, "wb") as out:
                for chunk in chunks:
                    hashes.update(chunk)
                    out.write(chunk)
            as_cart = cls in _CART_CLASSES and hashes.size <= _CART_LIMIT
            stored = self._settle(temp, hashes, as_cart=as_cart)
        finally:
            temp.unlink(missing_ok=True)
        return stored

    def _settle(self, temp: Path, hashes: Hashes, *, as_cart: bool) -> StoredObject:
        sha256 = hashes.sha256
        if _file_sha256(temp) != sha256:
            raise IntegrityError("bytes read back differ from bytes written", str(temp), "check the disk of the case")
        name = f"objects/{sha256[:2]}/{sha256}" + (".cart" if as_cart else "")
        final = self._evidence / name
        if not final.exists():
            final.parent.mkdir(exist_ok=True)
            if as_cart:
                _to_cart(temp)
            temp.chmod(0o444)
            temp.replace(final)
            self._pending.append(final)
        return hashes.stored(name, "cart" if as_cart else "raw")

    def holds(self, name: str) -> bool:
        """Whether an object is there with the bytes its name says; one that is not is taken away."""
        path = self._evidence / name
        if not path.exists():
            return False
        found = _unpacked_sha256(path) if path.suffix == ".cart" else _file_sha256(path)
        if found != path.name.partition(".")[0]:
            path.unlink()
            return False
        return True

    def sync(self) -> None:
        """Make what was put durable; their journal lines may be written afterwards, never before."""
        if hasattr(os, "sync") and len(self._pending) > 8:
            os.sync()
        else:
            for path in self._pending:
                _fsync(path)
        self._pending.clear()

    def sweep(self) -> int:
        """Remove the unfinished files of an interrupted run; return how many."""
        parts = sorted(self._root.glob("part-*"))
        for part in parts:
            part.unlink()
        return len(parts)


def _fsync(path: Path) -> None:
    # Windows flushes only handles that may write, and the object is read-only by now; its rename is enough there.
    if os.name == "nt":
        return
    with path.open("rb") as fh:
        os.fsync(fh.fileno())


def _file_sha256(path: Path) -> str:
    with path.open("rb") as fh:
        return hashlib.file_digest(fh, "sha256").hexdigest()


def _unpacked_sha256(path: Path) -> str:
    plain = io.BytesIO()
    try:
        cart.unpack_stream(io.BytesIO(path.read_bytes()), plain)
    except (cart.InvalidCARTException, struct.error, zlib.error, ValueError, KeyError, EOFError):
        return ""
    return hashlib.sha256(plain.getvalue()).hexdigest()


def _to_cart(path: Path) -> None:
    """Neutralise a file in place."""
    packed = io.BytesIO()
    cart.pack_stream(io.BytesIO(path.read_bytes()), packed)
    path.write_bytes(packed.getvalue())


def open_object(evidence: Path, item: Item) -> BinaryIO:
    """The bytes of an item as the parsers see them. Raises IntegrityError when the object is gone."""
    if item.object is None:
        raise IntegrityError(f"{item.item} was held in the source and has no object", item.path)
    path = evidence / item.object
    if not path.exists():
        todo = "verify the case; an antivirus may have removed it" if item.stored_as == "cart" else "verify the case"
        raise IntegrityError(f"the object of {item.item} is missing", str(path), todo)
    if item.stored_as == "cart":
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
