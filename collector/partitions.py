"""The partition table of a disk: MBR with logical partitions, or GPT with its copy, in sectors of 512 or 4096 bytes.

Written from the UEFI specification 2.10, chapter 5. Own reader because the common one follows chains of extended
partitions without end, leaves out the copy of the GPT, and checks no checksum.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from uuid import UUID

from collector.boot import volumes_by_boot_sector
from collector.media import try_read
from collector.ntfs import is_ntfs
from collector.runs import Reader
from collector.signatures import boot_name, file_system

_SECTORS = (512, 4096)
_EXTENDED = (0x05, 0x0F, 0x85)
_PROTECTIVE = 0xEE
_MOST_LOGICAL = 128
_MOST_ENTRIES = 1024
_GPT_NAMES = {
    "c12a7328-f81f-11d2-ba4b-00a0c93ec93b": "EFI system partition",
    "e3c9e316-0b5c-4db8-817d-f92df00215ae": "Microsoft reserved",
    "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7": "Basic data",
    "de94bba4-06d1-4d40-a16a-bfd50179d6ac": "Windows recovery",
    "5808c8aa-7e8f-42e0-85d2-e1e90434cfb3": "Dynamic disk (LDM) metadata",
    "af9b60a0-1431-4f62-bc68-3311714a69ad": "Dynamic disk (LDM) data",
    "e75caf8f-f680-4cee-afa3-b001e56efc2d": "Storage Spaces",
    "0fc63daf-8483-4772-8e79-3d69d8477de4": "Linux data",
    "e6d6d379-f507-44c2-a23c-238f2a3df928": "Linux LVM",
}
_MBR_NAMES = {
    0x07: "NTFS or exFAT", 0x0B: "FAT32", 0x0C: "FAT32", 0x06: "FAT16", 0x0E: "FAT16", 0x27: "Windows recovery",
    0x42: "Dynamic disk (LDM)", 0x82: "Linux swap", 0x83: "Linux", 0x8E: "Linux LVM", 0xE7: "Storage Spaces",
    0xEF: "EFI system partition",
}  # fmt: skip
DYNAMIC = "Dynamic disk (LDM)"


@dataclass(frozen=True, slots=True)
class Part:
    """Where a partition lies on the media, in bytes, and what the table calls it."""

    offset: int
    size: int
    guid: str = ""
    kind: str = ""


def partitions(media: Reader) -> tuple[str, bytes, list[Part], tuple[str, ...]]:
    """Scheme, MBR disk signature, partitions in order of offset. A volume without a table is one partition."""
    first = try_read(media, 0, 512).ljust(512, b"\0")
    if is_ntfs(first):
        return "none", b"", [Part(0, media.size)], ()
    found = None if boot_name(first) else _gpt(media, first)
    parts, problems = found if found else ([], ())
    scheme = "gpt"
    if found is None and not boot_name(first):
        scheme, parts = "mbr", _mbr(media, first)
    if parts:
        return scheme, first[440:444], sorted(parts, key=lambda p: (p.offset, p.size)), problems
    return _without_table(media, problems)


def end_of(media: Reader, parts: list[Part]) -> int:
    """Where the last partition ends, and of a lone volume its file system; 0 when that is not known.

    Some containers round the size of the disk up; this does not depend on it.
    """
    if len(parts) == 1 and parts[0] == Part(0, media.size):
        boot = try_read(media, 0, 512).ljust(512, b"\0")
        sector, sectors = (*struct.unpack_from("<H", boot, 11), *struct.unpack_from("<Q", boot, 40))
        return (sectors + 1) * sector if is_ntfs(boot) else 0
    return max(p.offset + p.size for p in parts)


def _without_table(media: Reader, problems: tuple[str, ...]) -> tuple[str, bytes, list[Part], tuple[str, ...]]:
    if known := file_system(media):
        return "none", b"", [Part(0, media.size)], (*problems, f"no partition table: the whole media is {known}")
    found = [Part(offset, size) for offset, size in volumes_by_boot_sector(media)]
    how = "volumes were found by their boot sectors" if found else "the media is read as one volume"
    return "none", b"", found or [Part(0, media.size)], (*problems, f"no partition table found; {how}")


def _mbr(media: Reader, first: bytes) -> list[Part]:
    """Primary and logical partitions; none when the sector is no table."""
    if not _is_table(first):
        return []
    parts = [p for sector in _SECTORS if (p := _mbr_parts(media, first, sector))]
    read = [p for p in parts if any(is_ntfs(try_read(media, q.offset, 512)) for q in p)]
    return (read or parts or [[]])[0]


def _is_table(sector: bytes) -> bool:
    entries = [sector[446 + n * 16 : 462 + n * 16] for n in range(4)]
    return sector[510:512] == b"\x55\xaa" and any(map(any, entries)) and all(e[0] in (0, 0x80) for e in entries)


def _mbr_parts(media: Reader, first: bytes, sector: int) -> list[Part]:
    parts = list[Part]()
    for kind, start, count in _entries(first):
        if kind in _EXTENDED:
            parts += _logical(media, start, sector)
        elif kind and kind != _PROTECTIVE:
            parts.append(_mbr_part(kind, start, count, sector))
    return [p for p in parts if p.size and p.offset < media.size]


def _mbr_part(kind: int, start: int, count: int, sector: int) -> Part:
    name = _MBR_NAMES.get(kind, "")
    return Part(start * sector, count * sector, "", f"0x{kind:02X} {name}".strip())


def _entries(table: bytes) -> list[tuple[int, int, int]]:
    """(Type, first sector, sectors) of the four entries."""
    found = (struct.unpack_from("<4xB3xII", table, 446 + n * 16) for n in range(4))
    return [(int(kind), int(start), int(count)) for kind, start, count in found]


def _logical(media: Reader, extended: int, sector: int) -> list[Part]:
    """The chain of tables in an extended partition: the first entry is relative to its own table, the next to all."""
    parts, at, seen = list[Part](), extended, set[int]()
    while at not in seen and len(seen) < _MOST_LOGICAL:
        seen.add(at)
        table = try_read(media, at * sector, 512)
        if table[510:512] != b"\x55\xaa":
            break
        entries = _entries(table)
        parts += [_mbr_part(k, at + start, n, sector) for k, start, n in entries if k and k not in _EXTENDED]
        further = [start for kind, start, _n in entries if kind in _EXTENDED]
        if not further:
            break
        at = extended + further[0]
    return parts


@dataclass(frozen=True, slots=True)
class _Header:
    """A GPT header as read; `sound`: both checksums fit."""

    sector: int
    entries: bytes
    width: int
    sound: bool


def _gpt(media: Reader, first: bytes) -> tuple[list[Part], tuple[str, ...]] | None:
    """The partitions of the first sound GPT: the primary, else its copy at the end; None when there is none."""
    primary = next((h for s in _SECTORS if (h := _header(media, s, s))), None)
    if primary and primary.sound:
        return _gpt_parts(media, primary), ()
    copy = next(
        (h for s in _SECTORS for at in _copies(media, first, s) if (h := _header(media, at, s)) and h.sound), None
    )
    protected = any(kind == _PROTECTIVE for kind, _s, _n in _entries(first)) and first[510:512] == b"\x55\xaa"
    if copy and (primary or protected or _wiped(media, first, copy)):
        return _gpt_parts(media, copy), (
            "the partition table (GPT) is damaged; its copy at the end of the disk was used",
        )
    if primary:
        return _gpt_parts(media, primary), ("the partition table (GPT) fails its checksum and has no sound copy",)
    return ([], ("the partition table (GPT) and its copy are damaged",)) if protected else None


def _wiped(media: Reader, first: bytes, copy: _Header) -> bool:
    """Whether the start of the disk holds no table at all, and the copy's partitions are where it says."""
    nothing = not _is_table(first) and not boot_name(first)
    return nothing and any(is_ntfs(try_read(media, p.offset, 512)) for p in _gpt_parts(media, copy))


