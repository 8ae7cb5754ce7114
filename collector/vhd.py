"""Virtual disks of Virtual PC, Hyper-V and Azure: VHD (fixed, dynamic) and VHDX; and VirtualBox's VDI.

Written from Microsoft's Virtual Hard Disk Image Format Specification, [MS-VHDX], and VirtualBox's VDICore.h.
Differencing disks are refused with the name of their parent.
"""

from __future__ import annotations

import struct
from pathlib import Path
from uuid import UUID

from collector.blocks import BlockMedia, FilePart, Words
from collector.nearby import Files
from collector.runs import Reader
from shellcase.errors import EvidenceError

VHD_COOKIE, VHDX_MAGIC, VDI_MAGIC = b"conectix", b"vhdxfile", b"\x7f\x10\xda\xbe"
_SECTOR = 512
_MIB = 1 << 20
_FIXED, _DYNAMIC, _DIFFERENCING = 2, 3, 4
_MERGE = "Merge the disk with its parents on a copy (Hyper-V: Edit Disk, Merge or Convert-VHD) and give the result."
_BAT = UUID("2dc27766-f623-4200-9d64-115e9bfd4a08")
_METADATA = UUID("8b7ca206-4790-4b9a-b8fe-575f050f886e")
_PARAMETERS = UUID("caa16737-fa36-4d43-b3b6-33f0aa44e76b")
_SIZE = UUID("2fa54224-cd1b-4876-b211-5dbed83bf4b8")
_LOGICAL = UUID("8141bf1d-a96f-4709-ba47-f233a8faab5f")
_LOCATOR = UUID("a8d35f2d-b30b-454d-abf7-d3d84834ab0c")
Disk = tuple[Reader, str, tuple[str, ...]]


def vhd_footer(file: FilePart) -> tuple[bytes, bool]:
    """The footer, and whether it is the copy at the front because the end is missing; empty when it is no VHD."""
    last = file.read_at(file.size - _SECTOR, _SECTOR) if file.size >= _SECTOR else b""
    if last.startswith(VHD_COOKIE) and _footer_sound(last):
        return last, False
    first = file.read_at(0, _SECTOR)
    return (first, True) if first.startswith(VHD_COOKIE) and _footer_sound(first) else (b"", False)


def _footer_sound(footer: bytes) -> bool:
    (stored,) = struct.unpack_from(">I", footer, 64)
    return len(footer) == _SECTOR and stored == ~(sum(footer[:64]) + sum(footer[68:])) & 0xFFFFFFFF


def open_vhd(files: Files, path: Path) -> Disk:
    """A VHD by its footer or the footer's copy."""
    file = files.open(path)
    footer, copy = vhd_footer(file)
    header, size, kind = (struct.unpack_from(c, footer, at)[0] for c, at in ((">Q", 16), (">Q", 48), (">I", 60)))
    problems = ("the VHD's footer at the end of the file is missing: the copy is not complete",) if copy else ()
    if kind == _FIXED:
        return file.part(0, size), "fixed", problems
    if kind == _DIFFERENCING:
        name = file.exactly(header + 64, 512).decode("utf-16-be", "replace").split("\0")[0]
        raise EvidenceError(f"The VHD is a differencing disk; its parent is {name!r}", str(path), _MERGE)
    if kind != _DYNAMIC:
        raise EvidenceError(f"VHD disks of type {kind} are not read", str(path), "Convert a copy to a fixed disk.")
    return DynamicVhd(file, header, size), "dynamic", problems


