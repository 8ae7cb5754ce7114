"""The structure of a minidump: of which process, when, by what. Its memory is never read.

Layout: MINIDUMP_HEADER and its streams as Microsoft documents them in minidumpapiset.h. Some tools store a wiped
signature; such a file is known by its structure: one to 32 streams whose directory follows the 32-byte header, with
system information and a module list. A stored copy may hold zeros instead of memory; nothing here minds.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from msgspec import Struct

from parsers.account import covered
from parsers.crc import crc
from shellcase.model import Moment, Span, Value
from shellcase.zones import utc

_HEADER = struct.Struct("<IIIIIIQ")
_SIGNATURE = b"MDMP"
_MODULES, _SYSTEM, _COMMENT_A, _COMMENT_W, _MISC = 4, 7, 10, 11, 15
_COMMON = {0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}
_MOST_STREAMS = 1024
_MODULE = 108
_MOST_MODULES = 4096
_MOST_TEXT = 2048  # bytes of a name or comment
_LSASS = "lsass.exe"


class Place(Struct, frozen=True, gc=False):
    """A stream of the dump: bytes `at` … `at` + `size`."""

    size: int
    at: int


class Dump(Struct, frozen=True, kw_only=True):
    """What a dump says of itself. `modules` are paths, the first is normally the process image; `read`: where all
    this stands."""

    wiped: bool
    taken: int  # seconds since 1970, 0 where the tool left it out
    flags: int
    streams: int
    modules: tuple[str, ...] = ()
    announced_modules: int = 0
    pid: int | None = None
    created: int | None = None
    os_build: str = ""
    comment: str = ""
    read: tuple[Span, ...] = ()
    crc: str = ""
    problems: tuple[str, ...] = ()

    @property
    def is_lsass(self) -> bool:
        """Whether a module is the program of the local security authority, by its base name."""
        return any(base_name(m).casefold() == _LSASS for m in self.modules)


def base_name(path: str) -> str:
    """The last part of a path, whichever slash it uses."""
    return path.replace("/", "\\").rpartition("\\")[2]


class _Reader:
    """Bounded reads that remember how much they took, from where, and the bytes themselves."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream, self._size = stream, size
        self._read: dict[int, bytes] = {}

    def bytes(self, at: int, length: int) -> bytes:
        """At most `length` bytes from `at` on, fewer at the end of the file."""
        if at >= self._size:
            return b""
        self._stream.seek(at)
        raw = self._stream.read(length)
        self._read[at] = max(raw, self._read.get(at, b""), key=len)
        return raw

    @property
    def seen(self) -> int:
        """Bytes that were read, none twice."""
        return covered((at, len(raw)) for at, raw in self._read.items())

    def spans(self) -> tuple[Span, ...]:
        """What was read, the header first, then in order; what touches is one."""
        found: list[tuple[int, int]] = []
        for at, raw in sorted(self._read.items()):
            if found and at <= found[-1][1]:
                found[-1] = found[-1][0], max(found[-1][1], at + len(raw))
            elif raw:
                found.append((at, at + len(raw)))
        return tuple(Span(low, high - low) for low, high in found)

    def crc(self) -> str:
        """Over all that was read."""
        return crc(*(raw for _, raw in sorted(self._read.items())))


def read_dump(stream: BinaryIO, size: int) -> tuple[Dump | None, int]:
    """The dump and the number of bytes read; None where there is no header or no directory."""
    reader = _Reader(stream, size)
    head = reader.bytes(0, _HEADER.size)
    if len(head) < _HEADER.size:
        return None, reader.seen
    _, _, count, at, _, taken, flags = _HEADER.unpack(head)
    raw = reader.bytes(at, 12 * min(count, _MOST_STREAMS))
    places, problems = _directory(raw, count, size)
    if not places:
        return None, reader.seen
    modules, announced = _modules(reader, places.get(_MODULES), problems)
    pid, created = _misc(reader, places.get(_MISC))
    dump = Dump(
        wiped=head[:4] != _SIGNATURE,
        taken=taken,
        flags=flags,
        streams=count,
        modules=modules,
        announced_modules=announced,
        pid=pid,
        created=created,
        os_build=_os_build(reader, places.get(_SYSTEM)),
        comment=_comment(reader, places),
        problems=tuple(problems),
        read=reader.spans(),
        crc=reader.crc(),
    )
    return dump, reader.seen


