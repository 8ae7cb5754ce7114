"""VMware disks: descriptor, flat and sparse extents, stream-optimised, and the deltas of snapshots over their parents.

Written from VMware's Virtual Disk Format 5.0, and for ESXi's two delta formats (COWD, SEsparse) from QEMU's reader.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from collector.blocks import BlockMedia, FilePart, Hole, Joined, Words, Zeros
from collector.nearby import Files, plain_name
from collector.runs import Reader
from shellcase.errors import EvidenceError

SPARSE, COWD, SESPARSE, TEXT = b"KDMV", b"COWD", b"\xbe\xba\xfe\xca", b"# Disk"
_SECTOR = 512
_MOST_TEXT = 1 << 20
_NO_PARENT = "ffffffff"
_EXTENT = re.compile(
    r'(?P<access>RW|RDONLY|NOACCESS)\s+(?P<sectors>\d+)\s+(?P<kind>[A-Z]+)(\s+"(?P<name>[^"]*)"(\s+(?P<start>\d+))?)?'
)
Parent = Callable[[Path], Reader]
"""Opens another disk of the same folder."""


@dataclass(frozen=True, slots=True)
class Extent:
    """One line of the descriptor; `start` is the first sector within a flat file."""

    sectors: int
    kind: str
    name: str = ""
    start: int = 0
    readable: bool = True


@dataclass(frozen=True, slots=True)
class Descriptor:
    """The text that describes a disk: its settings (keys in lower case) and its extents in order."""

    settings: dict[str, str] = field(default_factory=dict[str, str])
    extents: tuple[Extent, ...] = ()

    @property
    def parent(self) -> str:
        """What the disk is a delta of; empty when it stands alone."""
        alone = self.settings.get("parentcid", _NO_PARENT).lower() == _NO_PARENT
        return "" if alone else self.settings.get("parentfilenamehint") or "(not named)"


def is_vmdk(head: bytes) -> bool:
    """Whether a file starts like a VMDK descriptor or sparse extent."""
    return head.startswith((SPARSE, COWD, SESPARSE, TEXT))


def parse_descriptor(text: str) -> Descriptor:
    """The descriptor's settings and extents; lines that are neither are left out."""
    settings, extents = dict[str, str](), list[Extent]()
    for line in text.replace("\r", "\n").split("\n"):
        if found := _EXTENT.match(line.strip()):
            sectors, start = int(found["sectors"][:18]), int((found["start"] or "0")[:18])
            extents.append(Extent(sectors, found["kind"], found["name"] or "", start, found["access"] != "NOACCESS"))
        elif "=" in line and not line.lstrip().startswith("#"):
            key, _, value = line.partition("=")
            settings.setdefault(key.strip().lower(), value.strip().strip('"'))
    return Descriptor(settings, tuple(extents))


def descriptor_of(file: FilePart) -> Descriptor:
    """The descriptor a file is, or carries inside; empty for a bare extent."""
    head = file.read_at(0, 44)
    if head.startswith(TEXT):
        raw = file.read_at(0, _MOST_TEXT)
    elif head.startswith(SPARSE) and len(head) == 44:
        at, sectors = struct.unpack_from("<QQ", head, 28)
        raw = file.read_at(at * _SECTOR, min(sectors * _SECTOR, _MOST_TEXT)) if sectors else b""
    else:
        raw = b""
    return parse_descriptor(raw.split(b"\0", 1)[0].decode("utf-8", "replace"))


def open_vmdk(files: Files, path: Path, open_parent: Parent) -> tuple[Reader, str, tuple[str, ...]]:
    """The media of a disk, what kind of VMDK it is, and what is missing of it."""
    file = files.open(path)
    head = file.read_at(0, 512)
    descriptor = descriptor_of(file)
    if not head.startswith(TEXT) and "createtype" not in descriptor.settings:
        raise _bare_extent(path)
    below = _parent(files, path, descriptor, open_parent) if descriptor.parent else None
    kind = descriptor.settings.get("createtype", "no type given")
    if not head.startswith(TEXT):
        return sparse_extent(file, below), kind, ()
    parts, problems = list[Reader](), list[str]()
    at = 0
    for extent in descriptor.extents:
        part = _extent(files, extent, Shifted(below, at * _SECTOR, extent.sectors * _SECTOR) if below else None)
        parts.append(part)
        at += extent.sectors
        if isinstance(part, FilePart) and part.held < part.size:
            problems.append(f"VMDK extent {extent.name!r} is {part.size - part.held} bytes too short")
    if not parts:
        raise EvidenceError("The VMDK descriptor names no extent", str(path), "Check the copy of the descriptor.")
    return Joined(parts), kind, tuple(problems)


