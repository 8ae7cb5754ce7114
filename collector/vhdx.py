"""Virtual disks of Hyper-V and Azure: VHDX, fixed, dynamic, and the checkpoints over them (`.avhdx`).

Written from [MS-VHDX]. A checkpoint holds what changed; the rest is its parent's, which must lie beside it unchanged.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from collector.blocks import BlockMedia, FilePart, Words, stored
from collector.nearby import Files, plain_name
from collector.runs import Reader
from collector.vhd import MERGE, Disk
from collector.vhdxlog import applied, header_of
from shellcase.errors import EvidenceError

MAGIC = b"vhdxfile"
_MIB = 1 << 20
_BAT = UUID("2dc27766-f623-4200-9d64-115e9bfd4a08")
_METADATA = UUID("8b7ca206-4790-4b9a-b8fe-575f050f886e")
_PARAMETERS = UUID("caa16737-fa36-4d43-b3b6-33f0aa44e76b")
_SIZE = UUID("2fa54224-cd1b-4876-b211-5dbed83bf4b8")
_LOGICAL = UUID("8141bf1d-a96f-4709-ba47-f233a8faab5f")
_LOCATOR = UUID("a8d35f2d-b30b-454d-abf7-d3d84834ab0c")
_BITMAP = 1 << 23
"""Bits of one bitmap: a sector of the disk each, the first in the lowest bit."""
_NOT_PRESENT, _FULLY, _PARTLY, _BITMAP_PRESENT = 0, 6, 7, 6
Parent = Callable[[Path], Reader]


def open_vhdx(files: Files, path: Path, open_parent: Parent) -> Disk:
    """A VHDX by its newer sound header, its log and the first sound table of regions."""
    file, done, lacking = applied(files.open(path))
    regions = _regions(file)
    items = _metadata(file, regions[_METADATA])
    block, flags = struct.unpack_from("<II", items[_PARAMETERS], 0)
    (size,), (sector,) = struct.unpack_from("<Q", items[_SIZE]), struct.unpack_from("<I", items[_LOGICAL])
    below = _parent(files, path, _locator(items.get(_LOCATOR, b"")), open_parent) if flags & 2 else None
    kind = "checkpoint" if below else "fixed" if flags & 1 else "dynamic"
    media = Vhdx(file, _Layout(regions[_BAT], size, block, sector), below)
    return media, kind, tuple(filter(None, (lacking,))), tuple(filter(None, (done,)))


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the table of blocks lies; bytes of the disk, of a block and of a sector."""

    table: int
    size: int
    block: int
    sector: int


class Vhdx(BlockMedia):
    """Blocks by their table, in which after each chunk of them an entry for a bitmap follows."""

    def __init__(self, file: FilePart, layout: _Layout, below: Reader | None) -> None:
        super().__init__(layout.size, layout.block, below)
        if layout.sector not in (512, 4096):
            msg = f"impossible size of a sector: {layout.sector} bytes"
            raise OSError(msg)
        self._file, self._table, self._words, self._sector = file, layout.table, Words(file), layout.sector
        self._chunk = max(1, _BITMAP * layout.sector // layout.block)

    def piece(self, index: int, skip: int, count: int) -> bytes:
        """`count` bytes of a block."""
        state, at = self._entry(index + index // self._chunk)
        if state == _NOT_PRESENT:
            return self.absent(index, skip, count)
        if state in (1, 2, 3):
            return bytes(count)
        if state == _FULLY:
            return self._file.exactly(at + skip, count)
        if state != _PARTLY or self._below is None:
            msg = f"block {index} has the state {state}, which this kind of disk does not have"
            raise OSError(msg)
        return self._mixed(index, at, skip, count)

    def _entry(self, number: int) -> tuple[int, int]:
        entry = self._words.at(self._table + number * 8, "<Q")
        return entry & 7, (entry >> 20) * _MIB

    def _mixed(self, index: int, at: int, skip: int, count: int) -> bytes:
        """Of a block of which some sectors are the parent's."""
        chunk, within = divmod(index, self._chunk)
        state, bitmap = self._entry(chunk * (self._chunk + 1) + self._chunk)
        if state != _BITMAP_PRESENT:
            msg = f"the bitmap of block {index} is not there"
            raise OSError(msg)
        first, last = skip // self._sector, -(-(skip + count) // self._sector)
        before = within * (self.block // self._sector)
        low, high = (before + first) // 8, -(-(before + last) // 8)
        bits = self._file.exactly(bitmap + low, high - low)
        out = bytearray()
        for ours, start, end in stored(bits, before + first - low * 8, last - first, "little"):
            begin, size = (first + start) * self._sector, (end - start) * self._sector
            out += self._file.exactly(at + begin, size) if ours else self.absent(index, begin, size)
        return bytes(out[skip - first * self._sector :][:count])


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


def _parent(files: Files, path: Path, names: dict[str, str], open_parent: Parent) -> Reader:
    """The disk a checkpoint lies over. It must be unchanged since, or the checkpoint's bytes do not fit it."""
    named = names.get("relative_path") or names.get("absolute_win32_path") or ""
    if not named:
        raise EvidenceError("The VHDX is a checkpoint (differencing disk) that names no parent", str(path), MERGE)
    found = files.beside(named, "This VHDX is a checkpoint (differencing disk); its parent")
    with found.open("rb") as fh:
        head = header_of(FilePart(fh))
    has = f"{{{UUID(bytes_le=head.data_id)}}}" if head else "none"
    wanted = [names[key].lower() for key in ("parent_linkage", "parent_linkage2") if key in names]
    if has not in wanted:
        raise EvidenceError(
            f"The parent beside this VHDX checkpoint is another one, or was changed since: {plain_name(found.name)!r} "
            f"has the id {has}, the checkpoint wants {' or '.join(wanted) or 'one that it does not name'}",
            str(path),
            MERGE,
        )
    return open_parent(found)


def _locator(raw: bytes) -> dict[str, str]:
    """What a locator says of the parent: pairs of UTF-16 texts."""
    count = struct.unpack_from("<H", raw, 18)[0] if len(raw) >= 20 else 0
    names = dict[str, str]()
    for n in range(min(count, 64)):
        entry = raw[20 + n * 12 : 32 + n * 12]
        if len(entry) == 12:
            key, value, key_size, value_size = struct.unpack("<IIHH", entry)
            names[_text(raw[key : key + key_size])] = _text(raw[value : value + value_size])
    return names


def _text(raw: bytes) -> str:
    return raw.decode("utf-16-le", "replace").rstrip("\0")
