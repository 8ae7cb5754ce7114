"""What files and volumes are that we do not read, told from their bytes, so that they can be called by their names."""

from __future__ import annotations

import math
import struct
from collections import Counter

from collector.blocks import FilePart
from collector.media import try_read
from collector.runs import Reader

_EXPORT = "Export its files and folders with the program that made it, and give the folder."
_CONVERT = "Convert it with the program that made it (on a copy) to E01 or raw, and give the result."
_UNPACK = "Unpack it first, and give what is inside."
_FOREIGN: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"EVF2\r\n\x81\0", "EnCase 7 image (Ex01)", _CONVERT),
    (0, b"LEF2\r\n\x81\0", "EnCase 7 logical evidence file (Lx01)", _EXPORT),
    (0, b"LVF\t\r\n\xff\0", "EnCase logical evidence file (L01)", _EXPORT),
    (0, b"ADCRYPT\0", "image encrypted by FTK Imager (AD encryption)", "Decrypt it with FTK Imager first."),
    (0, b"ADSEGMENTEDFILE\0", "AD1 logical image", _EXPORT),
    (0, b"AFF10\r\n\0", "Advanced Forensic Format image (AFF)", _CONVERT),
    (0, b"QFI\xfb\0\0\0\1", "QEMU disk of version 1 (qcow)", _CONVERT),
    (0, b"WithoutFreeSpace", "Parallels disk (HDD)", _CONVERT),
    (0, b"WithouFreSpacExt", "Parallels disk (HDD)", _CONVERT),
    (0, b"MSWIM\0\0\0", "Windows image (WIM)", "Apply or unpack it first, and give the folder."),
    (0, b"\x1f\x8b", "gzip file", _UNPACK),
    (0, b"\xfd7zXZ\0", "xz file", _UNPACK),
    (0, b"BZh", "bzip2 file", _UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "zstd file", _UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "7-Zip archive", _UNPACK),
    (0, b"Rar!\x1a\x07", "RAR archive", _UNPACK),
    (0, b"MSCF\0\0\0\0", "cabinet (CAB)", _UNPACK),
)
_AFF4 = (b"container.description", b"version.txt", b"information.turtle", b"aff4%3A")
_TAILS = ((512, b"koly", "Apple disk image (DMG)", _CONVERT),)
_ENTROPY = 7.5
BITLOCKER = "BitLocker"
_TO_GO = bytes.fromhex("3bd66749292ed84a8399f6a339e3d001")
_IN_BOOT = {b"-FVE-FS-": BITLOCKER, b"ReFS\0\0\0\0": "ReFS", b"EXFAT   ": "exFAT", b"NTFS    ": "NTFS"}
_AT: tuple[tuple[int, bytes, str], ...] = (
    (0, b"XFSB", "XFS"),
    (0, b"LUKS\xba\xbe", "LUKS (encrypted)"),
    (32, b"NXSB", "APFS"),
    (1024, b"H+\0\4", "HFS+"),
    (1024, b"HX\0\5", "HFSX"),
    (1024, b"BD", "HFS"),
    (512, b"LABELONE", "LVM (Linux volumes)"),
    (4086, b"SWAPSPACE2", "Linux swap"),
    (4096, b"SPACEDB ", "Storage Spaces"),
    (0, b"SPACEDB ", "Storage Spaces"),
    (32769, b"CD001", "ISO 9660"),
    (65600, b"_BHRfS_M", "Btrfs"),
    (3072, b"PRIVHEAD", "dynamic disk (LDM)"),
)
_STEP = 32768
_HEAD = 3 * _STEP


def foreign_container(file: FilePart) -> tuple[str, str] | None:
    """Name of a container that is not read, and what to do; None for everything else."""
    head = file.read_at(0, 512)
    for at, mark, name, todo in _FOREIGN:
        if head[at : at + len(mark)] == mark:
            return name, todo
    if head.startswith(b"PK\3\4") and any(name in head[30:160] for name in _AFF4):
        return "AFF4 image", _CONVERT
    for behind, mark, name, todo in _TAILS:
        if file.size >= behind and file.read_at(file.size - behind, len(mark)) == mark:
            return name, todo
    return None


def is_bitlocker(boot: bytes) -> bool:
    """BitLocker since Vista, and BitLocker To Go behind a FAT boot sector."""
    return boot[3:11] == b"-FVE-FS-" or (boot[3:11] == b"MSWIN4.1" and boot[424:440] == _TO_GO)


def boot_name(boot: bytes) -> str:
    """The file system that a boot sector of Microsoft's kind names; empty for any other sector."""
    if is_bitlocker(boot):
        return BITLOCKER
    if boot[3:11] in _IN_BOOT:
        return _IN_BOOT[boot[3:11]]
    fat = boot[510:512] == b"\x55\xaa" and (boot[54:57] == b"FAT" or boot[82:85] == b"FAT")
    return "FAT" if fat else ""


def _head(volume: Reader) -> bytes:
    """The first bytes in their places; zeros where they cannot be read."""
    parts = (try_read(volume, at, _STEP).ljust(_STEP, b"\0") for at in range(0, min(_HEAD, volume.size), _STEP))
    return b"".join(parts)


def file_system(volume: Reader) -> str:
    """The name of a volume's file system, or what else fills it; empty when nothing is known of it."""
    head = _head(volume)
    if known := boot_name(head[:512]):
        return known
    if head[1080:1082] == b"\x53\xef":
        return _extended(head)
    for at, mark, name in _AT:
        if head[at : at + len(mark)] == mark:
            return name
    return ""


def _extended(head: bytes) -> str:
    """Ext2, ext3 with a journal, ext4 with extents or other features of its own."""
    compatible, incompatible, read_only = struct.unpack_from("<III", head.ljust(1140, b"\0"), 1024 + 92)
    if incompatible & ~0x1F or read_only & ~0x7:
        return "ext4"
    return "ext3" if compatible & 4 else "ext2"


def unknown_content(volume: Reader) -> str:
    """What can be said of a volume without any signature."""
    head = try_read(volume, 0, 2 * _STEP)
    if not any(head):
        return "empty (zeros)"
    counts = Counter(head)
    entropy = -sum(n / len(head) * math.log2(n / len(head)) for n in counts.values())
    return "unknown or encrypted (its bytes look random)" if entropy > _ENTROPY and len(head) >= 4096 else "unknown"
