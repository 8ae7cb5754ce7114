"""Memory dumps: recognising them, and the few parts that describe one without any of the memory in it.

Format facts: MINIDUMP_HEADER (32 bytes), stream directory of 12-byte entries, ModuleList with 108-byte entries whose
names are length-prefixed UTF-16. Some dumping tools wipe signature and version, so structure counts too.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from msgspec import Struct

_MODULES, _SYSTEM, _COMMENT_A, _COMMENT_W, _MISC = 4, 7, 10, 11, 15
_KEPT = {_MODULES: 4 + 108 * 4096, _SYSTEM: 256, _COMMENT_A: 65536, _COMMENT_W: 65536, _MISC: 2048}
_USUAL = {3, 4, 5, 7, 9}
_MAX_STREAMS = 64
_MAX_NAME = 2048

ReadAt = Callable[[int, int], bytes]


class Skeleton(Struct, frozen=True):
    """Kept parts as (offset, length) in order, and their bytes one after another."""

    extents: tuple[tuple[int, int], ...]
    data: bytes


def looks_like_dump(head: bytes, size: int) -> bool:
    """Signature MDMP, or a stream directory right after the header with known types that lie inside the file."""
    if len(head) < 32:
        return False
    count, directory = struct.unpack_from("<II", head, 8)
    if head[:4] == b"MDMP":
        return True
    if not 3 <= count <= 32 or directory != 32 or len(head) < 32 + 12 * count:
        return False
    entries = [struct.unpack_from("<III", head, 32 + 12 * n) for n in range(count)]
    inside = all(rva + length <= max(size, 1 << 32) and rva >= 32 for kind, length, rva in entries if kind and length)
    return inside and len(_USUAL & {kind for kind, _length, _rva in entries}) >= 2


def skeleton(read_at: ReadAt, size: int) -> Skeleton | None:
    """Header, directory, system, process, modules with their names, comments. None when it is no minidump."""
    head = read_at(0, 4096)
    if not looks_like_dump(head, size):
        return None
    count, directory = struct.unpack_from("<II", head, 8)
    count = min(count, _MAX_STREAMS)
    wanted = [(0, 32), (directory, 12 * count)]
    table = read_at(directory, 12 * count)
    for n in range(len(table) // 12):
        kind, length, rva = struct.unpack_from("<III", table, 12 * n)
        if kind in _KEPT:
            length = min(length, _KEPT[kind])
            wanted.append((rva, length))
            wanted += _names(read_at, kind, rva, length)
    return _cut(read_at, wanted, size)


def _names(read_at: ReadAt, kind: int, rva: int, length: int) -> list[tuple[int, int]]:
    """Places of the length-prefixed texts that a ModuleList or a SystemInfo refers to."""
    raw = read_at(rva, length)
    places: list[int] = []
    if kind == _SYSTEM and len(raw) >= 28:
        places = [struct.unpack_from("<I", raw, 24)[0]]
    elif kind == _MODULES and len(raw) >= 4:
        count = min(struct.unpack_from("<I", raw)[0], (len(raw) - 4) // 108)
        places = [struct.unpack_from("<I", raw, 4 + 108 * n + 20)[0] for n in range(count)]
    found = []
    for at in filter(None, places):
        prefix = read_at(at, 4)
        if len(prefix) == 4:
            found.append((at, 4 + min(struct.unpack("<I", prefix)[0], _MAX_NAME)))
    return found


def _cut(read_at: ReadAt, wanted: list[tuple[int, int]], size: int) -> Skeleton:
    merged: list[tuple[int, int]] = []
    for start, length in sorted(wanted):
        end = min(start + length, size)
        if end <= start:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    parts = [(start, read_at(start, end - start)) for start, end in merged]
    return Skeleton(tuple((start, len(data)) for start, data in parts if data), b"".join(d for _s, d in parts))
