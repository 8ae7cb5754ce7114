"""One $FILE_NAME and one entry of a folder's index ($I30), decoded from bytes; for $LogFile and index records."""

from __future__ import annotations

import struct

from msgspec import Struct

from parsers.ntfs.entries import attribute_text
from parsers.ntfs.filetime import FIRST, LAST, moment
from parsers.ntfs.texts import spell
from parsers.times import filetime_text
from shellcase.model import Moment, Value

LEAST = 66  # bytes before the name
_FIXED = struct.Struct("<Q4QQQIIBB")
_ENTRY = struct.Struct("<QHHHH")
_SPACES = ("POSIX", "Win32", "DOS", "Win32 and DOS")
_TIMES = ("born", "modified", "changed", "accessed")


class FileName(Struct, frozen=True, gc=False):
    """Name, folder and the four times (FILETIME: born, modified, record changed, accessed) as one place keeps them."""

    name: str
    space: int
    parent: tuple[int, int]
    times: tuple[int, ...]
    size: int
    flags: int

    @property
    def dos(self) -> bool:
        """A short name beside the long one."""
        return self.space == 2

    def data(self) -> dict[str, Value]:
        """The fields of an event."""
        return {
            "name": self.name,
            "namespace": _SPACES[self.space],
            "parent": self.parent[0],
            "parent_seq": self.parent[1],
            "size": self.size,
            "attributes": attribute_text(self.flags) + ("|DIRECTORY" if self.flags & 0x1000_0000 else ""),
            **{name: filetime_text(tick) for name, tick in zip(_TIMES, self.times, strict=True)},
        }

    def moment(self, which: int, means: str) -> Moment:
        """One of its times."""
        return moment(self.times[which], means)


FIELDS = {
    "name": "file name",
    "namespace": "Win32, DOS (the short name), both or POSIX",
    "parent": "$MFT entry of the folder",
    "parent_seq": "its sequence number",
    "size": "bytes of the file as the name keeps them",
    "attributes": "file attributes",
    "born": "when the file was made, of this name",
    "modified": "when its bytes changed",
    "changed": "when its $MFT record changed",
    "accessed": "when it was read",
}


def split(reference: int) -> tuple[int, int]:
    """Entry and sequence number of a file reference."""
    return reference & 0xFFFF_FFFF_FFFF, reference >> 48


def file_name(raw: bytes) -> FileName | None:
    """A $FILE_NAME that fills `raw` or begins it; None where the bytes cannot be one."""
    if len(raw) < LEAST + 2:
        return None
    parent, *times, _, size, flags, _, chars, space = _FIXED.unpack_from(raw)
    if not chars or space > 3 or LEAST + 2 * chars > len(raw):
        return None
    name = spell(raw[LEAST : LEAST + 2 * chars])
    return FileName(name, space, split(parent), tuple(times), size, flags)


def index_entry(raw: bytes) -> tuple[tuple[int, int], FileName, int] | None:
    """File reference, name and length of the entry at the start of `raw`; None where it is none of a folder."""
    if len(raw) < 16 + LEAST + 2:
        return None
    file, length, key, flags, rest = _ENTRY.unpack_from(raw)
    found = file_name(raw[16 : 16 + key])
    if found is None or flags > 3 or rest or key != LEAST + (raw[16 + 64]) * 2:
        return None
    fits = length % 8 == 0 and 16 + key <= length <= 16 + key + 7 + 8 * (flags & 1)
    return (split(file), found, length) if fits and length <= len(raw) else None


def dated(name: FileName) -> bool:
    """Whether all four times are instants: what tells a leftover from chance."""
    return all(FIRST <= tick <= LAST for tick in name.times)
