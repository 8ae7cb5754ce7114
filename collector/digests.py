"""MD5, SHA-1 and SHA-256 of one stream of bytes, computed in threads beside the reading."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from collector import hashstate
from collector.checkpoint import Checkpoint


class Hashes:
    """Three digests beside the reading: the slow MD5 in one thread, the other two in a second."""

    def __init__(self, begun: Checkpoint | None) -> None:
        states = begun.states if begun else {}
        self._digests = {n: hashstate.restored(n, states.get(n, "")) or hashstate.new(n) for n in hashstate.NAMES}
        self._pool = ThreadPoolExecutor(2)
        self._waiting: list[Future[None]] = []

    def update(self, block: bytes) -> None:
        """Hand over a block; waits for the one before."""
        self.wait()
        self._waiting = [
            self._pool.submit(self._feed, ("md5",), block),
            self._pool.submit(self._feed, ("sha1", "sha256"), block),
        ]

    def _feed(self, names: tuple[str, ...], block: bytes) -> None:
        for name in names:
            self._digests[name].update(block)

    def wait(self) -> None:
        """Until everything handed over is hashed."""
        for one in self._waiting:
            one.result()
        self._waiting = []

    def states(self) -> dict[str, str]:
        """The states after all that was handed over."""
        self.wait()
        return {n: d.save() for n, d in self._digests.items()}

    def digests(self) -> tuple[str, str, str]:
        """MD5, SHA-1, SHA-256 as hex; ends the threads."""
        self.close()
        return tuple(self._digests[n].hexdigest() for n in hashstate.NAMES)  # type: ignore[return-value]

    def close(self) -> None:
        """End the threads."""
        self.wait()
        self._pool.shutdown()
