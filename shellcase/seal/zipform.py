"""The one form that a package's ZIP has: every byte of it follows from the members' names, sizes and CRCs.

Headers as APPNOTE.TXT 6.3.10 lays them out: nothing compressed, no times, no comments, no extra fields but the 64-bit
sizes where they are needed, no entries for folders, members in order of name and without a gap. Whoever writes a
package uses these functions, and whoever checks one compares with them.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

_LOCAL = struct.Struct("<4s5H3L2H")
_ENTRY = struct.Struct("<4s4B4H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END64, _LOCATOR = struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")
_PLAIN, _WIDE = 20, 45
_MIDNIGHT, _FIRST_OF_1980 = 0, 0x21
_UNIX, _MODE = 3, 0o100644 << 16
_UTF8 = 0x800
_TOO_LARGE, _TOO_MANY = 0xFFFFFFFF, 0xFFFF


class Member(NamedTuple):
    """One file of a ZIP: its whole name, its bytes, their CRC-32, and where its local header begins."""

    name: str
    size: int
    crc: int
    offset: int


def local_header(member: Member) -> bytes:
    """What stands before the bytes of a member."""
    name, wide = _encoded(member.name), member.size >= _TOO_LARGE
    extra = struct.pack("<2H2Q", 1, 16, member.size, member.size) if wide else b""
    size = _TOO_LARGE if wide else member.size
    version = _WIDE if wide else _PLAIN
    fixed = (version, _flags(member.name), 0, _MIDNIGHT, _FIRST_OF_1980, member.crc, size, size, len(name), len(extra))
    return _LOCAL.pack(b"PK\3\4", *fixed) + name + extra


def directory_entry(member: Member) -> bytes:
    """What the directory at the end says of a member."""
    name = _encoded(member.name)
    wide = [member.size] * 2 if member.size >= _TOO_LARGE else []
    wide += [member.offset] if member.offset >= _TOO_LARGE else []
    extra = struct.pack(f"<2H{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    version = _WIDE if wide else _PLAIN
    size, offset = min(member.size, _TOO_LARGE), min(member.offset, _TOO_LARGE)
    said = (version, _UNIX, version, 0, _flags(member.name), 0, _MIDNIGHT, _FIRST_OF_1980, member.crc, size, size)
    return _ENTRY.pack(b"PK\1\2", *said, len(name), len(extra), 0, 0, 0, _MODE, offset) + name + extra


def end(count: int, start: int, size: int) -> bytes:
    """What closes the file: a directory of `count` entries and `size` bytes begins at `start`."""
    wide = b""
    if count >= _TOO_MANY or start >= _TOO_LARGE or size >= _TOO_LARGE:
        wide = _END64.pack(b"PK\6\6", _END64.size - 12, _WIDE, _WIDE, 0, 0, count, count, size, start)
        wide += _LOCATOR.pack(b"PK\6\7", 0, start + size, 1)
    few = min(count, _TOO_MANY)
    return wide + _END.pack(b"PK\5\6", 0, 0, few, few, min(size, _TOO_LARGE), min(start, _TOO_LARGE), 0)


def _encoded(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _flags(name: str) -> int:
    return 0 if name.isascii() else _UTF8