class DynamicVhd(BlockMedia):
    """Blocks behind a bitmap of their sectors each; sectors that were never written are zeros in the block."""

    def __init__(self, file: FilePart, header: int, size: int) -> None:
        raw = file.exactly(header, 64)
        self._table, self._count, block = (
            struct.unpack_from(c, raw, at)[0] for c, at in ((">Q", 16), (">I", 28), (">I", 32))
        )
        super().__init__(size, block)
        self._file, self._words = file, Words(file)
        self._bitmap = (block // _SECTOR // 8 + _SECTOR - 1) // _SECTOR * _SECTOR

    def piece(self, index: int, skip: int, count: int) -> bytes:
        """`count` bytes of a block."""
        if index >= self._count:
            msg = f"block {index} lies beyond the table of {self._count} blocks"
            raise OSError(msg)
        sector = self._words.at(self._table + index * 4, ">I")
        if sector == 0xFFFFFFFF:
            return bytes(count)
        return self._file.exactly(sector * _SECTOR + self._bitmap + skip, count)


def open_vhdx(files: Files, path: Path) -> Disk:
    """A VHDX by its newer sound header and the first sound table of regions."""
    file = files.open(path)
    regions = _regions(file)
    items = _metadata(file, regions[_METADATA])
    block, flags = struct.unpack_from("<II", items[_PARAMETERS], 0)
    if flags & 2:
        name = _parent_name(items.get(_LOCATOR, b""))
        raise EvidenceError(
            f"The VHDX is a differencing disk (a checkpoint); its parent is {name!r}", str(path), _MERGE
        )
    (size,), (sector,) = struct.unpack_from("<Q", items[_SIZE]), struct.unpack_from("<I", items[_LOGICAL])
    problems = tuple[str, ...]()
    if _log_pending(file):
        problems = ("the VHDX was not closed: its log holds changes of its tables that are not applied here",)
    return Vhdx(file, regions[_BAT], size, block, sector), "fixed" if flags & 1 else "dynamic", problems


class Vhdx(BlockMedia):
    """Blocks by their table, in which after each chunk of them an entry for a bitmap follows."""

    def __init__(self, file: FilePart, table: int, size: int, block: int, sector: int) -> None:
        super().__init__(size, block)
        self._file, self._table, self._words = file, table, Words(file)
        self._chunk = (1 << 23) * sector // block

    def piece(self, index: int, skip: int, count: int) -> bytes:
        """`count` bytes of a block."""
        entry = self._words.at(self._table + (index + index // self._chunk) * 8, "<Q")
        state, at = entry & 7, (entry >> 20) * _MIB
        if state in (0, 1, 2, 3):
            return bytes(count)
        if state != 6:
            msg = f"block {index} has the state {state}, which only differencing disks have"
            raise OSError(msg)
        return self._file.exactly(at + skip, count)


def _log_pending(file: FilePart) -> bool:
    """Whether the header in force names a log."""
    heads = [h for at in (1, 2) if (h := file.exactly(at << 16, 80)).startswith(b"head")]
    newest = max(heads, key=lambda h: int(struct.unpack_from("<Q", h, 8)[0]), default=bytes(80))
    return any(newest[48:64])


def _regions(file: FilePart) -> dict[UUID, int]:
    for at in (3 << 16, 4 << 16):
        raw = file.exactly(at, 1 << 16)
        (count,) = struct.unpack_from("<I", raw, 8)
        if not raw.startswith(b"regi") or count > 2047:
            continue
        entries = (raw[16 + n * 32 : 48 + n * 32] for n in range(count))
        found = {UUID(bytes_le=e[:16]): int(struct.unpack_from("<Q", e, 16)[0]) for e in entries}
        if found.keys() >= {_BAT, _METADATA}:
            return found
    msg = "neither table of regions of the VHDX is sound"
    raise OSError(msg)


def _metadata(file: FilePart, at: int) -> dict[UUID, bytes]:
    raw = file.exactly(at, 1 << 16)
    (count,) = struct.unpack_from("<H", raw, 10)
    if not raw.startswith(b"metadata") or count > 2047:
        msg = "the metadata of the VHDX are damaged"
        raise OSError(msg)
    found = dict[UUID, bytes]()
    for n in range(count):
        where, size = struct.unpack_from("<II", raw, 32 + n * 32 + 16)
        found[UUID(bytes_le=raw[32 + n * 32 : 48 + n * 32])] = file.exactly(at + where, min(size, 1 << 16))
    return found


def _parent_name(locator: bytes) -> str:
    """The path of the parent in a locator: pairs of UTF-16 texts."""
    count = struct.unpack_from("<H", locator, 18)[0] if len(locator) >= 20 else 0
    names = dict[str, str]()
    for n in range(min(count, 64)):
        entry = locator[20 + n * 12 : 32 + n * 12]
        if len(entry) == 12:
            key, value, key_size, value_size = struct.unpack("<IIHH", entry)
            names[_text(locator[key : key + key_size])] = _text(locator[value : value + value_size])
    return names.get("relative_path") or names.get("absolute_win32_path") or "(not named)"


def _text(raw: bytes) -> str:
    return raw.decode("utf-16-le", "replace").rstrip("\0")


def open_vdi(files: Files, path: Path) -> Disk:
    """A VirtualBox disk, version 1.1."""
    file = files.open(path)
    raw = file.exactly(0, 400)
    kind, table, data = (struct.unpack_from("<I", raw, at)[0] for at in (76, 340, 344))
    size, block, extra, count = struct.unpack_from("<QIII", raw, 368)
    if kind not in (1, 2):
        raise EvidenceError(
            "The VDI holds only the changes against another disk (a snapshot)", str(path),
            "Clone the disk on a copy (VBoxManage clonemedium) and give the result.",
        )  # fmt: skip
    return Vdi(file, (table, data), size, (block, extra, count)), "fixed" if kind == 2 else "dynamic", ()


class Vdi(BlockMedia):
    """Blocks by a table of their numbers in the file."""

    def __init__(self, file: FilePart, where: tuple[int, int], size: int, blocks: tuple[int, int, int]) -> None:
        super().__init__(size, blocks[0])
        self._file, self._words = file, Words(file)
        self._table, self._data = where
        self._extra, self._count = blocks[1:]

    def piece(self, index: int, skip: int, count: int) -> bytes:
        """`count` bytes of a block."""
        if index >= self._count:
            msg = f"block {index} lies beyond the table of {self._count} blocks"
            raise OSError(msg)
        number = self._words.at(self._table + index * 4, "<I")
        if number >= 0xFFFFFFFE:
            return bytes(count)
        return self._file.exactly(self._data + number * (self.block + self._extra) + self._extra + skip, count)
