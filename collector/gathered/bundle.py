"""What every kind of collection is to us: members with names, sizes and bytes at offsets; nothing is ever extracted.

`Bundle` is a folder, a zip, a tar or an AD1. Names are the attacker's words: they are split here and live on as text
only. Limits are those of R-EXT-3; what goes beyond them is named in `problems`.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

import msgspec
from msgspec import Struct

from collector.runs import Reader

MOST_ENTRIES = 200_000
MOST_NESTED = 3
MOST_OBJECT = 4 << 30
MOST_BYTES = 200 << 30
FREE_BYTES = 16 << 20
MOST_RATIO = 200
_NAMED = 20
_LONGEST = 32_767
_DEEPEST = 255
_UNIX_1601 = 116_444_736_000_000_000

Kind = Literal["file", "folder", "link", "device", "refused"]


class Member(Struct, frozen=True, kw_only=True):
    """One entry. `parts`: its name cut at slashes; `note`: where a link leads, or why the entry is refused.

    `written`: the time the container gives it, as FILETIME. `readable`: how many of its `size` bytes can be had, and
    `torn` why not all. `extents` of sparse entries: (offset in the file, offset in the stored bytes, length).
    """

    name: str
    parts: tuple[str, ...]
    size: int
    kind: Kind = "file"
    note: str = ""
    written: int | None = None
    readable: int = -1
    torn: str = ""
    extents: tuple[tuple[int, int, int], ...] = ()

    @property
    def stored(self) -> int:
        """Bytes that lie in the container for it."""
        whole = sum(n for _at, _from, n in self.extents) if self.extents else self.size
        return whole if self.readable < 0 else min(whole, self.readable)


class Bundle(Protocol):
    """An opened container. `watch` compares what is read with stored checksums."""

    kind: str
    members: Sequence[Member]
    problems: list[str]
    watch: Watch
    segments: tuple[Path, ...]
    fingerprint: str

    def read_at(self, index: int, offset: int, length: int) -> bytes:
        """Stored bytes of a member, fewer where the rest cannot be had; OSError where none can."""
        ...

    def reopened(self) -> None:
        """Forget decompression states, to free memory."""
        ...

    def close(self) -> None:
        """Release the files."""
        ...


def split(name: str) -> tuple[tuple[str, ...], str]:
    """The parts of a name, or why it cannot be one of a file of Windows. Slashes of both kinds part it."""
    if "\0" in name:
        return (), "its name holds a NUL"
    parts = tuple(p for p in re.split(r"[\\/]", name) if p not in ("", "."))
    if ".." in parts:
        return (), "its name leads out of the collection"
    if not parts or len(name) > _LONGEST or len(parts) > _DEEPEST:
        return (), "its name is empty or too long"
    return parts, ""


def filetime(seconds: float) -> int | None:
    """Unix seconds as FILETIME; None where there are none."""
    ticks = int(seconds * 10_000_000) + _UNIX_1601
    return ticks if 0 < ticks < 1 << 63 and seconds else None


def named(what: str, names: Sequence[str]) -> list[str]:
    """One line for many entries, the first of them by name."""
    if not names:
        return []
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return [f"{what}: {', '.join(names[:_NAMED])}{more}"]


def bomb(size: int, packed: int) -> int:
    """How many bytes of an entry are read: all, or up to the ratio that only a bomb exceeds."""
    return min(size, max(FREE_BYTES, packed * MOST_RATIO))


class MemberReader:
    """One member as bytes at offsets, for an archive inside an archive."""

    def __init__(self, bundle: Bundle, index: int) -> None:
        self._bundle, self._index = bundle, index
        self.size = bundle.members[index].stored

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes from `offset`; fewer only at the end."""
        length = min(length, self.size - offset)
        return self._bundle.read_at(self._index, offset, length) if length > 0 else b""


class FileReader:
    """A file as bytes at offsets."""

    def __init__(self, path: Path) -> None:
        self._fh = path.open("rb")
        self.size = self._fh.seek(0, 2)

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes from `offset`; fewer only at the end."""
        self._fh.seek(offset)
        return self._fh.read(length)

    def close(self) -> None:
        """Release the file."""
        self._fh.close()


class _Crc:
    """CRC-32 in the manner of hashlib."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes) -> None:
        self._value = zlib.crc32(data, self._value)

    def hexdigest(self) -> str:
        return f"{self._value:08x}"


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


_NEW: Mapping[str, Callable[[], _Digest]] = {
    "CRC-32": _Crc,
    "MD5": lambda: hashlib.md5(usedforsecurity=False),
    "SHA-1": lambda: hashlib.sha1(usedforsecurity=False),
    "SHA-256": hashlib.sha256,
}


class _Kept(Struct):
    agreed: set[int]
    faults: list[list[int | str]]


class Watch:
    """Compares members with the checksums stored for them, whenever one happens to be read from first to last byte."""

    def __init__(self) -> None:
        self.stored: dict[int, tuple[str, str]] = {}
        self.faults: dict[int, tuple[str, ...]] = {}
        self.agreed: set[int] = set()
        self._open: dict[int, tuple[int, _Digest]] = {}

    def saw(self, index: int, offset: int, data: bytes, size: int) -> None:
        """Bytes that were read of a member of that size."""
        kind, wanted = self.stored.get(index, ("", ""))
        if not kind or index in self.agreed:
            return
        at, digest = (0, _NEW[kind]()) if not offset else self._open.pop(index, (-1, _Crc()))
        if at != offset:
            return
        digest.update(data)
        if at + len(data) < size:
            self._open[index] = (at + len(data), digest)
            if len(self._open) > 4:
                del self._open[next(iter(self._open))]
            return
        self._judge(index, kind, wanted, digest.hexdigest())

    def _judge(self, index: int, kind: str, wanted: str, found: str) -> None:
        if found == wanted.lower():
            self.agreed.add(index)
            return
        self.blame(index, f"{kind} of its bytes is {found}, the collection stores {wanted.lower()}")

    def pack(self) -> bytes:
        """What was found so far, to be taken up by a later run."""
        kept = {"agreed": sorted(self.agreed), "faults": [[n, *self.faults[n]] for n in sorted(self.faults)]}
        return json.dumps(kept, separators=(",", ":")).encode()

    def add(self, packed: bytes) -> None:
        """Take up what an earlier run found; nothing where that cannot be read."""
        try:
            kept = msgspec.json.decode(packed, type=_Kept)
        except msgspec.DecodeError:
            return
        self.agreed |= kept.agreed & self.stored.keys()
        for index, *texts in kept.faults:
            for text in texts:
                self.blame(int(index), str(text))

    def blame(self, index: int, what: str) -> None:
        """Note once what is wrong with a member."""
        known = self.faults.get(index, ())
        self.faults[index] = known if what in known else (*known, what)


def head_of(reader: Reader, length: int = 4096) -> bytes:
    """The first bytes, as far as they can be read."""
    try:
        return reader.read_at(0, min(length, reader.size))
    except OSError:
        return b""