def _copies(media: Reader, first: bytes, sector: int) -> list[int]:
    """Where the copy may lie: the last sector, where the header says, where the protective entry ends."""
    head = try_read(media, sector, 512)
    said = [struct.unpack_from("<Q", head, 32)[0]] if head.startswith(b"EFI PART") and len(head) >= 92 else []
    ends = [start + count - 1 for kind, start, count in _entries(first) if kind == _PROTECTIVE]
    return [media.size // sector * sector - sector, *(n * sector for n in (*said, *ends))]


def _header(media: Reader, offset: int, sector: int) -> _Header | None:
    raw = try_read(media, offset, 512)
    if not raw.startswith(b"EFI PART") or len(raw) < 512:
        return None
    size, crc = struct.unpack_from("<II", raw, 12)
    table, count, width, table_crc = struct.unpack_from("<QIII", raw, 72)
    if not 92 <= size <= 512 or width not in (128, 256, 512, 1024, 2048, 4096) or count > _MOST_ENTRIES:
        return None
    entries = try_read(media, table * sector, count * width)
    own = zlib.crc32(raw[:16] + bytes(4) + raw[20:size])
    return _Header(sector, entries, width, own == crc and zlib.crc32(entries) == table_crc)


def _gpt_parts(media: Reader, header: _Header) -> list[Part]:
    parts = list[Part]()
    for at in range(0, len(header.entries) - header.width + 1, header.width):
        entry = header.entries[at : at + header.width]
        first, last = struct.unpack_from("<QQ", entry, 32)
        if any(entry[:16]) and first <= last and first * header.sector < media.size:
            kind, guid = str(UUID(bytes_le=entry[:16])), str(UUID(bytes_le=entry[16:32]))
            size = (last - first + 1) * header.sector
            parts.append(Part(first * header.sector, size, guid, _GPT_NAMES.get(kind, kind)))
    return parts
