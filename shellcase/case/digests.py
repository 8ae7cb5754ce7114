"""MD5, SHA-1 and SHA-256 of bytes as they pass, in the order of the stream, on as many cores as there are."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from msgspec import Struct

_AHEAD = 8


class StoredObject(Struct, frozen=True, kw_only=True):
    """What was stored: digests of the bytes as found, and where they lie below data/evidence."""

    size: int
    md5: str
    sha1: str
    sha256: str
    object: str | None
    stored_as: str


class Hashes:
    """Three digests in one pass."""

    def __init__(self) -> None:
        self.size = 0
        self.md5, self.sha1 = hashlib.md5(usedforsecurity=False), hashlib.sha1(usedforsecurity=False)
        self._sha256 = hashlib.sha256()

    def update(self, chunk: bytes) -> None:
        """Take in the next bytes."""
        self.size += len(chunk)
        for digest in (self.md5, self.sha1, self._sha256):
            digest.update(chunk)

    def lanes(self) -> tuple[Callable[[bytes], None], Callable[[bytes], None]]:
        """Two parts of the work that may go on side by side; each must get every chunk in order."""
        return self.md5.update, self._both

    def _both(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self.sha1.update(chunk)
        self._sha256.update(chunk)

    def stored(self, name: str | None, stored_as: str) -> StoredObject:
        """The record of what went through."""
        return StoredObject(
            size=self.size,
            md5=self.md5.hexdigest(),
            sha1=self.sha1.hexdigest(),
            sha256=self.sha256,
            object=name,
            stored_as=stored_as,
        )

    @property
    def sha256(self) -> str:
        """The identity of the bytes."""
        return self._sha256.hexdigest()


class Lanes:
    """Threads that each take every chunk in order; at most a few chunks wait, so memory stays bounded."""

    def __init__(self, count: int) -> None:
        self._pools = [ThreadPoolExecutor(1) for _ in range(count)]

    def feed(self, chunks: Iterable[bytes], *work: Callable[[bytes], object]) -> None:
        """Give every chunk to every piece of work, and wait for the end. The first error is raised."""
        waiting: deque[list[Future[object]]] = deque()
        try:
            for chunk in chunks:
                waiting.append([pool.submit(one, chunk) for pool, one in zip(self._pools, work, strict=False)])
                if len(waiting) > _AHEAD:
                    _result(waiting.popleft())
            for futures in waiting:
                _result(futures)
        finally:  # nothing may still use what the caller closes now
            wait(future for futures in waiting for future in futures)


def _result(futures: list[Future[object]]) -> None:
    for future in futures:
        future.result()


def hash_only(chunks: Iterable[bytes], lanes: Lanes | None = None) -> StoredObject:
    """Digests of bytes that stay in the source."""
    hashes = Hashes()
    if lanes is None:
        for chunk in chunks:
            hashes.update(chunk)
    else:
        lanes.feed(chunks, *hashes.lanes())
    return hashes.stored(None, "held")
