"""The volumes of an image with their trees: one pass over each $MFT for host facts, patterns and deleted files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from collector.filesystem import FileSystem, VolumeHandle
from collector.image import Image
from collector.ntfs import FileRecord
from collector.tree import Tree
from shellcase.model import Volume


@dataclass(frozen=True, slots=True)
class VolumeTree:
    """A readable volume and its names. `volume` carries the drive letter once host facts are known."""

    volume: Volume
    handle: VolumeHandle
    fs: FileSystem
    tree: Tree

    def file(self, path: str) -> FileRecord | None:
        """The file at a volume-relative path, any case."""
        entry = self.tree.find(path)
        return self.fs.file(entry.record) if entry else None

    def read(self, path: str, limit: int) -> bytes | None:
        """Up to `limit` bytes of a file, None when it is not there."""
        file = self.file(path)
        stream = file.stream("") if file else None
        return self.fs.read(stream, min(limit, stream.size)) if stream else None


def survey(image: Image, deleted: frozenset[str] = frozenset()) -> tuple[VolumeTree, ...]:
    """Walk every readable volume. `deleted`: extensions of deleted files worth remembering."""
    handles = ((h, h.fs) for h in image.volumes)
    return tuple(VolumeTree(h.volume, h, fs, fs.tree(deleted)) for h, fs in handles if fs)


def lettered(volumes: Sequence[VolumeTree], named: Iterable[Volume]) -> tuple[VolumeTree, ...]:
    """The volumes with the letters they were given."""
    known = {v.key: v for v in named}
    return tuple(replace(v, volume=known.get(v.volume.key, v.volume)) for v in volumes)
