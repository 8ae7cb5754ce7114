"""NTFS volumes whose way in is damaged: by the copy of the boot sector, or without a partition table.

NTFS keeps a copy of its boot sector in the last sector of the partition. Partitions begin at whole MiB since Windows
Vista, at sector 63 before.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import chain

from collector.media import try_read
from collector.ntfs import is_ntfs
from collector.runs import Reader

_SECTOR = 512
_MIB = 1 << 20
_LEGACY = 63 * _SECTOR
_SEARCHED = 1 << 44
"""Bytes; a size field may say anything, and every MiB is looked at."""


class WithBoot:
    """A volume whose first sector is replaced."""

    def __init__(self, volume: Reader, boot: bytes) -> None:
        self._volume, self._boot, self.size = volume, boot, volume.size

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes of the volume; fewer only at its end."""
        if offset >= len(self._boot):
            return self._volume.read_at(offset, length)
        head = self._boot[offset : offset + length]
        rest = length - len(head)
        return head + (self._volume.read_at(len(self._boot), rest) if rest > 0 else b"")


def mended(volume: Reader) -> Reader | None:
    """The volume with the copy of its boot sector in front; None where its last sector is none."""
    last = try_read(volume, (volume.size - 1) // _SECTOR * _SECTOR, _SECTOR) if volume.size else b""
    return WithBoot(volume, last) if len(last) == _SECTOR and is_ntfs(last) else None


def volumes_by_boot_sector(media: Reader) -> Iterator[tuple[int, int]]:
    """(offset, size) of the NTFS volumes that begin where partitions do; what lies inside one of them is skipped."""
    end = 0
    for offset in chain((_LEGACY,), range(_MIB, min(media.size, _SEARCHED), _MIB)):
        boot = try_read(media, offset, _SECTOR) if offset >= end else b""
        if is_ntfs(boot):
            size = (struct.unpack_from("<Q", boot, 40)[0] + 1) * struct.unpack_from("<H", boot, 11)[0]
            end = offset + min(size, media.size - offset)
            yield offset, end - offset
