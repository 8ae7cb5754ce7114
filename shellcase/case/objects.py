"""The object store: content-addressed bytes under names that only we choose.

Scripts and PE files up to 64 MiB lie in CaRT, so that an antivirus does not eat the evidence; everything else lies raw
and without extension. The name is always the SHA-256 of the bytes as found. Files are written under a temporary name,
hashed while written, read back and hashed again, then renamed; they are read-only from the start. `sync` makes them
durable; no line about an object is written before.

Paths are texts here: a path object costs more than the call it is made for, three thousand times in a row.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import chain
from pathlib import Path

from shellcase.case.digests import Chunk, Hashes, Lanes, StoredObject, hash_only
from shellcase.case.writing import CheckedFile
from shellcase.errors import IntegrityError

_CART_CLASSES = frozenset({"script", "pe"})
_CART_LIMIT = 64 << 20
_FOLDER = len("objects/00")
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


class ObjectStore:
    """Writes objects below `data/evidence/objects`. `sync` makes all written so far durable."""

    def __init__(self, evidence: Path) -> None:
        self._evidence, self._objects = str(evidence), evidence / "objects"
        self._pending: list[str] = []
        self._sound: set[str] = set()
        self._folders: set[str] = set()
        self._counter = itertools.count()

    @cached_property
    def _lanes(self) -> Lanes:
        return Lanes()

    def put(self, chunks: Iterable[Chunk], cls: str) -> StoredObject:
        """Store bytes of a class once. IntegrityError when the disk gives back other bytes."""
        stream = iter(chunks)
        most = _CART_LIMIT if cls in _CART_CLASSES else 0
        head, size = list[Chunk](), 0
        for chunk in stream:
            head.append(chunk)
            size += len(chunk)
            if size > most and len(head) > 1:
                return self._put_large(chain(head, stream))
        return self._put_small(head[0] if len(head) == 1 else b"".join(head), pack=bool(most) and size <= most)

    def hash_only(self, chunks: Iterable[Chunk]) -> StoredObject:
        """Digests of bytes that stay in the source."""
        return hash_only(chunks, self._lanes)

    def _put_small(self, data: Chunk, *, pack: bool) -> StoredObject:
        hashes = Hashes(data)
        name = _name(hashes.sha256, packed=pack)
        if self._is_new(name):
            self._write(data, hashes.sha256, name, pack=pack)
        return hashes.stored(name, "cart" if pack else "raw")

    def _write(self, data: Chunk, sha256: str, name: str, *, pack: bool) -> None:
        """A small object: written, read back, renamed."""
        content = _packed(data) if pack else data
        temp = self._temp(name)
        handle = os.open(temp, _NEW, 0o444)
        try:
            _write_all(handle, content)
            back = _read_all(handle, len(content) + 1)
        finally:
            os.close(handle)
        if (back != content) if pack else (hashlib.sha256(back).hexdigest() != sha256):
            raise _differs(temp)
        self._rename(temp, name)

    def _put_large(self, chunks: Iterator[Chunk]) -> StoredObject:
        hashes, temp = Hashes(), self._temp("")
        file = CheckedFile(temp)
        try:
            self._lanes.feed(chunks, [hashes.md5.update], [hashes.others], [file.write, file.check])
            back = file.finish()
        except BaseException:
            file.close()
            _remove(Path(temp))
            raise
        file.close()
        if back != hashes.sha256:
            raise _differs(temp)
        name = _name(back, packed=False)
        if self._is_new(name):
            self._rename(temp, name)
        else:
            _remove(Path(temp))
        return hashes.stored(name, "raw")

    # -- names ----------------------------------------------------------------------------------------------------

    def _temp(self, name: str) -> str:
        """A new name, in the folder where the object will lie as far as its name is known."""
        return f"{self._folder(name[:_FOLDER] or 'objects')}/part-{os.getpid()}-{next(self._counter)}"

    def _folder(self, name: str) -> str:
        path = f"{self._evidence}/{name}"
        if name not in self._folders:
            os.makedirs(path, exist_ok=True)  # noqa: PTH103
            self._folders.add(name)
        return path

    def _rename(self, temp: str, name: str) -> None:
        final = f"{self._folder(name[:_FOLDER])}{name[_FOLDER:]}"
        os.replace(temp, final)  # noqa: PTH105
        self._sound.add(name)
        self._pending.append(final)

    def _is_new(self, name: str) -> bool:
        """Whether an object must be written; one that an earlier run left is read before it is trusted."""
        if name in self._left and name not in self._sound and self.holds(name):
            self._sound.add(name)
        return name not in self._sound

    @cached_property
    def _left(self) -> set[str]:
        """Objects of earlier runs."""
        return {f"objects/{p.parent.name}/{p.name}" for p in self._objects.glob("[0-9a-f][0-9a-f]/*")}

    # -- what is there --------------------------------------------------------------------------------------------

    def holds(self, name: str) -> bool:
        """Whether an object is there with the bytes its name says; one that is not is taken away."""
        path = Path(self._evidence, name)
        if not path.exists():
            return False
        found = _packed_sha256(path) if path.suffix == ".cart" else _file_sha256(path)
        if found != path.name.partition(".")[0]:
            _remove(path)
            return False
        return True

    def drop(self, name: str) -> None:
        """Take an object away that no artefact has any more."""
        path = Path(self._evidence, name)
        self._sound.discard(name)
        if path.exists():
            _remove(path)

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
        parts = sorted((*self._objects.glob("part-*"), *self._objects.glob("[0-9a-f][0-9a-f]/part-*")))
        for part in parts:
            _remove(part)
        return len(parts)


def _name(sha256: str, *, packed: bool) -> str:
    return f"objects/{sha256[:2]}/{sha256}" + (".cart" if packed else "")


def _differs(path: str) -> IntegrityError:
    return IntegrityError("bytes read back differ from bytes written", path, "check the disk of the case")


def _write_all(handle: int, content: Chunk) -> None:
    done = os.write(handle, content)
    while done < len(content):
        done += os.write(handle, memoryview(content)[done:])


def _read_all(handle: int, limit: int) -> bytes:
    """A file from its beginning."""
    os.lseek(handle, 0, os.SEEK_SET)
    data = os.read(handle, limit)
    while len(data) < limit and (part := os.read(handle, limit - len(data))):
        data += part
    return data


def _remove(path: Path) -> None:
    """Windows refuses to remove what is read-only."""
    if os.name == "nt":
        path.chmod(0o666)
    path.unlink()


def _fsync(path: str) -> None:
    # Windows flushes only handles that may write, and the object is read-only by now; its rename is enough there.
    if os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _file_sha256(path: Path) -> str:
    with path.open("rb") as fh:
        return hashlib.file_digest(fh, "sha256").hexdigest()


def _packed_sha256(path: Path) -> str:
    """Of the bytes as found; empty where the file is not just as we pack them, even if they could be unpacked."""
    import cart  # brings a package for C; few processes pack or unpack

    plain, raw = io.BytesIO(), path.read_bytes()
    try:
        cart.unpack_stream(io.BytesIO(raw), plain)
    except (cart.InvalidCARTException, struct.error, zlib.error, ValueError, KeyError, EOFError):
        return ""
    data = plain.getvalue()
    return hashlib.sha256(data).hexdigest() if _packed(data) == raw else ""


def _packed(data: Chunk) -> bytes:
    import cart

    packed = io.BytesIO()
    cart.pack_stream(io.BytesIO(data), packed)
    return packed.getvalue()
