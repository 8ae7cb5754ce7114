"""A short checksum of a record's bytes, for records of which not every byte is decoded: no change goes unseen."""

from __future__ import annotations

import hashlib
import zlib
from typing import BinaryIO

CRC = "CRC-32 of the record's bytes: shows that one of them is another, even where nothing reads it"


def crc(*parts: bytes | memoryview) -> str:
    """Eight hex digits over the parts, one after the other."""
    value = 0
    for part in parts:
        value = zlib.crc32(part, value)
    return f"{value:08x}"


def sha256_of(stream: BinaryIO) -> str:
    """Of all that a stream still gives, in bounded memory."""
    digest = hashlib.sha256()
    while piece := stream.read(1 << 20):
        digest.update(piece)
    return digest.hexdigest()
