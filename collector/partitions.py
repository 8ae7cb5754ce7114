"""The partition table of a disk: MBR or GPT, with sectors of 512 or 4096 bytes, or none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from dissect.volume.disk import Disk, DiskError, Partition

from collector.boot import volumes_by_boot_sector
from collector.media import READER_FAULTS, try_read
from collector.ntfs import is_ntfs
from collector.runs import Reader


@dataclass(frozen=True, slots=True)
class Part:
    """Where a partition lies on the media, in bytes, and what the table calls it."""

    offset: int
    size: int
    guid: str = ""
    kind: str = ""


def partitions(media: Reader) -> tuple[str, bytes, list[Part], tuple[str, ...]]:
    """Scheme, MBR disk signature, partitions in order of offset. A volume without a table is one partition."""
    first = try_read(media, 0, 512)
    if is_ntfs(first):
        return "none", b"", [Part(0, media.size)], ()
    disk = _table(media)
    if disk is None:
        found = [Part(offset, size) for offset, size in volumes_by_boot_sector(media)]
        how = "volumes were found by their boot sectors" if found else "the media is read as one volume"
        return "none", b"", found or [Part(0, media.size)], (f"no partition table found; {how}",)
    named = (p for p in disk.partitions if p.size and p.offset < media.size)
    parts = [Part(int(p.offset), _length(p, disk.sector_size), str(p.guid or ""), str(p.type_str)) for p in named]
    scheme = "gpt" if any(p.guid for p in parts) else "mbr"
    return scheme, first[440:444], sorted(parts, key=lambda p: p.offset), ()


def _table(media: Reader) -> Disk | None:
    """The partition table, with sectors of 512 or 4096 bytes."""
    for sector in (512, 4096):
        try:
            return Disk(cast(BinaryIO, AsFile(media)), sector_size=sector)
        except (DiskError, *READER_FAULTS):
            continue
    return None


def _length(partition: Partition, sector: int) -> int:
    """The last sector of a GPT entry belongs to the partition; dissect leaves it out."""
    entry: Any = partition.raw  # a structure made at run time, its fields are not known to type checkers
    if partition.guid and entry is not None and entry.last_lba >= entry.first_lba:
        return int(entry.last_lba - entry.first_lba + 1) * sector
    return int(partition.size)


class AsFile:
    """Media as the file that libraries ask for: seek, tell, read, size."""

    def __init__(self, media: Reader) -> None:
        self._media, self.size, self._at = media, media.size, 0

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to an offset."""
        self._at = (0, self._at, self.size)[whence] + offset
        return self._at

    def tell(self) -> int:
        """Where it stands."""
        return self._at

    def read(self, length: int = -1) -> bytes:
        """Bytes from there on; none where they cannot be read."""
        data = try_read(self._media, self._at, length if length >= 0 else self.size - self._at)
        self._at += len(data)
        return data
