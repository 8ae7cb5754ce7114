"""Shell items: the steps from the desktop to a file as links, jump lists and the registry keep them.

The layout is the one libfwsi documents. Times are FAT times in UTC, of two seconds. Sorts of items without a reader
here are shown as their class in hexadecimal.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, datetime

from msgspec import Struct

from parsers.small import guid, wide
from shellcase.model import Moment

_MOST = 64
_KNOWN = {
    "20d04fe0-3aea-1069-a2d8-08002b30309d": "My Computer",
    "208d2c60-3aea-1069-a2d7-08002b30309d": "Network",
    "59031a47-3f72-44a7-89c5-5595fe6b30ee": "User Profile",
    "645ff040-5081-101b-9f08-00aa002f954e": "Recycle Bin",
    "26ee0668-a00a-44d7-9371-beb064c98683": "Control Panel",
    "679f85cb-0220-4080-b29b-5540cc05aab6": "Quick Access",
}
_BLOCK = b"\x04\x00\xef\xbe"


class Item(Struct, frozen=True):
    """One step. `at` counts from the list's start; `modified`, `created`, `accessed` are FAT times (0: none)."""

    at: int
    length: int
    sort: int
    name: str
    is_path: bool = False
    modified: int = 0
    created: int = 0
    accessed: int = 0
    size: int | None = None
    record: int | None = None
    sequence: int | None = None


def fat_moment(fat: int, means: str = "instant") -> Moment:
    """A FAT date and time (date in the low half) as UTC; without an instant when no calendar has it."""
    day, clock = fat & 0xFFFF, fat >> 16
    parts = (1980 + (day >> 9), day >> 5 & 15, day & 31, clock >> 11, clock >> 5 & 63, (clock & 31) * 2)
    try:
        when = datetime(*parts, tzinfo=UTC)
    except ValueError:
        return Moment(None, 2 * 10**9, f"FAT 0x{fat:08x}", means=means)
    return Moment(int(when.timestamp()) * 10**9, 2 * 10**9, when.strftime("%Y-%m-%dT%H:%M:%SZ"), means=means)


def items(raw: bytes) -> tuple[list[Item], str]:
    """All items of a list, and what is wrong with it (empty when nothing)."""
    found: list[Item] = []
    at = 0
    while at + 2 <= len(raw) and len(found) < _MOST:
        size = int.from_bytes(raw[at : at + 2], "little")
        if not size:
            return found, ""
        if size < 3 or at + size > len(raw):
            return found, f"item of {size} bytes at {at} of {len(raw)}"
        found.append(_item(raw[at : at + size], at))
        at += size
    return found, "" if at == len(raw) else "the list has no end"


def _item(raw: bytes, at: int) -> Item:
    sort = raw[2]
    try:
        if sort == 0x1F and len(raw) >= 20:
            name = guid(raw[4:20])
            return Item(at, len(raw), sort, _KNOWN.get(name, f"{{{name}}}"))
        if sort & 0x70 == 0x20 and sort & 1:
            return Item(at, len(raw), sort, _ansi(raw, 3), is_path=True)
        if sort & 0x70 == 0x30:
            return _file(raw, at)
        if sort & 0x70 == 0x40:
            return Item(at, len(raw), sort, _ansi(raw, 5), is_path=True)
    except (struct.error, IndexError):
        pass
    return Item(at, len(raw), sort, f"<item 0x{sort:02x}>")


def _ansi(raw: bytes, at: int) -> str:
    """Up to the next NUL, in the western code page: which one the machine had is not in the item."""
    end = raw.find(b"\0", at)
    return raw[at : end if end >= 0 else len(raw)].decode("cp1252", "backslashreplace")


def _file(raw: bytes, at: int) -> Item:
    size, modified = struct.unpack_from("<II", raw, 4)
    name = _wide_to_nul(raw, 14) if raw[2] & 4 else _ansi(raw, 14)
    block = raw.find(_BLOCK, 14) - 4
    if block < 14:
        return Item(at, len(raw), raw[2], name, True, modified, size=size)
    _, version, _, created, accessed = struct.unpack_from("<HHIII", raw, block)
    record = sequence = None
    text = block + 18
    if version >= 7:
        reference = struct.unpack_from("<Q", raw, block + 20)[0]
        record, sequence = reference & 0xFFFF_FFFF_FFFF, reference >> 48
        text = block + {7: 38, 8: 42}.get(version, 46)
    elif version >= 3:
        text = block + 20
    long = _wide_to_nul(raw, text)
    return Item(at, len(raw), raw[2], long or name, True, modified, created, accessed, size, record, sequence)


def _wide_to_nul(raw: bytes, at: int) -> str:
    end = at
    while end + 2 <= len(raw) and raw[end : end + 2] != b"\0\0":
        end += 2
    return wide(raw[at:end])


def path_of(found: list[Item]) -> str:
    r"""`My Computer\C:\Users\…` as one text; a drive or share begins it when there is one."""
    begin = next((n for n, item in enumerate(found) if item.is_path), 0)
    return "\\".join(item.name.rstrip("\\") for item in found[begin:])


def moments(item: Item) -> Iterator[tuple[str, Moment]]:
    """The times an item has, by what they say."""
    for name, fat in (("modified", item.modified), ("created", item.created), ("accessed", item.accessed)):
        if fat:
            yield name, fat_moment(fat)
