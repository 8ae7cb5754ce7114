"""A short checksum of a record's bytes, for records of which not every byte is decoded: no change goes unseen."""

from __future__ import annotations

import zlib

CRC = "CRC-32 of the record's bytes: shows that one of them is another, even where nothing reads it"


def crc(*parts: bytes | memoryview) -> str:
    """Eight hex digits over the parts, one after the other."""
    value = 0
    for part in parts:
        value = zlib.crc32(part, value)
    return f"{value:08x}"
