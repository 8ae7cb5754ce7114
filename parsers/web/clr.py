"""Names and texts of a .NET assembly: its heaps #Strings and #US, found through the PE headers, in bounded memory.

ECMA-335 II.24 and II.25. Nothing is loaded or run, and no table of the metadata is read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from msgspec import Struct

_CLR_DIRECTORY = 14
_MOST_SECTIONS = 96
_MOST_STREAMS = 64
_MOST_TEXTS = 20_000
_MOST_TEXT = 1 << 16  # bytes of one text that are looked at


class NotClrError(ValueError):
    """Bytes that are no .NET assembly, or one whose headers do not hold together."""


class Text(Struct, frozen=True, gc=False):
    """One user string: its characters and where its entry lies in the file."""

    text: str
    offset: int
    length: int


class Heap(Struct, frozen=True, gc=False):
    """A heap: bytes `offset` … `offset` + `size` of the file."""

    offset: int
    size: int


def heaps(raw: bytes) -> dict[str, Heap]:
    """The heaps of an assembly by their names. NotClrError where there are none."""
    try:
        return _heaps(raw)
    except struct.error as error:
        raise NotClrError(f"its headers are cut off ({error})") from error


def _heaps(raw: bytes) -> dict[str, Heap]:
    if raw[:2] != b"MZ":
        raise NotClrError("no program")
    pe = int.from_bytes(raw[60:64], "little")
    if raw[pe : pe + 4] != b"PE\0\0":
        raise NotClrError("no PE header")
    sections, optional = struct.unpack_from("<2xH12xH", raw, pe + 4)
    start = pe + 24
    wide = int.from_bytes(raw[start : start + 2], "little") == 0x20B
    directory = start + (112 if wide else 96) + 8 * _CLR_DIRECTORY
    table = start + optional
    clr = _at(raw, table, min(sections, _MOST_SECTIONS), struct.unpack_from("<I", raw, directory)[0])
    root = _at(raw, table, min(sections, _MOST_SECTIONS), struct.unpack_from("<I", raw, clr + 8)[0])
    if raw[root : root + 4] != b"BSJB":
        raise NotClrError("no metadata")
    return dict(_streams(raw, root))


def _at(raw: bytes, table: int, sections: int, rva: int) -> int:
    """Where a relative virtual address lies in the file."""
    for number in range(sections):
        size, begin, stored, place = struct.unpack_from("<IIII", raw, table + 40 * number + 8)
        if begin <= rva < begin + max(size, stored):
            return int(place + rva - begin)
    raise NotClrError(f"no section holds the address 0x{rva:x}")


def _streams(raw: bytes, root: int) -> Iterator[tuple[str, Heap]]:
    version = int.from_bytes(raw[root + 12 : root + 16], "little")
    at = root + 16 + version
    count = int.from_bytes(raw[at + 2 : at + 4], "little")
    at += 4
    for _ in range(min(count, _MOST_STREAMS)):
        offset, size = struct.unpack_from("<II", raw, at)
        end = raw.find(b"\0", at + 8, at + 8 + 32)
        if end < 0:
            raise NotClrError("a heap has no name")
        place = root + offset
        if place <= len(raw):
            yield raw[at + 8 : end].decode("latin-1"), Heap(place, min(size, len(raw) - place))
        at += 8 + (end - at - 8 + 4) // 4 * 4


def texts(raw: bytes, heap: Heap) -> Iterator[Text]:
    """User strings in their order; the walk ends where a length leaves the heap."""
    at, end = heap.offset + 1, heap.offset + heap.size
    for _ in range(_MOST_TEXTS):
        if at >= end:
            return
        length, head = _length(raw, at)
        if not head or at + head + length > end:
            return
        if length > 1:
            body = raw[at + head : at + head + min(length - 1, _MOST_TEXT)]
            yield Text(body.decode("utf-16-le", "backslashreplace"), at, head + length)
        at += head + length


def _length(raw: bytes, at: int) -> tuple[int, int]:
    """A compressed number and how many bytes it takes (0: none)."""
    first = raw[at]
    if first < 0x80:
        return first, 1
    if first < 0xC0:
        return int.from_bytes(raw[at : at + 2], "big") & 0x3FFF, 2
    if first < 0xE0:
        return int.from_bytes(raw[at : at + 4], "big") & 0x1FFFFFFF, 4
    return 0, 0


def words(raw: bytes, heap: Heap) -> set[str]:
    """Names of classes, methods and fields."""
    parts = raw[heap.offset : heap.offset + heap.size].split(b"\0", _MOST_TEXTS)
    return {part.decode("utf-8", "backslashreplace") for part in parts[:_MOST_TEXTS] if part}
