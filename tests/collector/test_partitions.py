"""Partition tables: MBR with logical partitions, GPT in both sector sizes, damage, and tables that lie."""

from __future__ import annotations

import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from collector.image import Image
from collector.partitions import partitions
from tests.tools import need

Opener = Callable[[Path], Image]
MIB = 1 << 20
SERIAL = "6F462FC17DF91EB8"
BASIC = UUID("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7")
LDM = UUID("af9b60a0-1431-4f62-bc68-3311714a69ad")


class Bytes:
    """Media in memory; a range of it may be unreadable."""

    def __init__(self, data: bytes, bad: range = range(0)) -> None:
        self._data, self._bad, self.size = data, bad, len(data)

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes, or an error in the bad range."""
        if set(range(offset, offset + length, 512)) & set(self._bad):
            msg = "bad"
            raise OSError(msg)
        return self._data[offset : offset + length]


def mbr(*entries: tuple[int, int, int], signature: int = 0x11223344) -> bytes:
    """A table of (type, first sector, sectors)."""
    rows = b"".join(struct.pack("<4xB3xII", *entry) for entry in entries).ljust(64, b"\0")
    return bytes(440) + struct.pack("<IH", signature, 0) + rows + b"\x55\xaa"


def gpt(media: bytearray, sector: int, *parts: tuple[UUID, int, int]) -> None:
    """Write a protective MBR, a GPT and its copy; parts as (type, first byte, bytes)."""
    last = len(media) // sector - 1
    media[:512] = mbr((0xEE, 1, last))
    rows = b"".join(
        kind.bytes_le
        + UUID(int=n + 1).bytes_le
        + struct.pack("<QQQ72x", start // sector, (start + size) // sector - 1, 0)
        for n, (kind, start, size) in enumerate(parts)
    ).ljust(128 * 128, b"\0")
    table = -(-len(rows) // sector)
    for own, other, at in ((1, last, 2), (last, 1, last - table)):
        fixed = (b"EFI PART", 0x10000, 92, 0, 0, own, other, 2 + table, last - table - 1, UUID(int=9).bytes_le)
        head = struct.pack("<8sIIIIQQQQ16sQIII", *fixed, at, 128, 128, zlib.crc32(rows))
        head = head[:16] + struct.pack("<I", zlib.crc32(head)) + head[20:]
        media[own * sector : own * sector + 92] = head
        media[at * sector : at * sector + len(rows)] = rows


def _disk(foreign: Path, *offsets: int, size: int = 12 * MIB) -> bytearray:
    media = bytearray(size)
    volume = foreign.read_bytes()
    for offset in offsets:
        media[offset : offset + len(volume)] = volume
    return media


def _serials(image: Image) -> list[tuple[int, str]]:
    return [(h.volume.offset, h.volume.serial) for h in image.volumes if h.fs]


def test_logical_partitions_of_an_extended_one_are_found(opened: Opener, foreign: Path, tmp_path: Path) -> None:
    """Each table of the chain is relative to itself, the next to the extended partition; mmls agrees."""
    need("mmls")
    media = _disk(foreign, 1 * MIB, 4 * MIB, 8 * MIB)
    media[:512] = mbr((7, 2048, 4096), (0x0F, 6144, 18432 - 2048))
    media[3 * MIB : 3 * MIB + 512] = mbr((7, 2048, 4096), (0x05, 8192, 4096 + 2048))
    media[7 * MIB : 7 * MIB + 512] = mbr((7, 2048, 4096))
    path = tmp_path / "disk.raw"
    path.write_bytes(media)
    image = opened(path)
    assert _serials(image) == [(n * MIB, SERIAL) for n in (1, 4, 8)]
    assert (image.scheme, image.disk_signature) == ("mbr", bytes.fromhex("44332211"))
    seen = subprocess.run(["mmls", "-M", "-a", str(path)], check=True, capture_output=True, text=True).stdout
    assert [int(line.split()[2]) * 512 for line in seen.splitlines() if "NTFS" in line] == [n * MIB for n in (1, 4, 8)]


def test_a_chain_of_tables_that_runs_in_a_circle_ends(opened: Opener, foreign: Path, tmp_path: Path) -> None:
    """A hostile table costs neither the run nor the other volumes."""
    media = _disk(foreign, 1 * MIB)
    media[:512] = mbr((7, 2048, 4096), (0x0F, 8192, 8192))
    media[4 * MIB : 4 * MIB + 512] = mbr((0x83, 8, 8), (0x05, 0, 8192))
    (tmp_path / "disk.raw").write_bytes(media)
    assert _serials(opened(tmp_path / "disk.raw")) == [(MIB, SERIAL)]


@pytest.mark.parametrize("sector", [512, 4096])
def test_gpt_in_both_sector_sizes(sector: int, opened: Opener, foreign: Path, tmp_path: Path) -> None:
    """Offsets, sizes to the last sector, ids."""
    media = _disk(foreign, 1 * MIB, 5 * MIB)
    gpt(media, sector, (BASIC, 1 * MIB, 2 * MIB), (BASIC, 5 * MIB, 2 * MIB))
    (tmp_path / "disk.raw").write_bytes(media)
    image = opened(tmp_path / "disk.raw")
    assert _serials(image) == [(MIB, SERIAL), (5 * MIB, SERIAL)]
    assert image.scheme == "gpt"
    assert [h.volume.size for h in image.volumes] == [2 * MIB, 2 * MIB]
    assert image.volumes[1].partition_guid == str(UUID(int=2))
    assert image.problems == ()


@pytest.mark.parametrize("sector", [512, 4096])
@pytest.mark.parametrize("harm", ["header", "entries", "signature"])
def test_a_damaged_gpt_is_replaced_by_its_copy(
    harm: str, sector: int, opened: Opener, foreign: Path, tmp_path: Path
) -> None:
    """The checksums of header and entries tell; that the copy was used is said."""
    media = _disk(foreign, 1 * MIB)
    gpt(media, sector, (BASIC, 1 * MIB, 2 * MIB))
    at = {"header": sector + 24, "entries": 2 * sector + 32, "signature": sector}[harm]
    media[at] ^= 0xFF
    (tmp_path / "disk.raw").write_bytes(media)
    image = opened(tmp_path / "disk.raw")
    assert _serials(image) == [(MIB, SERIAL)]
    assert any("its copy at the end of the disk was used" in p for p in image.problems)


@pytest.mark.parametrize("sector", [512, 4096])
def test_a_wiped_start_of_a_disk_leaves_the_copy(sector: int, opened: Opener, foreign: Path, tmp_path: Path) -> None:
    """It keeps the ids of the partitions, by which drive letters are told; boot sectors would not."""
    media = _disk(foreign, 1 * MIB)
    gpt(media, sector, (BASIC, 1 * MIB, 2 * MIB))
    media[: 34 * 512] = bytes(34 * 512)
    (tmp_path / "disk.raw").write_bytes(media)
    image = opened(tmp_path / "disk.raw")
    assert (image.scheme, _serials(image)) == ("gpt", [(MIB, SERIAL)])
    assert image.volumes[0].partition_guid == str(UUID(int=1))


def test_an_old_copy_does_not_count_on_a_disk_of_another_scheme(opened: Opener, foreign: Path, tmp_path: Path) -> None:
    """Tools that write an MBR over a GPT leave the copy at the end; and one that fits nothing is no table."""
    media = _disk(foreign, 1 * MIB)
    gpt(media, 512, (BASIC, 1 * MIB, 2 * MIB), (BASIC, 4 * MIB, MIB))
    media[: 34 * 512] = mbr((7, 2048, 4096)).ljust(34 * 512, b"\0")
    (tmp_path / "disk.raw").write_bytes(media)
    assert opened(tmp_path / "disk.raw").scheme == "mbr"
    gpt(media, 512, (BASIC, 4 * MIB, MIB))
    media[: 34 * 512] = bytes(34 * 512)
    (tmp_path / "other.raw").write_bytes(media)
    image = opened(tmp_path / "other.raw")
    assert (image.scheme, _serials(image)) == ("none", [(MIB, SERIAL)])


@pytest.mark.real
def test_tables_made_by_another_program_are_read_alike(opened: Opener, foreign: Path, tmp_path: Path) -> None:
    """sgdisk writes the table; its own listing agrees."""
    need("sgdisk")
    path = tmp_path / "disk.raw"
    path.write_bytes(_disk(foreign, 1 * MIB))
    subprocess.run(
        ["sgdisk", "-n1:2048:6143", "-t1:0700", "-n2:8192:+1M", "-t2:4201", str(path)], check=True, capture_output=True
    )
    image = opened(path)
    assert [(h.volume.offset, h.volume.size) for h in image.volumes] == [(MIB, 2 * MIB), (4 * MIB, MIB)]
    assert "dynamic disk" in image.volumes[1].why
    shown = subprocess.run(["sgdisk", "-i1", str(path)], check=True, capture_output=True, text=True).stdout
    assert image.volumes[0].partition_guid.upper() in shown


def test_dynamic_disks_are_named(opened: Opener, foreign: Path, tmp_path: Path) -> None:
    """A partition of type 0x42 without a file system of its own is no NTFS volume that is damaged."""
    media = _disk(foreign, 1 * MIB)
    media[:512] = mbr((7, 2048, 4096), (0x42, 8192, 4096))
    (tmp_path / "disk.raw").write_bytes(media)
    assert "dynamic disks are not read" in opened(tmp_path / "disk.raw").volumes[1].why


def test_an_unreadable_first_sector_of_a_gpt_disk(foreign: Path) -> None:
    """Without the protective table the GPT itself is enough."""
    media = _disk(foreign, 1 * MIB)
    gpt(media, 512, (BASIC, 1 * MIB, 2 * MIB))
    scheme, _signature, parts, _problems = partitions(Bytes(bytes(media), range(0, 512, 512)))
    assert (scheme, [p.offset for p in parts]) == ("gpt", [MIB])


def test_a_table_of_nonsense_is_no_table(opened: Opener, foreign: Path, tmp_path: Path) -> None:
    """Volumes are then found by their boot sectors."""
    media = _disk(foreign, 1 * MIB)
    media[:512] = bytes(range(256)) * 2
    media[510:512] = b"\x55\xaa"
    (tmp_path / "disk.raw").write_bytes(media)
    image = opened(tmp_path / "disk.raw")
    assert _serials(image) == [(MIB, SERIAL)]
    assert "boot sectors" in image.problems[0]
