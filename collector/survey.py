"""The volumes of a source with their trees: one pass over each $MFT for host facts, patterns and deleted files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from collector.filesystem import FileSystem, VolumeHandle
from collector.image import Image
from collector.ntfs import FileRecord
from collector.tree import Tree
from shellcase.model import Volume

Place = tuple[str, str]
"""A live volume among all sources: fingerprint of its image, key of the volume."""


@dataclass(frozen=True, slots=True)
class VolumeTree:
    """A readable volume or shadow copy and its names. `volume` carries the letter once host facts are known."""

    volume: Volume
    handle: VolumeHandle
    fs: FileSystem
    tree: Tree
    image: Image
    source: str = "SRC-01"

    @property
    def snapshot(self) -> str:
        """The shadow copy this is, empty for the live volume."""
        return self.handle.snapshot

    @property
    def place(self) -> Place:
        """The live volume it is or was copied from."""
        return self.image.fingerprint, self.volume.key

    @property
    def ident(self) -> tuple[str, str, str]:
        """Which of all trees of the run."""
        return (*self.place, self.snapshot)

    @property
    def shown(self) -> str:
        """How outcomes call it."""
        return f"{self.volume.name} in {self.snapshot}" if self.snapshot else self.volume.name

    def file(self, path: str) -> FileRecord | None:
        """The file at a volume-relative path, any case."""
        entry = self.tree.find(path)
        return self.fs.file(entry.record) if entry else None

    def read(self, path: str, limit: int) -> bytes | None:
        """Up to `limit` bytes of a file, None when it is not there."""
        file = self.file(path)
        stream = file.stream("") if file else None
        return self.fs.read(stream, min(limit, stream.size)) if stream else None


def survey(image: Image, deleted: frozenset[str] = frozenset(), source: str = "SRC-01") -> tuple[VolumeTree, ...]:
    """Walk every readable volume. `deleted`: extensions of deleted files worth remembering."""
    handles = ((h, h.fs) for h in image.volumes)
    return tuple(
        VolumeTree(h.volume, h, fs, fs.tree(frozenset() if h.snapshot else deleted), image, source)
        for h, fs in handles
        if fs
    )


def lettered(volumes: Sequence[VolumeTree], named: Mapping[Place, Volume]) -> tuple[VolumeTree, ...]:
    """The volumes with the letters they were given; shadow copies carry their volume's."""
    return tuple(replace(v, volume=named.get(v.place, v.volume)) for v in volumes)
