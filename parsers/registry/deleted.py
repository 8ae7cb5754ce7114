"""Keys that were deleted: Windows frees their cells and leaves the bytes until something else needs the room.

Free cells grow together, so a key may lie anywhere inside one, at a multiple of eight bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from parsers.ntfs import filetime
from parsers.registry.keys import Node, read_node

_LEAST = 0x50
_FLAGS = 0xFF  # all that Windows uses in the first two bytes


def deleted_nodes(raw: bytes, at: int, size: int) -> Iterator[Node]:
    """Keys whose bytes are whole in a free cell, as far as their look tells."""
    end = min(at + size, len(raw))
    found = raw.find(b"nk", at + 4, end)
    while found >= 0:
        offset = found - 4
        if (offset - at) % 8 == 0:
            node = _plausible(raw, offset, end)
            if node is not None:
                yield node
        found = raw.find(b"nk", found + 1, end)


def _plausible(raw: bytes, offset: int, end: int) -> Node | None:
    if end - offset < _LEAST + 4:
        return None
    flags, ticks = struct.unpack_from("<HQ", raw, offset + 6)
    length = int.from_bytes(raw[offset + 0x4C : offset + 0x4E], "little")
    size = abs(struct.unpack_from("<i", raw, offset)[0])
    if flags & ~_FLAGS or filetime.to_ns(ticks) is None or not length or offset + 0x50 + length > end:
        return None
    if size < 0x50 + length or size > 0x50 + length + 0x400:
        return None
    try:
        return read_node(raw, offset)
    except (ValueError, struct.error):
        return None
