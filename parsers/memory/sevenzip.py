"""Names in a 7z archive, by its header alone; contents are not unpacked.

7-Zip's 7zFormat.txt. The header lies at the end of the file and is usually packed with LZMA, which Python unpacks;
a header that is encrypted or packed otherwise gives no names, and that is said.
"""

from __future__ import annotations

import lzma
import struct
import zlib
from typing import BinaryIO

from msgspec import Struct

MAGIC = b"7z\xbc\xaf\x27\x1c"
_HEAD = struct.Struct("<6sBBIQQI")
_PLAIN, _PACKED, _NAMES = 0x01, 0x17, 0x11
_LZMA = b"\x03\x01\x01"
_AES = b"\x06\xf1\x07\x01"
_MOST = 16 << 20
_MOST_DICTIONARY = 64 << 20


class Names(Struct, frozen=True, kw_only=True):
    """Names of the members, where the header lies, and what kept it from being read (empty: nothing)."""

    names: tuple[str, ...]
    offset: int
    length: int
    problem: str = ""


def names(stream: BinaryIO, size: int) -> Names:
    """The names the header holds."""
    stream.seek(0)
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return Names(names=(), offset=0, length=len(head), problem="cut off")
    _, _, _, _, away, length, crc = _HEAD.unpack(head)
    at = _HEAD.size + away
    if not length or length > _MOST or at + length > size:
        return Names(names=(), offset=0, length=_HEAD.size, problem="its header lies outside the file")
    stream.seek(at)
    raw = stream.read(length)
    problem = "" if zlib.crc32(raw) == crc else "its header's checksum does not fit"
    if raw[:1] == bytes([_PACKED]):
        raw, why = _unpacked(stream, raw)
        problem = problem or why
    found = tuple(_names(raw))
    if not found and not problem:
        problem = "no names in its header"
    return Names(names=found, offset=at, length=length, problem=problem)


class _Numbers:
    """Reads the variable-length numbers of the format."""

    def __init__(self, raw: bytes, at: int) -> None:
        self.raw, self.at = raw, at

    def byte(self) -> int:
        """The next byte; 0 behind the end."""
        value = self.raw[self.at] if self.at < len(self.raw) else 0
        self.at += 1
        return value

    def number(self) -> int:
        """The first byte's leading ones say how many bytes follow."""
        first, value = self.byte(), 0
        for index in range(8):
            mask = 0x80 >> index
            if not first & mask:
                return value | (first & (mask - 1)) << 8 * index
            value |= self.byte() << 8 * index
        return value


def _unpacked(stream: BinaryIO, raw: bytes) -> tuple[bytes, str]:
    """The header itself, of one stream packed with LZMA; else why not."""
    n = _Numbers(raw, 1)
    if n.byte() != 0x06:
        return b"", "its header is packed in an unknown way"
    place, count = n.number(), n.number()
    packed = n.number() if count == 1 and n.byte() == 0x09 else 0
    start = raw.find(b"\x07\x0b\x01\x00", n.at)
    if not packed or packed > _MOST or start < 0:
        return b"", "its header is packed in an unknown way"
    n.at = start + 4
    coders, flags = n.number(), n.byte()
    codec = raw[n.at : n.at + (flags & 15)]
    n.at += flags & 15
    if _AES in raw:
        return b"", "its header is encrypted: even the names are hidden"
    if coders != 1 or codec != _LZMA or not flags & 0x20:
        return b"", "its header is packed in an unknown way"
    length = n.number()
    properties = raw[n.at : n.at + length]
    stream.seek(_HEAD.size + place)
    return _lzma(stream.read(packed), properties)


def _lzma(packed: bytes, properties: bytes) -> tuple[bytes, str]:
    if len(properties) != 5 or properties[0] >= 9 * 5 * 5:
        return b"", "its header's properties are damaged"
    rest, lc = divmod(properties[0], 9)
    pb, lp = divmod(rest, 5)
    dictionary = max(4096, int.from_bytes(properties[1:5], "little"))
    if lc + lp > 4 or dictionary > _MOST_DICTIONARY:
        return b"", "its header asks for too much memory"
    filters = [{"id": lzma.FILTER_LZMA1, "dict_size": dictionary, "lc": lc, "lp": lp, "pb": pb}]
    try:
        return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters).decompress(packed, _MOST), ""
    except (lzma.LZMAError, EOFError) as error:
        return b"", f"its header cannot be unpacked: {error}"


def _names(raw: bytes) -> list[str]:
    """The property of names: its number, its length, a zero, then texts of UTF-16 that end in zeros."""
    at = raw.find(bytes([_NAMES]))
    tries = 0
    while at >= 0 and tries < 10_000:
        n = _Numbers(raw, at + 1)
        length = n.number()
        body = raw[n.at + 1 : n.at + length]
        if 3 < length <= len(raw) - n.at and raw[n.at] == 0 and not len(body) % 2 and body.endswith(b"\0\0"):
            texts = body[:-2].decode("utf-16-le", "backslashreplace").split("\0")
            if all(t and t.isprintable() for t in texts):
                return texts
        at, tries = raw.find(bytes([_NAMES]), at + 1), tries + 1
    return []
