"""One record of a $UsnJrnl:$J, versions 2, 3 and 4, as Microsoft's USN_RECORD_V2 … V4 define them."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from msgspec import Struct

from parsers.crc import crc
from parsers.ntfs.texts import spell

_V2 = struct.Struct("<IHHQQqQIIIIHH")
_V3 = struct.Struct("<IHHQQQQqQIIIIHH")
_V4 = struct.Struct("<IHHQQQQqIIIHH")

REASONS = {
    0x00000001: "DATA_OVERWRITE",
    0x00000002: "DATA_EXTEND",
    0x00000004: "DATA_TRUNCATION",
    0x00000010: "NAMED_DATA_OVERWRITE",
    0x00000020: "NAMED_DATA_EXTEND",
    0x00000040: "NAMED_DATA_TRUNCATION",
    0x00000100: "FILE_CREATE",
    0x00000200: "FILE_DELETE",
    0x00000400: "EA_CHANGE",
    0x00000800: "SECURITY_CHANGE",
    0x00001000: "RENAME_OLD_NAME",
    0x00002000: "RENAME_NEW_NAME",
    0x00004000: "INDEXABLE_CHANGE",
    0x00008000: "BASIC_INFO_CHANGE",
    0x00010000: "HARD_LINK_CHANGE",
    0x00020000: "COMPRESSION_CHANGE",
    0x00040000: "ENCRYPTION_CHANGE",
    0x00080000: "OBJECT_ID_CHANGE",
    0x00100000: "REPARSE_POINT_CHANGE",
    0x00200000: "STREAM_CHANGE",
    0x00400000: "TRANSACTED_CHANGE",
    0x00800000: "INTEGRITY_CHANGE",
    0x80000000: "CLOSE",
}
SOURCES = {
    0x1: "DATA_MANAGEMENT",
    0x2: "AUXILIARY_DATA",
    0x4: "REPLICATION_MANAGEMENT",
    0x8: "CLIENT_REPLICATION_MANAGEMENT",
}
_ACTS = ((0x200, "deleted"), (0x100, "created"), (0x3000, "renamed"), (0x77, "written"))


class UsnRecord(Struct, frozen=True, gc=False):
    """A change to a file. `file` and `parent` are (entry, sequence); `name` is None in version 4, which has no time."""

    version: int
    file: tuple[int, int]
    parent: tuple[int, int]
    usn: int
    ticks: int | None
    reason: int
    attributes: int
    name: str | None
    source: int
    crc: str

    @property
    def act(self) -> str:
        """Deleted, created, renamed, written or changed: the weightiest of its reasons."""
        return next((act for bits, act in _ACTS if self.reason & bits), "changed")


def reason_names(reason: int) -> list[str]:
    """The names of the bits, lowest first; a bit without a name as hexadecimal number."""
    return _names(reason, REASONS)


def source_names(source: int) -> list[str]:
    """Who says the change is none of a user: replication, management of storage; empty for all others."""
    return _names(source, SOURCES) if source else []


def _names(number: int, names: Mapping[int, str]) -> list[str]:
    bits = (1 << i for i in range(32))
    return [names.get(bit, f"0x{bit:08x}") for bit in bits if number & bit]


def decode(raw: bytes) -> UsnRecord:
    """Decode one record. Raises ValueError or struct.error where its bytes do not fit its version."""
    version = int.from_bytes(raw[4:6], "little")
    if version == 2:
        _, _, _, file, parent, usn, ticks, reason, source, _, attributes, length, at = _V2.unpack_from(raw)
        name = _name(raw, at, length)
        return UsnRecord(2, _split(file), _split(parent), usn, ticks, reason, attributes, name, source, crc(raw))
    if version == 3:
        _, _, _, file, _, parent, _, usn, ticks, reason, source, _, attributes, length, at = _V3.unpack_from(raw)
        name = _name(raw, at, length)
        return UsnRecord(3, _split(file), _split(parent), usn, ticks, reason, attributes, name, source, crc(raw))
    if version == 4:
        _, _, _, file, _, parent, _, usn, reason, source, _, _, _ = _V4.unpack_from(raw)
        return UsnRecord(4, _split(file), _split(parent), usn, None, reason, 0, None, source, crc(raw))
    msg = f"version {version}"
    raise ValueError(msg)


def _split(reference: int) -> tuple[int, int]:
    """NTFS keeps its 64-bit reference in the low half of the 128 bits of versions 3 and 4."""
    return reference & 0xFFFF_FFFF_FFFF, reference >> 48


def _name(raw: bytes, at: int, length: int) -> str:
    if length % 2 or not length or at + length > len(raw):
        msg = f"a name of {length} bytes at {at} in a record of {len(raw)}"
        raise ValueError(msg)
    return spell(raw[at : at + length])
