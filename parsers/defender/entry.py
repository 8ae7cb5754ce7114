"""Quarantine entries (Quarantine\\Entries\\{GUID}): what was locked away, when, and as what.

Three pieces, each under its own key stream: a header of 60 bytes with the sizes of the other two, the entry (GUIDs,
time, threat), and the resources with their paths, times and the name under which the content lies in ResourceData.
Structure after Fox-IT's published analysis, as dissect.target has it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from uuid import UUID

from msgspec import Struct

from parsers.defender.rc4 import turn

MAGIC = turn(b"\xdb\xe8\xc5\x01")
HEAD = 60
_FIELDS = {0x02: "resource_id", 0x0C: "path", 0x0F: "created", 0x10: "accessed", 0x11: "written"}
_MOST_RESOURCES = 4096
_MOST_FIELDS = 256
_MOST_SECTION = 16 << 20


class Resource(Struct, frozen=True, kw_only=True):
    """One thing that was locked away. Times are FILETIME; `offset` and `length` are its bytes in the file."""

    kind: str
    path: str
    offset: int
    length: int
    resource_id: str = ""
    created: int = 0
    accessed: int = 0
    written: int = 0
    others: tuple[str, ...] = ()


class Entry(Struct, frozen=True, kw_only=True):
    """An entry: `ticks` is the FILETIME of the quarantine; `sizes` are those of its two sections."""

    quarantine_id: str
    scan_id: str
    ticks: int
    threat_id: int
    threat: str
    sizes: tuple[int, int]
    announced: int
    checksums: str
    resources: tuple[Resource, ...]
    problems: tuple[tuple[int, int, str], ...] = ()


def sizes(raw: bytes) -> tuple[int, int] | None:
    """Lengths of the two sections by the header; None where they do not fit the file."""
    if len(raw) < HEAD:
        return None
    head = turn(raw[:HEAD])
    first, second = struct.unpack_from("<II", head, 40)
    fits = 44 <= first <= _MOST_SECTION and 4 <= second <= _MOST_SECTION and HEAD + first + second <= len(raw)
    return (first, second) if fits else None


def count(raw: bytes) -> int:
    """Resources the second section announces and can point at."""
    lengths = sizes(raw)
    if lengths is None:
        return 0
    start = HEAD + lengths[0]
    two = turn(raw[start : start + lengths[1]])
    return _listed(two)


def _listed(two: bytes) -> int:
    """Places in the list of the second section, which ends at the latest where the first resource begins."""
    number, first = int.from_bytes(two[:4], "little"), int.from_bytes(two[4:8], "little")
    end = first if 8 <= first <= len(two) else len(two)
    return min(number, (end - 4) // 4, _MOST_RESOURCES)


def read(raw: bytes) -> Entry | None:
    """The entry; None where its header does not fit."""
    lengths = sizes(raw)
    if lengths is None:
        return None
    first, second = lengths
    head, one = turn(raw[:HEAD]), turn(raw[HEAD : HEAD + first])
    two = turn(raw[HEAD + first : HEAD + first + second])
    ticks, threat_id = struct.unpack_from("<QQ", one, 32)
    resources, problems = _resources(two, HEAD + first)
    return Entry(
        quarantine_id=_guid(one[:16]),
        scan_id=_guid(one[16:32]),
        ticks=ticks,
        threat_id=threat_id,
        threat=one[52:].partition(b"\0")[0].decode("utf-8", "backslashreplace"),
        sizes=lengths,
        announced=int.from_bytes(two[:4], "little"),
        checksums=head[48:56].hex(),
        resources=resources,
        problems=problems,
    )


def _guid(raw: bytes) -> str:
    return "{" + str(UUID(bytes_le=raw)).upper() + "}"


def _resources(two: bytes, base: int) -> tuple[tuple[Resource, ...], tuple[tuple[int, int, str], ...]]:
    number = _listed(two)
    places = struct.unpack_from(f"<{number}I", two, 4)
    out: list[Resource] = []
    problems: list[tuple[int, int, str]] = []
    for index, at in enumerate(places):
        end = min((p for p in places if at < p <= len(two)), default=len(two))
        try:
            out.append(_resource(two, at, end, base))
        except (ValueError, struct.error) as error:
            problems.append((base + 4 + 4 * index, 4, str(error)))
    return tuple(out), tuple(problems)


def _resource(two: bytes, at: int, end: int, base: int) -> Resource:
    if not 4 <= at < len(two):
        raise ValueError(f"a resource at {at} of {len(two)} bytes")
    path, after = _wide(two, at, end)
    number = int.from_bytes(two[after : after + 2], "little")
    stop = two.find(b"\0", after + 2, end)
    if stop < 0:
        raise ValueError("the kind of a resource has no end")
    kind = two[after + 2 : stop].decode("utf-8", "backslashreplace")
    found: dict[str, bytes] = {}
    others: list[str] = []
    for identifier, form, raw in _fields(two, stop + 1, end, number):
        if identifier in _FIELDS:
            found.setdefault(_FIELDS[identifier], raw)
        else:
            others.append(f"0x{identifier:02x}/{form} {raw[:256].hex()}")
    return Resource(
        kind=kind,
        path=found["path"].decode("utf-16-le", "backslashreplace").rstrip("\0") if "path" in found else path,
        offset=base + at,
        length=end - at,
        resource_id=found.get("resource_id", b"").hex().upper(),
        created=int.from_bytes(found.get("created", b"")[:8], "little"),
        accessed=int.from_bytes(found.get("accessed", b"")[:8], "little"),
        written=int.from_bytes(found.get("written", b"")[:8], "little"),
        others=tuple(others),
    )


def _wide(raw: bytes, at: int, end: int) -> tuple[str, int]:
    """A UTF-16 text up to its zero, and where the next thing begins."""
    stop = at
    while stop + 1 < end and raw[stop : stop + 2] != b"\0\0":
        stop += 2
    if stop + 1 >= end:
        raise ValueError("the path of a resource has no end")
    return raw[at:stop].decode("utf-16-le", "backslashreplace"), stop + 2


def _fields(raw: bytes, at: int, end: int, number: int) -> Iterator[tuple[int, int, bytes]]:
    """Identifier, type and bytes of each field; fields begin at multiples of four in the section."""
    for _ in range(min(number, _MOST_FIELDS)):
        at = (at + 3) & ~3
        if at + 4 > end:
            raise ValueError(f"a field at {at} of {end}")
        size, what = struct.unpack_from("<HH", raw, at)
        if at + 4 + size > end:
            raise ValueError(f"a field of {size} bytes at {at} of {end}")
        yield what & 0xFFF, what >> 12, raw[at + 4 : at + 4 + size]
        at += 4 + size
