"""The entries of a zip: from its central directory, or, where that is cut off, from the local headers one by one.

Own reader because evidence wants what the usual one hides: both names where they differ, entries that overlap, and what
is left of an archive without its end. Format: APPNOTE 6.3; zip64 in extra field 1.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

from msgspec import Struct, structs

from collector.gathered.bundle import MOST_ENTRIES, MOST_OBJECT, filetime
from collector.runs import Reader

LOCAL, CENTRAL, END, END64, PLACE64 = b"PK\3\4", b"PK\1\2", b"PK\5\6", b"PK\6\6", b"PK\6\7"
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_CENTRAL = struct.Struct("<4sHHHHHHIIIHHHHHII")
_END = struct.Struct("<4sHHHHIIH")
_END64 = struct.Struct("<4sQHHIIQQQQ")
_FULL = 0xFFFFFFFF
_HALF = re.compile(rb"[\x81-\x9f\xe0-\xfc]\\")
_MOST_DIRECTORY = 256 << 20
_STEP = 1 << 18
STORED, DEFLATED = 0, 8


class Entry(Struct, frozen=True, kw_only=True):
    """One file of the archive. `at` is where its local header lies; `why` says that it cannot be read."""

    name: str
    flags: int
    method: int
    crc: int | None
    packed: int
    size: int
    at: int
    written: int | None
    mode: int = 0
    why: str = ""

    @property
    def encrypted(self) -> bool:
        """Whether a password is needed."""
        return bool(self.flags & 1)


def entries(reader: Reader) -> tuple[list[Entry], list[str]]:
    """All entries in the order of the directory, and what is wrong with the archive."""
    found = _directory(reader)
    if found is None:
        rest = list(_walk(reader))
        return rest, [
            f"the zip has no readable directory at its end: it is cut off; {len(rest)} entries found in order"
        ]
    at, size, count = found
    listed = list(_listed(reader, at, size, count))
    problems = []
    if len(listed) < count:
        problems.append(f"the zip announces {count} entries, {len(listed)} can be listed")
    return listed, problems


def _directory(reader: Reader) -> tuple[int, int, int] | None:
    """Offset, size and entries of the central directory; None where the archive has no end."""
    tail_at = max(reader.size - 65_557, 0)
    tail = reader.read_at(tail_at, 65_557)
    where = tail.rfind(END)
    while where >= 0:
        if len(tail) - where >= _END.size:
            _s, _d, _dd, _n, count, size, offset, _c = _END.unpack_from(tail, where)
            found = _wide(reader, tail_at + where, count, size, offset)
            if _fits(reader, *found):
                return found
        where = tail.rfind(END, 0, where)
    return None


def _wide(reader: Reader, at: int, count: int, size: int, offset: int) -> tuple[int, int, int]:
    """The true numbers: of the zip64 record where there is one, moved where bytes precede the archive."""
    place = reader.read_at(at - 20, 20) if at >= 20 else b""
    if place[:4] == PLACE64:
        record = reader.read_at(struct.unpack_from("<Q", place, 8)[0], _END64.size)
        if len(record) == _END64.size and record[:4] == END64:
            values = _END64.unpack(record)
            return values[9], values[8], values[7]
    before = at - size - offset
    moved = before > 0 and reader.read_at(offset, 4) != CENTRAL and reader.read_at(offset + before, 4) == CENTRAL
    return (offset + before if moved else offset), size, count


def _fits(reader: Reader, offset: int, size: int, count: int) -> bool:
    if offset + size > reader.size:
        return False
    return not count or reader.read_at(offset, 4) == CENTRAL


def _listed(reader: Reader, at: int, size: int, count: int) -> Iterator[Entry]:
    raw = reader.read_at(at, min(size, _MOST_DIRECTORY))
    first = _first_local(reader)
    pos = 0
    for _n in range(min(count, MOST_ENTRIES)):
        if len(raw) - pos < _CENTRAL.size or raw[pos : pos + 4] != CENTRAL:
            return
        f = _CENTRAL.unpack_from(raw, pos)
        flags, method, _clock, _day, crc, packed, big = f[3:10]
        names, extras, notes, _disk, _in, mode, local = f[10:17]
        pos += _CENTRAL.size
        extra = raw[pos + names : pos + names + extras]
        big, packed, local = _zip64(extra, big, packed, local)
        yield Entry(
            name=_text(raw[pos : pos + names], flags, extra),
            flags=flags,
            method=method,
            crc=crc,
            packed=packed,
            size=big,
            at=local + first,
            written=_written(extra),
            mode=mode >> 16,
        )
        pos += names + extras + notes


def _first_local(reader: Reader) -> int:
    """Bytes before the archive that its offsets do not count: none, where it begins with an entry."""
    return 0 if reader.read_at(0, 2) == b"PK" else max(reader.read_at(0, 1 << 20).find(LOCAL), 0)


def _zip64(extra: bytes, size: int, packed: int, at: int) -> tuple[int, int, int]:
    for kind, body in _fields(extra):
        if kind == 1:
            values = iter(struct.unpack(f"<{len(body) // 8}Q", body[: len(body) // 8 * 8]))
            size = next(values, size) if size == _FULL else size
            packed = next(values, packed) if packed == _FULL else packed
            at = next(values, at) if at == _FULL else at
    return size, packed, at


def _fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        yield kind, extra[at + 4 : at + 4 + length]
        at += 4 + length


def _written(extra: bytes) -> int | None:
    """The entry's time as FILETIME, of the NTFS or the Unix field; the DOS time names no zone and is left out."""
    for kind, body in _fields(extra):
        if kind == 0x000A and len(body) >= 16 and body[4:8] == b"\1\0\x18\0":
            return int(struct.unpack_from("<Q", body, 8)[0]) or None
        if kind == 0x5455 and len(body) >= 5 and body[0] & 1:
            return filetime(struct.unpack_from("<i", body, 1)[0])
    return None


