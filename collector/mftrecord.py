"""One $MFT record: fix-ups, $STANDARD_INFORMATION, $FILE_NAME, $DATA, $REPARSE_POINT, decoded with raw FILETIMEs.

Own reader because the collector visits every record of a volume and wants the integers, sequence numbers and runs
exactly as stored; dissect.ntfs and Sleuth Kit are the referees in the tests.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from msgspec import Struct

from collector.runs import Run, StreamInfo, decode_runs
from shellcase.model import FileTimes

SI, ATTRIBUTE_LIST, FILE_NAME, SECURITY, VOLUME_NAME = 0x10, 0x20, 0x30, 0x50, 0x60
DATA, INDEX, REPARSE, END = 0x80, 0xA0, 0xC0, 0xFFFFFFFF
FOLDER_INDEX = "$I30"
IN_USE, DIRECTORY = 1, 2
DOS_NAME = 2
_REF = (1 << 48) - 1
_HEADER = struct.Struct("<4sHHQHHHHIIQH")
_ATTRIBUTE = struct.Struct("<IIBBHH")
_NONRESIDENT = struct.Struct("<QQHH4xQQQ")
_FN = struct.Struct("<QQQQQQQIIBB")
_SI = struct.Struct("<QQQQI")
_SECTOR = 512
_MAX_ATTRIBUTES = 1024


class Header(Struct, frozen=True, gc=False):
    """The fixed part of a record. `base` is 0 for a base record."""

    seq: int
    links: int
    first: int
    flags: int
    used: int
    base: int
    base_seq: int


class Name(Struct, frozen=True, gc=False):
    """A $FILE_NAME: parent reference, name as UTF-16 text, times, namespace (2 = short name)."""

    parent: int
    parent_seq: int
    text: str
    namespace: int
    times: FileTimes
    flags: int = 0


class Attr(Struct, frozen=True, gc=False):
    """Where an attribute lies inside its record."""

    kind: int
    offset: int
    length: int
    nonresident: bool
    flags: int
    name: str


def fix_up(raw: bytes) -> bytes | None:
    """The record with its sector ends put back, or None when it is no whole FILE record."""
    if len(raw) < 48 or raw[:4] != b"FILE":
        return None
    at, count = struct.unpack_from("<HH", raw, 4)
    if count < 1 or at + 2 * count > len(raw) or (count - 1) * _SECTOR > len(raw):
        return None
    check = raw[at : at + 2]
    out = bytearray(raw)
    for n in range(1, count):
        end = n * _SECTOR - 2
        if out[end : end + 2] != check:
            return None
        out[end : end + 2] = raw[at + 2 * n : at + 2 * n + 2]
    return bytes(out)


def header(record: bytes) -> Header:
    """The fixed part."""
    _sig, _u, _c, _lsn, seq, links, first, flags, used, _alloc, base, _next = _HEADER.unpack_from(record)
    return Header(seq, links, first, flags, min(used, len(record)), base & _REF, base >> 48)


def attributes(record: bytes, first: int, used: int) -> Iterator[Attr]:
    """Attributes in order; stops at the first that cannot be."""
    at = first
    for _n in range(_MAX_ATTRIBUTES):
        if at + 16 > used:
            return
        kind, length, nonresident, name_len, name_at, flags = _ATTRIBUTE.unpack_from(record, at)
        if kind == END or length < 24 or at + length > used:
            return
        name = record[at + name_at : at + name_at + 2 * name_len] if name_len and name_at < length else b""
        yield Attr(kind, at, length, bool(nonresident), flags, utf16(name) if name else "")
        at += length


def utf16(raw: bytes) -> str:
    """UTF-16LE as NTFS keeps it: lone surrogates are allowed and kept."""
    return raw.decode("utf-16-le", "surrogatepass") if len(raw) % 2 == 0 else ""


def content(record: bytes, attr: Attr) -> bytes:
    """Bytes of a resident attribute."""
    if attr.nonresident:
        return b""
    size, start = struct.unpack_from("<IH", record, attr.offset + 16)
    return record[attr.offset + start : attr.offset + min(start + size, attr.length)]


def file_name(raw: bytes) -> Name | None:
    """Decode $FILE_NAME content (66 bytes and the name)."""
    if len(raw) < 66:
        return None
    parent, b, m, c, a, _alloc, _size, flags, _ea, length, namespace = _FN.unpack_from(raw)
    text = utf16(raw[66 : 66 + 2 * length])
    return Name(parent & _REF, parent >> 48, text, namespace, FileTimes(b, m, c, a), flags) if text else None


def standard_information(raw: bytes) -> tuple[FileTimes, int, int] | None:
    """Times, DOS attribute bits and security id (0 before NTFS 3) of $STANDARD_INFORMATION."""
    if len(raw) < 36:
        return None
    b, m, c, a, bits = _SI.unpack_from(raw)
    return FileTimes(b, m, c, a), bits, struct.unpack_from("<I", raw, 52)[0] if len(raw) >= 56 else 0


class Part(Struct, frozen=True):
    """One piece of a stream's runs: the first VCN it describes. Only the piece with VCN 0 has the sizes."""

    vcn: int
    runs: list[Run]
    torn: str
    allocated: int
    size: int
    initialized: int
    unit: int
    flags: int


def nonresident(record: bytes, attr: Attr) -> Part:
    """Decode a non-resident attribute header with its runs."""
    if attr.length < 64:
        return Part(0, [], "attribute header is too short", 0, 0, 0, 0, attr.flags)
    first, _last, runs_at, unit, allocated, size, initialized = _NONRESIDENT.unpack_from(record, attr.offset + 16)
    runs, torn = decode_runs(record[attr.offset + runs_at : attr.offset + attr.length])
    packed = 1 << unit if attr.flags & 0xFF and 0 < unit < 8 else 0
    if attr.flags & 0x8001 and attr.length >= 72:
        allocated = struct.unpack_from("<Q", record, attr.offset + 64)[0]
    return Part(first, runs, torn, allocated, size, initialized, packed, attr.flags)


def resident(record: bytes, attr: Attr) -> StreamInfo:
    """A stream whose bytes lie in the record."""
    data = content(record, attr)
    size = len(data)
    return StreamInfo(
        name=attr.name, size=size, allocated=size, initialized=size, resident=data, encrypted=bool(attr.flags & 0x4000)
    )


def list_entries(raw: bytes) -> Iterator[int]:
    """References of the records that an $ATTRIBUTE_LIST names."""
    at = 0
    while at + 26 <= len(raw):
        length = struct.unpack_from("<H", raw, at + 4)[0]
        if length < 26:
            return
        yield struct.unpack_from("<Q", raw, at + 16)[0]
        at += length


def join_parts(name: str, parts: list[Part]) -> StreamInfo:
    """One stream from its pieces, in order of VCN; a gap between pieces is said, not closed."""
    parts = sorted(parts, key=lambda p: p.vcn)
    head, runs, vcn, torn = parts[0], list[Run](), 0, ""
    for part in parts:
        if part.vcn != vcn:
            torn = torn or f"runs jump from cluster {vcn} to {part.vcn} of the file"
            if part.vcn < vcn:
                continue
            runs.append((None, part.vcn - vcn))
            vcn = part.vcn
        runs.extend(part.runs)
        vcn += sum(count for _lcn, count in part.runs)
        torn = torn or part.torn
    return StreamInfo(
        name=name,
        size=head.size,
        allocated=head.allocated,
        initialized=head.initialized,
        runs=tuple(runs),
        unit=head.unit,
        sparse=bool(head.flags & 0x8000),
        encrypted=bool(head.flags & 0x4000),
        torn=torn,
    )
