"""Pages of a WMI repository (OBJECTS.DATA) and the instances of certain classes in them.

After FireEye's published analysis (flare-wmi): pages of 8 KiB begin with entries of 16 bytes (number, offset, size,
checksum) up to one of zeros. An instance begins with the SHA-256 (before Vista: MD5) of its class's name in upper case,
as hexadecimal UTF-16, then two FILETIMEs; its texts follow, each behind a zero byte (one byte a character) or a one
(UTF-16). Which pages are in force is told by MAPPING files, which are not read.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterator, Mapping

from msgspec import Struct

PAGE = 8192
_ENTRY = struct.Struct("<IIII")
_MOST_ENTRIES = PAGE // 16
_MOST_RECORD = 1 << 20
_MOST_TEXTS = 256
_EARLY, _LATE = 119_600_064_000_000_000, 157_469_184_000_000_000  # 1980 and 2100 as FILETIME
_NARROW = re.compile(rb"\x00([\x20-\x7e\t\r\n][\x20-\x7e\t\r\n\xa0-\xff]{1,65535})(?=\x00)")
_MOST_WIDE = 1 << 22  # bytes of one record that are tried as UTF-16
_SID = re.compile(rb"\x01[\x01-\x0f]\x00\x00\x00\x00\x00[\x01-\x12]")

CLASSES = (
    "__EventFilter",
    "CommandLineEventConsumer",
    "ActiveScriptEventConsumer",
    "__FilterToConsumerBinding",
    "NTEventLogEventConsumer",
    "LogFileEventConsumer",
    "SMTPEventConsumer",
)


def _marks() -> Iterator[tuple[bytes, str]]:
    for name in CLASSES:
        raw = name.upper().encode("utf-16-le")
        yield hashlib.sha256(raw).hexdigest().upper().encode("utf-16-le"), name
        yield hashlib.md5(raw, usedforsecurity=False).hexdigest().upper().encode("utf-16-le"), name


MARKS: Mapping[bytes, str] = dict(_marks())
_ANY = re.compile(b"|".join(re.escape(mark) for mark in MARKS))


class Place(Struct, frozen=True, gc=False):
    """Where an instance lies. `listed` says whether its page's table leads to it."""

    name: str
    offset: int
    length: int
    mark: int
    listed: bool


class Instance(Struct, frozen=True, kw_only=True):
    """What an instance says: FILETIMEs (0 where none), texts in their order, SIDs."""

    name: str
    stamps: tuple[int, int]
    texts: tuple[str, ...]
    sids: tuple[bytes, ...]


def _table(raw: bytes) -> dict[int, int]:
    """Sizes by offset of the records that a page's table names."""
    out: dict[int, int] = {}
    for number in range(min(_MOST_ENTRIES, len(raw) // _ENTRY.size)):
        _, offset, size, _ = _ENTRY.unpack_from(raw, number * _ENTRY.size)
        if not offset or offset >= PAGE or not size:
            break
        out[offset] = min(size, _MOST_RECORD)
    return out


def places(raw: bytes) -> Iterator[Place]:
    """Every mark of a class and the bytes that belong to it; no text is decoded."""
    for match in _ANY.finditer(raw):
        start = match.start()
        page = start - start % PAGE
        size = _table(raw[page : page + PAGE]).get(start - page)
        room = len(raw) - start
        rest = min(page + PAGE - start, room)
        yield Place(MARKS[match[0]], start, min(size, room) if size else rest, len(match[0]), size is not None)


def read(raw: bytes, place: Place) -> Instance | None:
    """The instance at a place; None where its two times cannot be times."""
    record = raw[place.offset : place.offset + place.length]
    if len(record) < place.mark + 24:
        return None
    stamps = struct.unpack_from("<QQ", record, place.mark)
    if not all(t == 0 or _EARLY < t < _LATE for t in stamps):
        return None
    body = record[place.mark + 24 :]
    body = body[: _until_next(body)]
    return Instance(
        name=place.name,
        stamps=stamps,
        texts=tuple(_texts(body))[:_MOST_TEXTS],
        sids=tuple(body[m.start() : m.start() + 68] for m in _SID.finditer(body)),
    )


def _until_next(body: bytes) -> int:
    """A record that no table bounds ends where another begins."""
    found = _ANY.search(body)
    return found.start() if found else len(body)


def _texts(body: bytes) -> Iterator[str]:
    narrow = ((m.start(), m[1].decode("cp1252", "backslashreplace")) for m in _NARROW.finditer(body))
    for _, text in sorted([*narrow, *_wide(body)]):
        yield text


def _wide(body: bytes) -> Iterator[tuple[int, str]]:
    """UTF-16 texts behind a one; in one pass, and never more than so many bytes tried."""
    at, end, left = body.find(b"\1"), 0, _MOST_WIDE
    while at >= 0 and left > 0:
        if end <= at:
            end = body.find(b"\0\0", at + 1)
        if end < 0:
            return
        stop = end + (end - at - 1) % 2
        left -= stop - at
        text = body[at + 1 : stop].decode("utf-16-le", "backslashreplace")
        if len(text) > 1 and all(c.isprintable() or c in "\r\n\t" for c in text):
            yield at, text
            at = stop
        at = body.find(b"\1", at + 1)
