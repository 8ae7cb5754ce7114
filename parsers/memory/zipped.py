"""Members of a ZIP archive by its central directory, and the first bytes of each, in bounded memory.

PKWARE's APPNOTE 6.3. The directory is walked entry by entry; where it is missing (an archive cut off), the headers
before each member are searched for instead. Nothing is unpacked beyond what a caller asks for.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from msgspec import Struct

MAGIC = b"PK\x03\x04"
_END, _CENTRAL = b"PK\x05\x06", b"PK\x01\x02"
_ENTRY = struct.Struct("<4sHHHHHHIIIHHHHHII")
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_MOST_DIRECTORY = 32 << 20
_MOST_MEMBERS = 100_000
_MOST_SEARCHED = 64 << 20
_WIDE = 0xFFFFFFFF
_STORED, _DEFLATED = 0, 8
_UTF8, _ENCRYPTED = 0x800, 1


class Member(Struct, frozen=True, kw_only=True):
    """One member. `offset` and `length` are its entry in the file, `data` where its header begins."""

    name: str
    size: int
    packed: int
    method: int
    encrypted: bool
    crc: int
    dos: int
    offset: int
    length: int
    data: int
    filetime: int = 0
    unix: int | None = None


class Directory(Struct, frozen=True, kw_only=True):
    """The members found, how many the archive announces, and whether its directory was there."""

    members: tuple[Member, ...]
    announced: int | None
    whole: bool


def directory(stream: BinaryIO, size: int) -> Directory:
    """Walk the central directory, or without one the members' own headers."""
    stream.seek(max(0, size - 65_557))
    tail = stream.read(65_557)
    at = tail.rfind(_END)
    if at >= 0 and at + 22 <= len(tail):
        count, length, start = struct.unpack_from("<HII", tail, at + 10)
        end = max(0, size - 65_557) + at
        begin = start if start + length <= end else max(0, end - length)
        stream.seek(begin)
        raw = stream.read(min(length, _MOST_DIRECTORY)) if length != _WIDE else b""
        members = tuple(_entries(raw, begin))
        if members or not count:
            return Directory(members=members, announced=count if count != 0xFFFF else None, whole=True)
    return Directory(members=tuple(_headers(stream)), announced=None, whole=False)


def _entries(raw: bytes, base: int) -> Iterator[Member]:
    at = 0
    for _ in range(_MOST_MEMBERS):
        if raw[at : at + 4] != _CENTRAL or at + _ENTRY.size > len(raw):
            return
        f = _ENTRY.unpack_from(raw, at)
        end = at + _ENTRY.size + f[10] + f[11] + f[12]
        name = raw[at + _ENTRY.size : at + _ENTRY.size + f[10]]
        extra = raw[at + _ENTRY.size + f[10] : at + _ENTRY.size + f[10] + f[11]]
        sizes = _wide(extra, (f[9], f[8], f[16]))
        filetime, unix = _stamps(extra)
        yield Member(
            name=_text(name, f[3]),
            size=sizes[0],
            packed=sizes[1],
            method=f[4],
            encrypted=bool(f[3] & _ENCRYPTED),
            crc=f[7],
            dos=f[6] << 16 | f[5],
            offset=base + at,
            length=min(end, len(raw)) - at,
            data=sizes[2],
            filetime=filetime,
            unix=unix,
        )
        at = end


def _headers(stream: BinaryIO) -> Iterator[Member]:
    """Members' own headers, in the order of the file, searched for in its first part."""
    stream.seek(0)
    raw = stream.read(_MOST_SEARCHED)
    at, count = raw.find(MAGIC), 0
    while at >= 0 and at + _LOCAL.size <= len(raw) and count < _MOST_MEMBERS:
        f = _LOCAL.unpack_from(raw, at)
        end = at + _LOCAL.size + f[9] + f[10]
        name = raw[at + _LOCAL.size : at + _LOCAL.size + f[9]]
        yield Member(
            name=_text(name, f[2]),
            size=f[8],
            packed=f[7] or len(raw) - end,
            method=f[3],
            encrypted=bool(f[2] & _ENCRYPTED),
            crc=f[6],
            dos=f[5] << 16 | f[4],
            offset=at,
            length=min(end, len(raw)) - at,
            data=at,
        )
        count += 1
        at = raw.find(MAGIC, max(end, at + 4))


def _text(raw: bytes, flags: int) -> str:
    return raw.decode("utf-8" if flags & _UTF8 else "cp437", "backslashreplace")


def _fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        yield kind, extra[at + 4 : at + 4 + size]
        at += 4 + size


def _wide(extra: bytes, sizes: tuple[int, int, int]) -> list[int]:
    """Size, packed size and offset; those of 32 bits that are full stand in a field of 64 bits."""
    field = next((raw for kind, raw in _fields(extra) if kind == 1), b"")
    out, at = list(sizes), 0
    for index, value in enumerate(sizes):
        if value == _WIDE and at + 8 <= len(field):
            out[index], at = int.from_bytes(field[at : at + 8], "little"), at + 8
    return out


def _stamps(extra: bytes) -> tuple[int, int | None]:
    """Time of the last change as FILETIME (0: none) and as seconds since 1970."""
    filetime, unix = 0, None
    for kind, raw in _fields(extra):
        if kind == 0x000A and len(raw) >= 16 and raw[4:6] == b"\1\0":
            filetime = int.from_bytes(raw[8:16], "little")
        elif kind == 0x5455 and len(raw) >= 5 and raw[0] & 1:
            unix = int.from_bytes(raw[1:5], "little")
    return filetime, unix


def beginning(stream: BinaryIO, member: Member, most: int) -> bytes:
    """At most so many first bytes of a member; nothing where it is encrypted or packed in another way."""
    if member.encrypted or member.method not in (_STORED, _DEFLATED):
        return b""
    stream.seek(member.data)
    head = stream.read(_LOCAL.size)
    if len(head) < _LOCAL.size or head[:4] != MAGIC:
        return b""
    named, extra = struct.unpack_from("<HH", head, 26)
    stream.seek(member.data + _LOCAL.size + named + extra)
    if member.method == _STORED:
        return stream.read(min(most, member.packed))
    return _inflate(stream, member.packed, most)


def _inflate(stream: BinaryIO, packed: int, most: int) -> bytes:
    unpacker, out, left = zlib.decompressobj(-15), bytearray(), packed
    try:
        while left > 0 and len(out) < most and not unpacker.eof:
            piece = unpacker.unconsumed_tail or stream.read(min(left, 1 << 16))
            left -= 0 if unpacker.unconsumed_tail else len(piece)
            if not piece:
                break
            out += unpacker.decompress(piece, most - len(out))
    except zlib.error:
        pass  # what came before the damage is still the beginning
    return bytes(out)
