"""Collections made by other tools, as sources: folders, archives, loose files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from collector.filesystem import VolumeHandle
from collector.runs import Reader


@dataclass(frozen=True, slots=True)
class Gathered:
    """An opened collection. `loader` and `why` say what it was taken for; `media` holds the bytes of all its files."""

    loader: str
    why: str
    media: Reader
    volumes: tuple[VolumeHandle, ...]
    fingerprint: str
    segments: tuple[Path, ...]
    problems: tuple[str, ...] = ()

    def close(self) -> None:
        """Release the files."""


def open_gathered(path: Path) -> Gathered | None:
    """The collection at a path, None when it is none (then it is opened as an image)."""
    return None
