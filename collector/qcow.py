"""QEMU disks (QCOW2, versions 2 and 3): clusters, packed clusters, subclusters, data files and backing files.

Written from QEMU's docs/interop/qcow2.txt. Backing and data files are opened only beside the image.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from collector.blocks import BlockMedia, FilePart, Words
from collector.nearby import Files
from collector.runs import Reader
from shellcase.errors import EvidenceError

MAGIC = b"QFI\xfb"
_OFFSET = 0x00FFFFFFFFFFFE00
_CORRUPT, _DATA_FILE, _OTHER_PACKING, _SUBCLUSTERS, _KNOWN = 2, 4, 8, 16, 31
_CRYPT = {1: "AES", 2: "LUKS"}
_MOST_NAME = 1023
_DECRYPT = "Decrypt it with qemu-img on a copy of the image and give the decrypted one."


class Header:
    """The fields of the header that reading needs, and the names of other files in it."""

    def __init__(self, file: FilePart, path: Path) -> None:
        raw = file.exactly(0, 72)
        _magic, self.version, backing, backing_size, self.bits, self.size = struct.unpack_from(">4sIQIIQ", raw, 0)
        self.crypt, self.l1_count, self.l1 = struct.unpack_from(">IIQ", raw, 32)
        self.snapshots = struct.unpack_from(">I", raw, 60)[0]
        self.features, length = 0, 72
        packing = 0
        if self.version >= 3:
            (self.features,) = struct.unpack_from(">Q", file.exactly(72, 8), 0)
            length, packing = struct.unpack(">IB", file.exactly(100, 5))
        self._check(path, packing if self.features & _OTHER_PACKING else 0)
        name = file.exactly(backing, min(backing_size, _MOST_NAME)) if backing else b""
        self.backing = name.decode("utf-8", "replace")
        found = self._extensions(file, length, backing or 1 << self.bits)
        self.backing_raw = found.get(0xE2792ACA, b"").lower() == b"raw"
        self.data_file = found.get(0x44415441, b"").decode("utf-8", "replace")

    def _check(self, path: Path, packing: int) -> None:
        if self.version not in (2, 3) or not 9 <= self.bits <= 21:
            raise EvidenceError(
                f"QCOW version {self.version} with clusters of 2^{self.bits} bytes is not read", str(path),
                "Convert a copy with qemu-img to version 3 or to raw.",
            )  # fmt: skip
        if self.crypt:
            kind = _CRYPT.get(self.crypt, f"method {self.crypt}")
            raise EvidenceError(f"The QCOW2 image is encrypted ({kind})", str(path), _DECRYPT)
        if (unknown := self.features & ~_KNOWN) or packing > 1:
            raise EvidenceError(
                f"The QCOW2 image uses features that are not known here (bits {unknown:#x}, packing {packing})",
                str(path),
                "Convert a copy with qemu-img to raw.",
            )

    @staticmethod
    def _extensions(file: FilePart, at: int, end: int) -> dict[int, bytes]:
        found = dict[int, bytes]()
        while at + 8 <= end and len(found) < 32:
            kind, size = struct.unpack(">II", file.exactly(at, 8))
            if not kind or size > end - at - 8:
                break
            found[kind] = file.exactly(at + 8, min(size, _MOST_NAME))
            at += 8 + (size + 7 & ~7)
        return found


def open_qcow(
    files: Files, path: Path, open_parent: Callable[[Path, bool], Reader]
) -> tuple[Reader, str, tuple[str, ...]]:
    """The media, which version it is, and remarks. `open_parent` gets a path and whether it is to be taken as raw."""
    file = files.open(path)
    head = Header(file, path)
    data, below, remarks = file, None, list[str]()
    if head.features & _DATA_FILE:
        data = files.open(files.beside(head.data_file, "The data file of the QCOW2 image"))
    if head.backing:
        found = files.beside(head.backing, "The backing file of the QCOW2 image")
        below = open_parent(found, head.backing_raw)
    if head.features & _CORRUPT:
        remarks.append("the QCOW2 image is marked as corrupt by the program that wrote it")
    if head.snapshots:
        remarks.append(f"the QCOW2 image holds {head.snapshots} saved states of the machine; only the last is read")
    return Qcow(file, head, data, below), f"version {head.version}", tuple(remarks)


def unpack_zstd(packed: bytes, size: int) -> bytes:
    """At most `size` bytes of a zstd frame; what follows the frame is not looked at. ValueError for other bytes."""
    import pyarrow as pa

    try:
        with pa.CompressedInputStream(pa.BufferReader(packed), "zstd") as stream:
            return bytes(stream.read(size))
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error


class Qcow(BlockMedia):
    """The decoded disk."""

    def __init__(self, file: FilePart, head: Header, data: FilePart, below: Reader | None) -> None:
        super().__init__(head.size, 1 << head.bits, below)
        self._file, self._head, self._data, self._words = file, head, data, Words(file)
        self._wide = 16 if head.features & _SUBCLUSTERS else 8
        self._per_table = self.block // self._wide

    def piece(self, index: int, skip: int, count: int) -> bytes:
        """`count` bytes of a cluster."""
        entry, states = self._entry(index)
        if entry >> 62 & 1:
            return self._packed(index, entry)[skip : skip + count]
        if self._wide == 16:
            return self._subclusters(index, entry, states, skip, count)
        if entry & 1 and self._head.version >= 3:
            return bytes(count)
        return self._stored(entry, skip, count) if self._is_stored(entry) else self.absent(index, skip, count)

    def _entry(self, index: int) -> tuple[int, int]:
        """The second table's entry of a cluster, and the states of its subclusters."""
        number, within = divmod(index, self._per_table)
        if number >= self._head.l1_count:
            return 0, 0
        table = self._words.at(self._head.l1 + number * 8, ">Q") & _OFFSET
        if not table:
            return 0, 0
        at = table + within * self._wide
        return self._words.at(at, ">Q"), self._words.at(at + 8, ">Q") if self._wide == 16 else 0

    def _is_stored(self, entry: int) -> bool:
        """In a data file a cluster may lie at 0; the flag of its only user tells it from an absent one."""
        return bool(entry & _OFFSET) or (self._data is not self._file and bool(entry >> 63))

    def _stored(self, entry: int, skip: int, count: int) -> bytes:
        return self._data.exactly((entry & _OFFSET) + skip, count)

    def _subclusters(self, index: int, entry: int, states: int, skip: int, count: int) -> bytes:
        """Each of 32 parts has a bit for stored and one for zeros."""
        size, out = self.block // 32, bytearray()
        while count:
            number, within = divmod(skip, size)
            step = min(size - within, count)
            if states >> 32 + number & 1:
                out += bytes(step)
            elif states >> number & 1:
                out += self._stored(entry, skip, step)
            else:
                out += self.absent(index, skip, step)
            skip, count = skip + step, count - step
        return bytes(out)

    def _packed(self, index: int, entry: int) -> bytes:
        data = self.kept(index)
        return self.keep(index, self._unpack(index, entry)) if data is None else data

    def _unpack(self, index: int, entry: int) -> bytes:
        shift = 70 - self._head.bits
        at = entry & ((1 << shift) - 1)
        sectors = (entry >> shift & ((1 << 62 - shift) - 1)) + 1
        packed = self._file.exactly(at, min(sectors * 512 - at % 512, self._file.size - at))
        try:
            if self._head.features & _OTHER_PACKING:
                return unpack_zstd(packed, self.block)
            return zlib.decompressobj(-12).decompress(packed, self.block)
        except (zlib.error, ValueError) as error:
            msg = f"the packed cluster {index} is damaged: {error}"
            raise OSError(msg) from error
