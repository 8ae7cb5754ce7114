"""The object store: content-addressed bytes under names that only we choose.

Scripts and PE files up to 64 MiB lie in CaRT, so that an antivirus does not eat the evidence; everything else lies raw
and without extension. The name is always the SHA-256 of the bytes as found. Files are written under a temporary name,
hashed while written, read back and compared, then renamed; they are read-only from the start. Reading back goes on
beside the next artefact: `sync` waits for it, and no line about an object is written before.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import struct
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from itertools import chain
from pathlib import Path

import cart

from shellcase.case.digests import Hashes, Lanes, StoredObject, hash_only
from shellcase.errors import IntegrityError

_CART_CLASSES = frozenset({"script", "pe"})
_CART_LIMIT = 64 << 20
_WAITING_FILES, _WAITING_BYTES = 256, 64 << 20
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


class ObjectStore:
    """Writes objects below `data/evidence/objects`. `sync` makes all written so far durable."""

    def __init__(self, evidence: Path) -> None:
        self._evidence = evidence
        self._root = evidence / "objects"
        self._pending: list[Path] = []
        self._sound: set[str] = set()
        self._folders: set[str] = set()
        self._counter = itertools.count()
        self._later: deque[tuple[int, Future[None]]] = deque()
        self._later_bytes = 0

    @cached_property
    def _lanes(self) -> Lanes:
        return Lanes(3)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(2)

    def put(self, chunks: Iterable[bytes], cls: str) -> StoredObject:
        """Store bytes of a class once. IntegrityError, now or in `sync`, when the disk gives back other bytes."""
        stream = iter(chunks)
        head = list(itertools.islice(stream, 2))
        if len(head) < 2:
            return self._put_small(b"".join(head), cls)
        return self._put_large(chain(head, stream), cls)

    def hash_only(self, chunks: Iterable[bytes]) -> StoredObject:
        """Digests of bytes that stay in the source."""
        return hash_only(chunks, self._lanes)

    def _put_small(self, data: bytes, cls: str) -> StoredObject:
        hashes = Hashes()
        hashes.update(data)
        as_cart = _is_cart(cls, len(data))
        name = _name(hashes.sha256, as_cart=as_cart)
        if self._is_new(name):
            packed = _packed(data) if as_cart else data
            self._do_later(len(packed), self._write, packed, name)
        return hashes.stored(name, "cart" if as_cart else "raw")

    def _put_large(self, chunks: Iterator[bytes], cls: str) -> StoredObject:
        hashes, temp = Hashes(), self._temp()
        handle = os.open(temp, _NEW, 0o444)
        try:
            self._lanes.feed(chunks, *hashes.lanes(), lambda chunk: _write_all(handle, chunk))
        except BaseException:
            os.close(handle)
            temp.unlink(missing_ok=True)
            raise
        os.close(handle)
        as_cart = _is_cart(cls, hashes.size)
        name = _name(hashes.sha256, as_cart=as_cart)
        self._do_later(0, self._settle, temp, hashes.sha256, name)
        return hashes.stored(name, "cart" if as_cart else "raw")

    # -- beside the next artefact ---------------------------------------------------------------------------------

    def _do_later(self, size: int, work: Callable[..., None], *arguments: object) -> None:
        self._later.append((size, self._pool.submit(work, *arguments)))
        self._later_bytes += size
        while len(self._later) > _WAITING_FILES or self._later_bytes > _WAITING_BYTES:
            self._wait_for_one()

    def _wait_for_one(self) -> None:
        size, future = self._later[0]
        future.result()  # one that failed stays in front: whoever asks again is told again
        self._later.popleft()
        self._later_bytes -= size

    def _write(self, content: bytes, name: str) -> None:
        """A small object: written, read back, renamed."""
        temp = self._temp()
        handle = os.open(temp, _NEW, 0o444)
        try:
            _write_all(handle, content)
            os.lseek(handle, 0, os.SEEK_SET)
            same = _read_all(handle, len(content) + 1) == content
        finally:
            os.close(handle)
        if not same:
            raise _differs(temp)
        self._rename(temp, name)

    def _settle(self, temp: Path, sha256: str, name: str) -> None:
        """A large object: read back, packed where it is to be, renamed."""
        if _file_sha256(temp) != sha256:
            raise _differs(temp)
        if not self._is_new(name):
            _remove(temp)
            return
        if name.endswith(".cart"):
            data = temp.read_bytes()
            _remove(temp)
            self._write(_packed(data), name)
            return
        self._rename(temp, name)

    def _rename(self, temp: Path, name: str) -> None:
        final = self._evidence / name
        if final.parent.name not in self._folders:
            final.parent.mkdir(parents=True, exist_ok=True)
            self._folders.add(final.parent.name)
        temp.replace(final)
        self._pending.append(final)

    def _temp(self) -> Path:
        if not self._folders:
            self._root.mkdir(parents=True, exist_ok=True)
        return self._root / f"part-{os.getpid()}-{next(self._counter)}"

    def _is_new(self, name: str) -> bool:
        """Whether an object must be written; one that an earlier run left is read before it is trusted."""
        if name in self._sound:
            return False
        self._sound.add(name)
        return name not in self._left or not self.holds(name)

    @cached_property
    def _left(self) -> set[str]:
        """Objects of earlier runs."""
        return {f"objects/{p.parent.name}/{p.name}" for p in self._root.glob("[0-9a-f][0-9a-f]/*")}

    # -- what is there --------------------------------------------------------------------------------------------

    def holds(self, name: str) -> bool:
        """Whether an object is there with the bytes its name says; one that is not is taken away."""
        path = self._evidence / name
        if not path.exists():
            return False
        found = _unpacked_sha256(path) if path.suffix == ".cart" else _file_sha256(path)
        if found != path.name.partition(".")[0]:
            _remove(path)
            return False
        return True

    def drop(self, name: str) -> None:
        """Take an object away that no artefact has any more."""
        if (self._evidence / name).exists():
            _remove(self._evidence / name)

    def sync(self) -> None:
        """Make what was put durable; their journal lines may be written afterwards, never before."""
        while self._later:
            self._wait_for_one()
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
            _remove(part)
        return len(parts)


def _is_cart(cls: str, size: int) -> bool:
    return cls in _CART_CLASSES and size <= _CART_LIMIT


def _name(sha256: str, *, as_cart: bool) -> str:
    return f"objects/{sha256[:2]}/{sha256}" + (".cart" if as_cart else "")


def _differs(path: Path) -> IntegrityError:
    return IntegrityError("bytes read back differ from bytes written", str(path), "check the disk of the case")


def _write_all(handle: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(handle, view) :]


def _read_all(handle: int, limit: int) -> bytes:
    parts = []
    while limit > 0 and (part := os.read(handle, limit)):
        parts.append(part)
        limit -= len(part)
    return b"".join(parts)


def _remove(path: Path) -> None:
    """Windows refuses to remove what is read-only."""
    if os.name == "nt":
        path.chmod(0o666)
    path.unlink()


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


def _packed(data: bytes) -> bytes:
    packed = io.BytesIO()
    cart.pack_stream(io.BytesIO(data), packed)
    return packed.getvalue()