def _directory(raw: bytes, count: int, size: int) -> tuple[dict[int, Place], list[str]]:
    """Streams by type (the first of each type), and what is wrong with the directory."""
    places: dict[int, Place] = {}
    problems = [] if len(raw) == 12 * count else [f"the directory holds {len(raw) // 12} of {count} streams"]
    for kind, length, at in struct.iter_unpack("<III", raw[: len(raw) // 12 * 12]):
        if kind and at + length > size:
            problems.append(f"stream of type {kind} lies outside the file")
        elif kind:
            places.setdefault(kind, Place(length, at))
    return places, problems


def _modules(reader: _Reader, place: Place | None, problems: list[str]) -> tuple[tuple[str, ...], int]:
    """Paths of the modules and how many the list announces."""
    if place is None or place.size < 4:
        return (), 0
    announced = int.from_bytes(reader.bytes(place.at, 4), "little")
    # breakpad pads the count to 8 bytes, Windows does not
    start = 8 if place.size == 8 + _MODULE * announced else 4
    count = min(announced, (place.size - start) // _MODULE, _MOST_MODULES)
    if count < announced:
        problems.append(f"the module list holds {count} of {announced} modules")
    raw = reader.bytes(place.at + start, count * _MODULE)
    names = (int.from_bytes(raw[i + 20 : i + 24], "little") for i in range(0, len(raw) - 23, _MODULE))
    return tuple(_counted(reader, at) for at in names), announced


def _counted(reader: _Reader, at: int) -> str:
    """A MINIDUMP_STRING: four bytes of length, then UTF-16."""
    length = int.from_bytes(reader.bytes(at, 4), "little")
    return _utf16(reader.bytes(at + 4, min(length, _MOST_TEXT)))


def _utf16(raw: bytes) -> str:
    return raw[: len(raw) // 2 * 2].decode("utf-16-le", "backslashreplace").partition("\0")[0]


def _misc(reader: _Reader, place: Place | None) -> tuple[int | None, int | None]:
    """Process id and creation time (seconds since 1970) where their flags say they are there."""
    raw = reader.bytes(place.at, min(place.size, 16)) if place else b""
    if len(raw) < 16:
        return None, None
    _, flags, pid, created = struct.unpack("<IIII", raw)
    return pid if flags & 1 else None, created if flags & 2 else None


def _os_build(reader: _Reader, place: Place | None) -> str:
    raw = reader.bytes(place.at, min(place.size, 20)) if place else b""
    return ".".join(map(str, struct.unpack_from("<III", raw, 8))) if len(raw) == 20 else ""


def _comment(reader: _Reader, places: dict[int, Place]) -> str:
    """What the tool that wrote the dump noted, often its command line."""
    wide, narrow = places.get(_COMMENT_W), places.get(_COMMENT_A)
    if wide:
        return _utf16(reader.bytes(wide.at, min(wide.size, _MOST_TEXT)))
    raw = reader.bytes(narrow.at, min(narrow.size, _MOST_TEXT)) if narrow else b""
    return raw.partition(b"\0")[0].decode("cp1252", "backslashreplace")


def iso(seconds: int) -> str:
    """Seconds since 1970 as ISO 8601."""
    return utc(seconds * 10**9).strftime("%Y-%m-%dT%H:%M:%SZ")


def dump_moment(dump: Dump) -> Moment:
    """When the dump was taken, where it says so."""
    return Moment(dump.taken * 10**9, 10**9, iso(dump.taken)) if dump.taken else Moment(None, 10**9, "0")


def dump_data(dump: Dump) -> dict[str, Value]:
    """The fields of a `memory.dump` event."""
    return {
        "is_lsass": dump.is_lsass,
        "module0": dump.modules[0] if dump.modules else None,
        "modules": dump.announced_modules,
        "pid": dump.pid,
        "process_created": iso(dump.created) if dump.created else None,
        "os_build": dump.os_build or None,
        "flags": f"0x{dump.flags:x}",
        "streams": dump.streams,
        "signature": "wiped" if dump.wiped else "ok",
        "comment": dump.comment or None,
        "crc": dump.crc,
    }


def looks_like_dump(head: bytes) -> bool:
    """The signature, or without it the structure that only a dump has."""
    if len(head) < _HEADER.size:
        return False
    _, _, count, at, _, _, _ = _HEADER.unpack_from(head)
    if head[:4] == _SIGNATURE:
        return True
    if not 3 <= count <= 32 or at != _HEADER.size or len(head) < at + 12 * count:
        return False
    streams = list(struct.iter_unpack("<III", head[at : at + 12 * count]))
    kinds = {kind for kind, _, _ in streams}
    inside = all(not kind or (size and start >= at + 12 * count) for kind, size, start in streams)
    return inside and kinds <= _COMMON and {_MODULES, _SYSTEM} <= kinds
