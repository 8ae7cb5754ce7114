"""The version resource of a Windows program: bounded reads of headers and one resource, nothing else.

PE/COFF as Microsoft documents it: DOS header, COFF and optional header, section table, resource tree of three levels
(type, name, language), VS_VERSIONINFO with VS_FIXEDFILEINFO and its strings. Every count from the file is capped.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from msgspec import Struct

from parsers.account import covered

_RT_VERSION = 16
_MOST_SECTIONS, _MOST_ENTRIES, _MOST_RESOURCE, _MOST_STRINGS = 96, 512, 1 << 16, 64
_FIXED = struct.Struct("<13I")
_FIXED_MARK = 0xFEEF04BD


class Version(Struct, frozen=True):
    """Where the resource lies in the file, its bytes, the two numbers and the strings in their order."""

    offset: int
    raw: bytes
    file: tuple[int, int, int, int]
    product: tuple[int, int, int, int]
    strings: tuple[tuple[str, str], ...]
    linked: int
    machine: int


class Damaged(Struct, frozen=True):
    """Why there is no version to tell, and where."""

    offset: int
    why: str


class _Reader:
    """Bounded reads that remember how much they took."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream, self._size = stream, size
        self._read: list[tuple[int, int]] = []

    @property
    def seen(self) -> int:
        """Bytes that were read, none twice."""
        return covered(self._read)

    def at(self, offset: int, length: int) -> bytes:
        if not 0 <= offset < self._size:
            return b""
        self._stream.seek(offset)
        raw = self._stream.read(min(length, self._size - offset))
        self._read.append((offset, len(raw)))
        return raw


class _Image(Struct, frozen=True):
    """What of the headers the way to the resource needs."""

    sections: tuple[tuple[int, int, int], ...]  # (virtual address, bytes in the file, their offset)
    resources: int
    linked: int
    machine: int

    def place(self, address: int) -> int | None:
        """The offset in the file of an address in memory."""
        for start, size, offset in self.sections:
            if start <= address < start + size:
                return offset + address - start
        return None


def read_version(stream: BinaryIO, size: int) -> tuple[Version | Damaged, int]:
    """The version, or why there is none; and the number of bytes read."""
    reader = _Reader(stream, size)
    image = _image(reader)
    found = _resource(reader, image) if isinstance(image, _Image) else image
    if isinstance(found, Damaged) or isinstance(image, Damaged):
        return found if isinstance(found, Damaged) else Damaged(0, "no headers"), reader.seen
    offset, raw = found
    at = raw.find(struct.pack("<I", _FIXED_MARK))
    if at < 0 or len(raw) < at + _FIXED.size:
        return Damaged(offset, "version resource without its fixed part"), reader.seen
    fixed = _FIXED.unpack_from(raw, at)
    file, product = _number(fixed[2], fixed[3]), _number(fixed[4], fixed[5])
    return Version(offset, raw, file, product, tuple(_strings(raw)), image.linked, image.machine), reader.seen


def _number(high: int, low: int) -> tuple[int, int, int, int]:
    return high >> 16, high & 0xFFFF, low >> 16, low & 0xFFFF


def _image(reader: _Reader) -> _Image | Damaged:
    dos = reader.at(0, 64)
    start = struct.unpack_from("<I", dos, 60)[0] if len(dos) == 64 and dos[:2] == b"MZ" else 0
    coff = reader.at(start, 24) if start else b""
    if len(coff) < 24 or coff[:4] != b"PE\0\0":
        return Damaged(start, "no PE header")
    machine, count, linked, length = *struct.unpack_from("<HHI", coff, 4), struct.unpack_from("<H", coff, 20)[0]
    optional = reader.at(start + 24, length)
    # the resource directory is the third entry; the table lies behind 96 bytes (PE32) or 112 (PE32+)
    table = {b"\x0b\x01": 96, b"\x0b\x02": 112}.get(optional[:2], len(optional))
    if len(optional) < table + 24:
        return Damaged(start + 24, "no resource directory")
    resources = struct.unpack_from("<I", optional, table + 16)[0]
    rows = reader.at(start + 24 + length, 40 * min(count, _MOST_SECTIONS))
    sections = (struct.unpack_from("<4I", rows, at + 8) for at in range(0, len(rows) - 39, 40))
    return _Image(tuple((va, size, offset) for _, va, size, offset in sections), resources, linked, machine)


def _resource(reader: _Reader, image: _Image) -> tuple[int, bytes] | Damaged:
    """The bytes of the first version resource: type 16, any name, any language."""
    base = image.place(image.resources) if image.resources else None
    if base is None:
        return Damaged(0, "no resources")
    at = 0
    for wanted in (_RT_VERSION, None, None):
        entry = next((low for name, low in _entries(reader, base + at) if wanted in (None, name)), None)
        if entry is None:
            return Damaged(base + at, "no version resource")
        at = entry & 0x7FFFFFFF
    data = reader.at(base + at, 8)
    address, length = struct.unpack("<II", data) if len(data) == 8 else (0, 0)
    offset = image.place(address)
    if offset is None or not 0 < length <= _MOST_RESOURCE:
        return Damaged(base + at, f"version resource of {length} bytes at address {address:#x}")
    raw = reader.at(offset, length)
    return (offset, raw) if len(raw) == length else Damaged(offset, "version resource is cut off")


def _entries(reader: _Reader, offset: int) -> Iterator[tuple[int, int]]:
    head = reader.at(offset, 16)
    named, numbered = struct.unpack_from("<HH", head, 12) if len(head) == 16 else (0, 0)
    rows = reader.at(offset + 16, 8 * min(named + numbered, _MOST_ENTRIES))
    for at in range(0, len(rows) - 7, 8):
        yield struct.unpack_from("<II", rows, at)


def _strings(raw: bytes) -> Iterator[tuple[str, str]]:
    """Name and value of each string: nodes of length, value length, type, name, value, aligned to four bytes."""
    at = raw.find("StringFileInfo".encode("utf-16-le"))
    at = (at + 30 + 3) & ~3  # behind the name and its end: the string table
    if at < 30 or at + 6 > len(raw):
        return
    last = at + struct.unpack_from("<H", raw, at)[0]
    _, at = _name(raw, at + 6)
    for _ in range(_MOST_STRINGS):
        if at + 6 > min(len(raw), last):
            return
        length, size, _kind = struct.unpack_from("<3H", raw, at)
        name, value = _name(raw, at + 6)
        if length < 6 or not name or at + length > len(raw):
            return
        text = raw[value : min(value + 2 * size, at + length)].decode("utf-16-le", "backslashreplace")
        yield name, text.rstrip("\0").replace("\0", "\\x00")
        at = (at + length + 3) & ~3


def _name(raw: bytes, at: int) -> tuple[str, int]:
    """A name that ends in a zero, and where the value behind it begins."""
    end = at
    while raw[end : end + 2] not in (b"\0\0", b"") and end - at < 256:
        end += 2
    return raw[at:end].decode("utf-16-le", "backslashreplace"), (end + 2 + 3) & ~3