class Shifted:
    """A range of another disk; zeros where that disk ends sooner."""

    def __init__(self, media: Reader, offset: int, size: int) -> None:
        self._media, self._offset, self.size = media, offset, size

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes of the range; fewer only at its end."""
        want = max(min(length, self.size - offset), 0)
        return self._media.read_at(self._offset + offset, want).ljust(want, b"\0")


def _extent(files: Files, extent: Extent, below: Reader | None) -> Reader:
    size = extent.sectors * _SECTOR
    if not extent.readable:
        return Hole(size, "the VMDK descriptor marks this extent as not accessible")
    if extent.kind == "ZERO":
        return Zeros(size)
    if extent.kind in ("FLAT", "VMFS"):
        return files.open(files.beside(extent.name, "An extent of the VMDK")).part(extent.start * _SECTOR, size)
    if extent.kind in ("SPARSE", "VMFSSPARSE", "SESPARSE"):
        path = files.beside(extent.name, "An extent of the VMDK")
        media = sparse_extent(files.open(path), below)
        return Shifted(media, 0, size)
    raise EvidenceError(
        f"The VMDK refers to a physical device or an unknown kind of extent ({extent.kind})",
        str(files.path),
        "Image the device itself (its bytes are not in this file).",
    )


def _parent(files: Files, path: Path, descriptor: Descriptor, open_parent: Parent) -> Reader:
    """The disk a delta lies over. It must be unchanged since, or the delta's bytes do not fit it."""
    found = files.beside(descriptor.parent, "This VMDK is the delta of a snapshot; its parent disk")
    with found.open("rb") as fh:
        cid = descriptor_of(FilePart(fh)).settings.get("cid", "").lower()
    want = descriptor.settings.get("parentcid", "").lower()
    if cid.zfill(8) != want.zfill(8):
        raise EvidenceError(
            f"The parent disk beside this VMDK delta is another one, or was changed since: {plain_name(found.name)!r} "
            f"has the content id {cid!r}, the delta wants {want!r}",
            str(path),
            "Find the right parent, or export the machine's disk as one file.",
        )
    return open_parent(found)


def _bare_extent(path: Path) -> EvidenceError:
    stem = re.sub(r"-(s\d{3}|delta|sesparse|flat|f\d{3})$", "", path.stem)
    return EvidenceError(
        "The file is one extent of a VMDK, without the descriptor that says where it belongs",
        str(path),
        f"Give the descriptor instead, usually {stem}{path.suffix or '.vmdk'} in the same folder.",
    )


def sparse_extent(file: FilePart, below: Reader | None) -> Reader:
    """A sparse extent of any of the three formats. OSError when its header cannot be."""
    magic = file.exactly(0, 4)
    if magic == SPARSE:
        return _Hosted(file, below)
    if magic == COWD:
        return _Cowd(file, below)
    if magic == SESPARSE:
        return _SeSparse(file, below)
    msg = "a sparse extent without its signature"
    raise OSError(msg)


class _Grains(BlockMedia):
    """Grains found through two levels of tables, in sectors: 0 is absent, 1 zeros."""

    def __init__(self, file: FilePart, below: Reader | None, sectors: int, grain: int) -> None:
        super().__init__(sectors * _SECTOR, grain * _SECTOR, below)
        self.file, self.words = file, Words(file)

    def piece(self, index: int, skip: int, count: int) -> bytes:
        """`count` bytes of a grain."""
        sector = self.grain(index)
        if sector == 0:
            return self.absent(index, skip, count)
        return bytes(count) if sector == 1 else self.stored(index, sector, skip, count)

    def grain(self, index: int) -> int:
        """The sector where a grain lies."""
        raise NotImplementedError

    def stored(self, _index: int, sector: int, skip: int, count: int) -> bytes:
        """The bytes of a grain that is stored."""
        return self.file.exactly(sector * _SECTOR + skip, count)


