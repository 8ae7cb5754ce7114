"""Where the records of a $UsnJrnl:$J lie, found by their headers alone; nothing is decoded here.

A record (versions 2, 3 and 4) starts on a multiple of 8 and says its length; unused space is zero. Whatever is
neither is damage: it ends where the next header that makes sense starts.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

WINDOW = 4 << 20
LONGEST = 0x10000  # no record is longer: names have at most 255 characters, V4 at most some extents
_HEAD = struct.Struct("<IHH")
_NAME_AT = {2: 0x38, 3: 0x48}  # where the length of the name stands
_FIRST = {2: 0x3C, 3: 0x4C}  # where the name itself starts
_LEAST = {2: 0x40, 3: 0x50, 4: 0x40}  # bytes of the shortest record of each version
_CLEAN = 64  # so many zeros end a damaged run: fewer may lie inside a record


def walk(stream: BinaryIO) -> Iterator[tuple[int, int, bool]]:
    """(offset, length, whole) of each record and of each run of damaged bytes, in order."""
    start, held, last = 0, b"", False
    damage: int | None = None
    while not last:
        piece = stream.read(WINDOW)
        last, held = not piece, held + piece
        at = 0
        while at + 8 <= len(held) and (last or at + LONGEST <= len(held)):
            length = plausible(held, at)
            if not length and any(held[at : at + (8 if damage is None else _CLEAN)]):
                damage = start + at if damage is None else damage
                at += 8
                continue
            if damage is not None:
                yield damage, start + at - damage, False
                damage = None
            if length:
                yield start + at, length, True
            at = at + length if length else _zeros_end(held, at)
        start, held = start + at, held[at:]
    if damage is not None or any(held):
        damage = start if damage is None else damage
        yield damage, start + len(held) - damage, False


def plausible(raw: bytes, at: int) -> int:
    """The length of the record whose header starts at `at`, 0 where none does or where it is cut off."""
    length, major, minor = _HEAD.unpack_from(raw, at)
    if minor or length % 8 or not _LEAST.get(major, LONGEST) <= length <= min(LONGEST, len(raw) - at):
        return 0
    if major in _NAME_AT:
        name, first = struct.unpack_from("<HH", raw, at + _NAME_AT[major])
        return length if first == _FIRST[major] and length == (first + name + 7) & ~7 else 0
    if major == 4:
        extents, each = struct.unpack_from("<HH", raw, at + 0x3C)
        return length if length == (0x40 + extents * each + 7) & ~7 else 0
    return 0


def _zeros_end(raw: bytes, at: int) -> int:
    """The first multiple of 8 from `at` on whose 8 bytes are not all zero."""
    words = np.frombuffer(raw, "<u8", (len(raw) - at) // 8, at)
    where = np.flatnonzero(words[:512])  # mostly the end of a page
    if not len(where):
        where = np.flatnonzero(words[512:]) + 512
    return at + 8 * (int(where[0]) if len(where) else len(words))