def _text(raw: bytes, flags: int, extra: bytes) -> str:
    if flags & 0x800 or raw.isascii():
        wide = _beside(raw, extra) if b"?" in raw else None
        return wide or raw.decode("utf-8", "surrogateescape")
    return _beside(raw, extra) or _legacy(raw)


def _beside(raw: bytes, extra: bytes) -> str | None:
    """The name in UTF-8 of the field 0x7075, where it belongs to this very name."""
    for kind, body in _fields(extra):
        if (
            kind == 0x7075
            and len(body) > 5
            and body[0] == 1
            and struct.unpack_from("<I", body, 1)[0] == zlib.crc32(raw)
        ):
            return body[5:].decode("utf-8", "surrogateescape")
    return None


def _legacy(raw: bytes) -> str:
    """Names without the UTF-8 flag: many tools write UTF-8 all the same; else the DOS code page.

    A backslash behind a high byte of a name that is parted by slashes is half a Japanese character, no folder.
    """
    half = b"/" in raw and _HALF.search(raw) and b"\\" not in _HALF.sub(b"", raw)
    for codec in ("utf-8", "cp932") if half else ("utf-8",):
        try:
            return raw.decode(codec)
        except UnicodeDecodeError:
            continue
    return raw.decode("cp437")


def data_at(reader: Reader, entry: Entry) -> tuple[int, str]:
    """Where the bytes of an entry begin, and how its own header contradicts the directory (empty: it does not)."""
    raw = reader.read_at(entry.at, _LOCAL.size)
    if len(raw) < _LOCAL.size or raw[:4] != LOCAL:
        raise OSError(f"no entry header at byte {entry.at} of the zip")
    flags, method, _clock, _day, _crc, _packed, _size, names, extras = _LOCAL.unpack(raw)[2:]
    behind = entry.at + _LOCAL.size
    name = _text(reader.read_at(behind, names), flags, reader.read_at(behind + names, extras))
    said = f"directory says {entry.name}, the entry itself {name}" if name != entry.name else ""
    if method != entry.method:
        said = said or f"{entry.name}: directory says method {entry.method}, the entry itself {method}"
    return entry.at + _LOCAL.size + names + extras, said


def _walk(reader: Reader) -> Iterator[Entry]:
    """Entries of an archive without directory, from its first header on."""
    at = _first_local(reader)
    for _n in range(MOST_ENTRIES):
        raw = reader.read_at(at, _LOCAL.size)
        if len(raw) < _LOCAL.size or raw[:4] != LOCAL:
            return
        flags, method, _clock, _day, crc, packed, size, names, extras = _LOCAL.unpack(raw)[2:]
        name = reader.read_at(at + _LOCAL.size, names)
        extra = reader.read_at(at + _LOCAL.size + names, extras)
        size, packed, _at = _zip64(extra, size, packed, 0)
        entry = Entry(
            name=_text(name, flags, extra), flags=flags, method=method, crc=crc, packed=packed, size=size, at=at,
            written=_written(extra),
        )  # fmt: skip
        start = at + _LOCAL.size + names + extras
        if flags & 8 and not packed:
            entry = _measured(reader, entry, start)
        left = reader.size - start
        if entry.packed > left:
            entry = structs.replace(
                entry, packed=max(left, 0), why=entry.why or f"{entry.packed - left} bytes are cut off"
            )
        yield entry
        at = _behind(reader, start + entry.packed, bool(flags & 8))


def _measured(reader: Reader, entry: Entry, start: int) -> Entry:
    """Sizes of an entry that tells them only behind its bytes: found by unpacking it."""
    if entry.method != DEFLATED or entry.encrypted:
        return structs.replace(entry, packed=reader.size - start, crc=None, why="its end cannot be found")
    engine, used, out, crc = zlib.decompressobj(-15), 0, 0, 0
    try:
        while not engine.eof and out <= MOST_OBJECT:
            fresh = b"" if engine.unconsumed_tail else reader.read_at(start + used, _STEP)
            if not fresh and not engine.unconsumed_tail:
                break
            used += len(fresh)
            piece = engine.decompress(engine.unconsumed_tail + fresh, _STEP)
            out, crc = out + len(piece), zlib.crc32(piece, crc)
    except (zlib.error, OSError) as error:
        return structs.replace(entry, packed=used, size=out, crc=None, why=f"it breaks off: {error}")
    packed = used - len(engine.unused_data) - len(engine.unconsumed_tail)
    why = "" if engine.eof else "the archive ends inside it"
    return structs.replace(entry, packed=packed, size=out, crc=crc if engine.eof else None, why=why)


def _behind(reader: Reader, at: int, described: bool) -> int:
    """Where the next header begins: behind the data descriptor, which may be of several lengths."""
    if described:
        found = reader.read_at(at, 28).find(b"PK", 0 if reader.read_at(at, 4) != b"PK\7\x08" else 4)
        return at + found if found >= 0 else reader.size
    return at