class _Hosted(_Grains):
    """VMDK sparse extents of Workstation and of exports; a footer has the header when that came last."""

    def __init__(self, file: FilePart, below: Reader | None) -> None:
        head = file.exactly(0, _SECTOR)
        if struct.unpack_from("<Q", head, 56)[0] == 0xFFFFFFFFFFFFFFFF:
            head = file.exactly(file.size - 2 * _SECTOR, _SECTOR)
        magic, _version, self._flags, sectors, grain = struct.unpack_from("<4sIIQQ", head, 0)
        (self._per_table,) = struct.unpack_from("<I", head, 44)
        (self._directory,) = struct.unpack_from("<Q", head, 56)
        if magic != SPARSE or not 0 < self._per_table <= 1 << 16:
            msg = "the footer of the VMDK is missing: the file is not complete"
            raise OSError(msg)
        super().__init__(file, below, sectors, grain)

    def grain(self, index: int) -> int:
        """Through grain directory and grain table."""
        number, entry = divmod(index, self._per_table)
        table = self.words.at(self._directory * _SECTOR + number * 4, "<I")
        return self.words.at(table * _SECTOR + entry * 4, "<I") if table else 0

    def stored(self, index: int, sector: int, skip: int, count: int) -> bytes:
        """As it is, or unpacked."""
        if not self._flags & 0x10000:
            return super().stored(index, sector, skip, count)
        data = self.kept(index)
        if data is None:
            data = self.keep(index, self._unpack(index, sector))
        return data[skip : skip + count]

    def _unpack(self, index: int, sector: int) -> bytes:
        head = 12 if self._flags & 0x20000 else 4
        (size,) = struct.unpack_from("<I", self.file.exactly(sector * _SECTOR, head), head - 4)
        if size > 2 * self.block + 1024:
            msg = f"the packed grain {index} claims {size} bytes"
            raise OSError(msg)
        packed = self.file.exactly(sector * _SECTOR + head, size)
        try:
            return zlib.decompressobj().decompress(packed, self.block)
        except zlib.error as error:
            msg = f"the packed grain {index} is damaged: {error}"
            raise OSError(msg) from error


class _Cowd(_Grains):
    """Deltas and sparse disks of ESX (VMFS sparse)."""

    def __init__(self, file: FilePart, below: Reader | None) -> None:
        sectors, grain, self._directory, self._tables = struct.unpack_from("<IIII", file.exactly(0, 32), 12)
        super().__init__(file, below, sectors, grain)

    def grain(self, index: int) -> int:
        """Tables of 4096 grains."""
        number, entry = divmod(index, 4096)
        if number >= self._tables:
            msg = f"grain {index} lies beyond the grain directory"
            raise OSError(msg)
        table = self.words.at(self._directory * _SECTOR + number * 4, "<I")
        return self.words.at(table * _SECTOR + entry * 4, "<I") if table else 0


class _SeSparse(_Grains):
    """Deltas of ESXi 6.5 and later (space-efficient sparse)."""

    def __init__(self, file: FilePart, below: Reader | None) -> None:
        head = file.exactly(0, _SECTOR)
        _magic, _version, sectors, grain, table = struct.unpack_from("<QQQQQ", head, 0)
        self._directory, _size, self._tables = struct.unpack_from("<QQQ", head, 128)
        (self._grains,) = struct.unpack_from("<Q", head, 192)
        self._per_table = table * _SECTOR // 8
        if not 0 < self._per_table <= 1 << 16:
            msg = "the SEsparse header holds impossible sizes"
            raise OSError(msg)
        super().__init__(file, below, sectors, grain)

    def grain(self, index: int) -> int:
        """Directory entries carry 0x1 in the top nibble where a table exists; grains their type there."""
        number, entry = divmod(index, self._per_table)
        table = self.words.at(self._directory * _SECTOR + number * 8, "<Q")
        if table >> 32 != 0x10000000:
            return 0
        at = self._tables * _SECTOR + (table & 0xFFFFFFFF) * self._per_table * 8
        word = self.words.at(at + entry * 8, "<Q")
        kind, cluster = word >> 60, ((word & 0x0FFF000000000000) >> 48) | ((word & 0x0000FFFFFFFFFFFF) << 12)
        if kind not in (0, 1, 2, 3):
            msg = f"grain {index} has an unknown type"
            raise OSError(msg)
        return (0, 0, 1, self._grains + cluster * self.block // _SECTOR)[kind]
