"""The bytes of a hive: header, bins, cells; and where its keys lie, found without decoding them.

Layout: the regf format as Windows writes it since XP (header of 4096 bytes, bins of multiples of 4096, cells whose
first four bytes are their size, negative when allocated). All offsets here count from the start of the file; those
stored in the hive count from the first bin.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from msgspec import Struct

FIRST_BIN = 0x1000
NOWHERE = 0xFFFF_FFFF
_NK_LEAST = 0x4C


class Damage(Struct, frozen=True):
    """Bytes of a hive that are no cells."""

    offset: int
    length: int
    what: str
    lost: bool = False


class Header(Struct, frozen=True):
    """The base block. `first` ≠ `second` says that the hive was not closed cleanly; `end` is where its bins end."""

    valid: bool
    first: int
    second: int
    kind: int  # 0 hive, 1 and 2 old log, 6 new log
    root: int  # file offset of the root key's cell
    end: int


def header(raw: bytes) -> Header:
    """Read the base block; a short or foreign one gives `valid` False and zeros."""
    if len(raw) < 64 or raw[:4] != b"regf":
        return Header(False, 0, 0, 0, 0, 0)
    first, second = struct.unpack_from("<II", raw, 4)
    kind, _, root, bins = struct.unpack_from("<IIII", raw, 28)
    return Header(True, first, second, kind, root + FIRST_BIN, bins + FIRST_BIN)


def cells(raw: bytes) -> Iterator[tuple[int, int, bool] | Damage]:
    """(offset, size, allocated) of every cell, or the damage between them."""
    at, inside = FIRST_BIN, header(raw).end
    while at + 32 <= len(raw):
        size = int.from_bytes(raw[at + 8 : at + 12], "little")
        if raw[at : at + 4] != b"hbin" or not size or size % 0x1000:
            end = raw.find(b"hbin", at + 0x20)
            while end >= 0 and end % 0x1000:
                end = raw.find(b"hbin", end + 1)
            end = len(raw) if end < 0 else end
            if any(raw[at:end]):
                yield Damage(at, end - at, "no bin starts here")
            elif at < inside:
                yield Damage(at, min(end, inside) - at, "zeros instead of a bin: its keys and values are gone", True)
            at = end
            continue
        yield from _cells_of(raw, at + 32, min(at + size, len(raw)))
        if at + size > len(raw):
            yield Damage(len(raw), 0, f"the file ends {at + size - len(raw)} bytes before its last bin does")
        at += size


def _cells_of(raw: bytes, at: int, end: int) -> Iterator[tuple[int, int, bool] | Damage]:
    while at + 4 <= end:
        size = struct.unpack_from("<i", raw, at)[0]
        length = abs(size)
        if length < 8 or length % 8 or at + length > end:
            again = _again(raw, at + 8, end)
            yield Damage(at, again - at, "the cells of this bin break off")
            at = again
            continue
        yield at, length, size < 0
        at += length


def _again(raw: bytes, at: int, end: int) -> int:
    """Where a row of cells starts that goes on to the very end of the bin; the end itself where there is none."""
    reaches = bytearray((end - at) // 8 + 2)
    last, first = (end - at) // 8, end
    reaches[last] = (end - at) % 8 == 0
    for step in range(last - 1, -1, -1):
        length = abs(struct.unpack_from("<i", raw, at + 8 * step)[0])
        if length >= 8 and length % 8 == 0 and at + 8 * step + length <= end and reaches[step + length // 8]:
            reaches[step] = 1
            first = at + 8 * step
    return first


def is_key(raw: bytes, at: int, size: int) -> bool:
    """Whether a cell holds a key, by its signature and the length of its name."""
    if raw[at + 4 : at + 6] != b"nk" or size < _NK_LEAST + 4:
        return False
    return 4 + _NK_LEAST + int.from_bytes(raw[at + 4 + 0x48 : at + 4 + 0x4A], "little") <= size


def behind_key(raw: bytes, at: int, size: int) -> tuple[int, int]:
    """The part of a key's cell that it does not need, from a multiple of 8 on: offset and length."""
    used = 4 + _NK_LEAST + int.from_bytes(raw[at + 4 + 0x48 : at + 4 + 0x4A], "little")
    used = min(size, -(-used // 8) * 8)
    return at + used, size - used


def length_of(raw: bytes, offset: int) -> int:
    """Bytes of the cell at a file offset that lie in the file, its size field included; 0 where there is none."""
    if offset < FIRST_BIN or offset + 8 > len(raw):
        return 0
    size: int = struct.unpack_from("<i", raw, offset)[0]
    return min(abs(size), len(raw) - offset)


def cell(raw: bytes, offset: int) -> bytes:
    """Content of the cell at a file offset, free or not; empty where there is none."""
    if offset < FIRST_BIN or offset + 8 > len(raw):
        return b""
    size = abs(struct.unpack_from("<i", raw, offset)[0])
    return raw[offset + 4 : offset + size]
