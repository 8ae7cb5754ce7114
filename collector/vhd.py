"""Virtual disks of Virtual PC, Hyper-V and Azure: VHD, fixed, dynamic and differencing; and VirtualBox's VDI.

Written from Microsoft's Virtual Hard Disk Image Format Specification and VirtualBox's VDICore.h. A differencing disk
holds what changed; the rest is its parent's, which must lie beside it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

from collector.blocks import BlockMedia, FilePart, Words, stored
from collector.nearby import Files, plain_name
from collector.runs import Reader
from shellcase.errors import EvidenceError

VHD_COOKIE, VDI_MAGIC = b"conectix", b"\x7f\x10\xda\xbe"
_SECTOR = 512
_FIXED, _DYNAMIC, _DIFFERENCING = 2, 3, 4
MERGE = "Merge the disk with its parents on a copy (Hyper-V: Edit Disk, Merge or Convert-VHD) and give the result."
Disk = tuple[Reader, str, tuple[str, ...], tuple[str, ...]]
"""Media, variant, what is lost of it, and remarks."""


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


def open_vhd(files: Files, path: Path, open_parent: Callable[[Path], Reader]) -> Disk:
    """A VHD by its footer or the footer's copy."""
    file = files.open(path)
    footer, copy = vhd_footer(file)
    header, size, kind = (struct.unpack_from(c, footer, at)[0] for c, at in ((">Q", 16), (">Q", 48), (">I", 60)))
    lost = ("the VHD's footer at the end of the file is missing: the copy is not complete",) if copy else ()
    if kind == _FIXED:
        return file.part(0, size), "fixed", lost, ()
    if kind not in (_DYNAMIC, _DIFFERENCING):
        raise EvidenceError(f"VHD disks of type {kind} are not read", str(path), "Convert a copy to a fixed disk.")
    below = _parent(files, path, file.exactly(header, 1024), open_parent) if kind == _DIFFERENCING else None
    return DynamicVhd(file, header, size, below), "differencing" if below else "dynamic", lost, ()


def _parent(files: Files, path: Path, header: bytes, open_parent: Callable[[Path], Reader]) -> Reader:
    """The disk a differencing one lies over, by its name and the id in its footer."""
    name = header[64:576].decode("utf-16-be", "replace").split("\0")[0]
    found = files.beside(name, "This VHD is a differencing disk; its parent")
    with found.open("rb") as fh:
        footer = vhd_footer(FilePart(fh))[0]
    if footer[68:84] != header[40:56]:
        raise EvidenceError(
            f"The parent beside this VHD differencing disk is another one: {plain_name(found.name)!r} has the id "
            f"{footer[68:84].hex() or 'none'}, the disk wants {header[40:56].hex()}",
            str(path),
            MERGE,
        )
    return open_parent(found)


class DynamicVhd(BlockMedia):
    """Blocks behind a bitmap of their sectors each.

    A sector that was never written is the parent's; without a parent it is zeros in the block.
    """

    def __init__(self, file: FilePart, header: int, size: int, below: Reader | None = None) -> None:
        raw = file.exactly(header, 64)
        self._table, self._count, block = (
            struct.unpack_from(c, raw, at)[0] for c, at in ((">Q", 16), (">I", 28), (">I", 32))
        )
        super().__init__(size, block, below)
        self._file, self._words = file, Words(file)
        self._bitmap = (block // _SECTOR // 8 + _SECTOR - 1) // _SECTOR * _SECTOR

    def piece(self, index: int, skip: int, count: int) -> bytes:
        """`count` bytes of a block."""
        if index >= self._count:
            msg = f"block {index} lies beyond the table of {self._count} blocks"
            raise OSError(msg)
        sector = self._words.at(self._table + index * 4, ">I")
        if sector == 0xFFFFFFFF:
            return self.absent(index, skip, count)
        if self._below is None:
            return self._file.exactly(sector * _SECTOR + self._bitmap + skip, count)
        return self._mixed(index, sector * _SECTOR, skip, count)

    def _mixed(self, index: int, at: int, skip: int, count: int) -> bytes:
        """Of a block of which some sectors are the parent's; the first sector is the highest bit."""
        first, last = skip // _SECTOR, -(-(skip + count) // _SECTOR)
        bits = self._file.exactly(at + first // 8, -(-last // 8) - first // 8)
        out = bytearray()
        for ours, start, end in stored(bits, first % 8, last - first, "big"):
            begin, size = (first + start) * _SECTOR, (end - start) * _SECTOR
            out += self._file.exactly(at + self._bitmap + begin, size) if ours else self.absent(index, begin, size)
        return bytes(out[skip - first * _SECTOR :][:count])


def open_vdi(files: Files, path: Path, _open_parent: Callable[[Path], Reader]) -> Disk:
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
    return Vdi(file, (table, data), size, (block, extra, count)), "fixed" if kind == 2 else "dynamic", (), ()


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
