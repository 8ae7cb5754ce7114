"""What an opened collection is to the rest of the collector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from collector.filesystem import VolumeHandle
from collector.gathered.bundle import Member, Watch
from collector.gathered.left import Left
from collector.runs import Reader


@dataclass(frozen=True, slots=True)
class Gathered:
    """An opened collection. `loader` and `why` say what it was taken for; `media` holds the bytes of all its files.

    `incomplete`: some of `problems` are bytes or files that cannot be had, not only remarks. `watch` knows the
    checksums that the collection stores for its files, and which of those read so far differ (`watch.faults`,
    by number of the member). `left`: the members that are no files of its volumes.
    `members`: all of them, each with the byte of `media` at which it starts (`starts`).
    """

    loader: str
    why: str
    media: Reader
    volumes: tuple[VolumeHandle, ...]
    fingerprint: str
    segments: tuple[Path, ...]
    problems: tuple[str, ...] = ()
    incomplete: bool = False
    watch: Watch = field(default_factory=Watch)
    left: tuple[Left, ...] = ()
    members: Sequence[Member] = ()
    starts: Sequence[int] = ()
    closing: Callable[[], None] = lambda: None

    def close(self) -> None:
        """Release the files."""
        self.closing()
