"""Where a full pass stands, written down now and then: a killed pass goes on from there, another source does not."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from msgspec import Struct


class Checkpoint(Struct):
    """`done` media bytes are hashed; `states` of the digests after them; `files`: how far each file is hashed.

    `lost`: rows of (start, end, why). `seen`: the chunks that were checked, as `collector.coverage` packs them.
    """

    done: int
    states: dict[str, str]
    lost: list[tuple[int, int, str]] = []
    files: list[tuple[int, str]] = []
    seen: str = ""


class _File(Struct):
    fingerprint: str
    size: int
    flavour: str
    checkpoint: Checkpoint


class Journal:
    """One checkpoint in a file, replaced whole; without a path none is kept."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._of = ("", 0, "")

    def read(self, fingerprint: str, size: int, flavour: str) -> Checkpoint | None:
        """The checkpoint of this very source that this machine can go on from, else None."""
        self._of = (fingerprint, size, flavour)
        if self._path is None:
            return None
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=_File)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None
        same = (kept.fingerprint, kept.size, kept.flavour) == self._of
        return kept.checkpoint if flavour and same and 0 <= kept.checkpoint.done <= size else None

    def write(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint; the old one stays whole until the new one is."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_name(self._path.name + ".part")
        fingerprint, size, flavour = self._of
        with part.open("wb") as fh:
            fh.write(msgspec.json.encode(_File(fingerprint, size, flavour, checkpoint)))
            fh.flush()
            os.fsync(fh.fileno())
        part.replace(self._path)

    def drop(self) -> None:
        """The pass is over."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
