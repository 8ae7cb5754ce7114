"""MD5, SHA-1 and SHA-256 of bytes as they pass, in the order of the stream, on as many cores as there are."""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Callable, Iterable, Sequence
from queue import SimpleQueue
from threading import Thread

from msgspec import Struct

_AHEAD = 24
Chunk = bytes | memoryview
Work = Callable[[Chunk], object]


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

    def __init__(self, start: Chunk = b"") -> None:
        self.size = len(start)
        self.md5 = hashlib.md5(start, usedforsecurity=False)
        self.sha1 = hashlib.sha1(start, usedforsecurity=False)
        self._sha256 = hashlib.sha256(start)

    def update(self, chunk: Chunk) -> None:
        """Take in the next bytes."""
        self.md5.update(chunk)
        self.others(chunk)

    def others(self, chunk: Chunk) -> None:
        """All but MD5, which is as slow as both together and may go on beside them; each must get every chunk."""
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


class _Stream:
    """One stream on its way through the lanes. `room` holds a token for each chunk that may still be on the way."""

    def __init__(self, chains: int) -> None:
        self.error: BaseException | None = None
        self.room = [SimpleQueue[None]() for _ in range(chains)]
        for room in self.room:
            for _ in range(_AHEAD):
                room.put(None)


_Plan = tuple[tuple[int, Work], ...]
_Job = tuple[_Stream, Chunk, _Plan, SimpleQueue[None]]
"""Stream, chunk, what is still to be done with it as (lane, work), and where its token goes in the end."""


class Lanes:
    """Threads that each take chunks in order; at most a few chunks wait, so memory stays bounded."""

    def __init__(self) -> None:
        self._queues: list[SimpleQueue[_Job | None]] = []
        weakref.finalize(self, _end, self._queues)

    def feed(self, chunks: Iterable[Chunk], *chains: Sequence[Work]) -> None:
        """Give every chunk to every chain, whose works follow one another, each on a lane of its own.

        Waits for the end; the first error is raised, and then nothing uses any more what the caller closes.
        """
        stream, plans = _Stream(len(chains)), self._planned(chains)
        try:
            for chunk in chunks:
                for plan, room in zip(plans, stream.room, strict=True):
                    room.get()
                    self._queues[plan[0][0]].put((stream, chunk, plan, room))
                if stream.error:
                    break
        finally:
            self._drain(stream, plans)
        if stream.error:
            raise stream.error

    def _drain(self, stream: _Stream, plans: Sequence[_Plan]) -> None:
        """Send an empty chunk behind all others and wait for it, whatever happened to them."""
        done = SimpleQueue[None]()
        for plan in plans:
            self._queues[plan[0][0]].put((stream, b"", tuple((lane, len) for lane, _work in plan), done))
        for _ in plans:
            done.get()

    def _planned(self, chains: Sequence[Sequence[Work]]) -> list[_Plan]:
        plans, lane = list[_Plan](), 0
        for chain in chains:
            plans.append(tuple(enumerate(chain, lane)))
            lane += len(chain)
        while len(self._queues) < lane:
            self._queues.append(SimpleQueue())
            Thread(target=_work, args=(self._queues, len(self._queues) - 1), daemon=True).start()
        return plans


def _work(queues: list[SimpleQueue[_Job | None]], own: int) -> None:
    """A lane, until it is told to end."""
    while job := queues[own].get():
        stream, chunk, plan, room = job
        if stream.error is None:
            try:
                plan[0][1](chunk)
            except BaseException as error:  # noqa: BLE001 - raised again where the stream is fed
                stream.error = stream.error or error
        if len(plan) > 1:
            queues[plan[1][0]].put((stream, chunk, plan[1:], room))
        else:
            room.put(None)
        del job, stream, chunk, plan, room  # else they stay until the next one comes


def _end(queues: list[SimpleQueue[_Job | None]]) -> None:
    for queue in queues:
        queue.put(None)


def hash_only(chunks: Iterable[Chunk], lanes: Lanes | None = None) -> StoredObject:
    """Digests of bytes that stay in the source."""
    hashes = Hashes()
    if lanes is None:
        for chunk in chunks:
            hashes.update(chunk)
    else:
        lanes.feed(chunks, [hashes.md5.update], [hashes.others])
    return hashes.stored(None, "held")
