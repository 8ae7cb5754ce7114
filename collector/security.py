"""Security descriptors of a volume: `$Secure:$SDS`, read once, as SHA-256 by security id.

Format: entries of a 20-byte header (hash, id, offset of the entry itself, size with header) and the descriptor, aligned
to 16 bytes, in blocks of 256 KiB each of which is followed by its copy. Entries are found by their own offset field.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator

from collector.filesystem import FileSystem
from collector.ntfs import FileRecord

SECURE = 9
_BLOCK = 256 << 10
_HEAD = struct.Struct("<IIQI")
_LIMIT = 512 << 20


class Descriptors:
    """The descriptors of one volume; files point to them by number, or carry one of their own (before NTFS 3)."""

    def __init__(self, fs: FileSystem) -> None:
        file = fs.file(SECURE)
        stream = file.stream("$SDS") if file else None
        raw = fs.read(stream, min(stream.size, _LIMIT)) if stream else b""
        self._known = {number: hashlib.sha256(body).hexdigest() for number, body in entries(raw)}

    def sha256(self, file: FileRecord) -> str:
        """Of the file's descriptor; empty where it is not known."""
        if file.descriptor:
            return hashlib.sha256(file.descriptor).hexdigest()
        return self._known.get(file.security_id, "")


def entries(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """(security id, descriptor) of every sound entry; copies of a block are passed over."""
    for base in range(0, len(raw), 2 * _BLOCK):
        at, end = base, min(base + _BLOCK, len(raw))
        while at + _HEAD.size <= end:
            _hash, number, own, size = _HEAD.unpack_from(raw, at)
            if own != at or size < _HEAD.size or at + size > end:
                at += 16  # padding, or an entry that was torn: the next one says its own place
                continue
            if number:
                yield number, raw[at + _HEAD.size : at + size]
            at += (size + 15) // 16 * 16
