"""A tar archive as a collection, plain or packed with gzip, bzip2 or xz."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, cast

from msgspec import structs

from collector.gathered.bundle import MOST_BYTES, MOST_ENTRIES, Kind, Member, Watch, filetime, head_of, split
from collector.gathered.unpack import Engine, Forward, bzip2, gzip, xz
from collector.media import Window
from collector.runs import Reader
from shellcase.errors import EvidenceError

_MOST_HEADER = 8 << 20
_BLOCK = 512
_PACKED: tuple[tuple[bytes, str, Callable[[], Engine]], ...] = (
    (b"\x1f\x8b\x08", "tar.gz archive", gzip),
    (b"BZh", "tar.bz2 archive", bzip2),
    (b"\xfd7zXZ\0", "tar.xz archive", xz),
)


class _File:
    """What tarfile reads from. No single read is larger than a header may be."""

    def __init__(self, reader: Reader | Forward) -> None:
        self._reader, self._at = reader, 0

    def read(self, length: int = -1) -> bytes:
        """The next bytes."""
        if not 0 <= length <= _MOST_HEADER:
            raise OSError(f"a header of {length} bytes")
        data = self._reader.read_at(self._at, length)
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move; only from the start."""
        self._at = offset
        return offset

    def tell(self) -> int:
        """Where it is."""
        return self._at


def unpacked(reader: Reader) -> tuple[str, Reader | Forward] | None:
    """The tar inside, None when there is none. EvidenceError never: what cannot be unpacked is no tar."""
    head = head_of(reader)
    for mark, kind, new in _PACKED:
        if head.startswith(mark):
            inside = Forward(reader, 0, reader.size, new, chained=True)
            try:
                first = inside.read_at(0, _BLOCK)
            except OSError:
                return None
            return (kind, inside) if is_tar(first) else None
    return ("tar archive", Window(reader, 0, reader.size)) if is_tar(head) else None


def is_tar(head: bytes) -> bool:
    """Whether the first block is a tar header: its checksum fits. Disk images do not begin so."""
    if len(head) < _BLOCK or not head[0]:
        return False
    try:
        tarfile.TarInfo.frombuf(head[:_BLOCK], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


class TarBundle:
    """The entries of a tar in their order."""

    def __init__(
        self, kind: str, inside: Reader | Forward, where: str, segments: tuple[Path, ...], fingerprint: str
    ) -> None:
        self.kind, self._inside, self.segments, self.fingerprint = kind, inside, segments, fingerprint
        self.problems: list[str] = []
        self.watch = Watch()
        self._places: list[int] = []
        self._named: dict[tuple[str, ...], int] = {}
        self.members: Sequence[Member] = list(self._listed())
        if not self.members:
            why = self.problems[0] if self.problems else "it is empty"
            raise EvidenceError(f"No entry of the {kind} can be read: {why}", where, "Try another copy.")

    def _listed(self) -> Iterator[Member]:
        total, seen = 0, list[Member]()
        for info in self._infos():
            target = self._linked(info)
            total += seen[target].size if target is not None else info.size
            if len(self._places) >= MOST_ENTRIES or total > MOST_BYTES:
                limit = f"{MOST_ENTRIES} entries" if len(self._places) >= MOST_ENTRIES else f"{MOST_BYTES} bytes"
                self.problems.append(f"only the first {limit} of the archive are looked at")
                return
            self._places.append(info.offset_data if target is None else self._places[target])
            seen.append(self._member(info) if target is None else _again(info, seen[target]))
            if seen[-1].kind == "file":
                self._named[seen[-1].parts] = len(seen) - 1
            yield seen[-1]

    def _linked(self, info: tarfile.TarInfo) -> int | None:
        """The earlier entry that has the bytes of a hard link: tar stores a file once and its other names as links."""
        return self._named.get(split(info.linkname)[0]) if info.islnk() and split(info.name)[0] else None

    def _infos(self) -> Iterator[tarfile.TarInfo]:
        try:
            with tarfile.TarFile(
                fileobj=cast("IO[bytes]", _File(self._inside)), mode="r", errors="surrogateescape", errorlevel=0
            ) as archive:
                while info := archive.next():
                    archive.members = []  # type: ignore[attr-defined]  # tarfile keeps them all; the listing does
                    yield info
        except (tarfile.TarError, OSError, ValueError, EOFError, OverflowError) as error:
            behind = f" behind entry {len(self._places)}" if self._places else ""
            self.problems.append(f"the {self.kind} cannot be read{behind}: {error}; what lies further is lost")

    def _member(self, info: tarfile.TarInfo) -> Member:
        parts, wrong = split(info.name)
        kind, note = _kind(info, wrong)
        size = info.size if kind in ("file", "refused") else 0
        sparse = getattr(info, "sparse", None) if kind == "file" else None
        readable, torn = self._held(info) if kind == "file" else (-1, "")
        return Member(
            name=info.name,
            parts=parts,
            size=size,
            kind=kind,
            note=note,
            written=filetime(info.mtime),
            readable=readable,
            torn=torn,
            extents=_extents(sparse) if sparse else (),
        )

    def _held(self, info: tarfile.TarInfo) -> tuple[int, str]:
        """How many of an entry's bytes are there, as far as that is known before reading."""
        if isinstance(self._inside, Forward):
            return -1, ""
        left = max(self._inside.size - info.offset_data, 0)
        return (-1, "") if left >= info.size or info.issparse() else (left, f"{info.size - left} bytes are cut off")

    def read_at(self, index: int, offset: int, length: int) -> bytes:
        """Bytes of an entry, fewer where the rest is not there; OSError where none are."""
        member = self.members[index]
        want = min(length, member.stored - offset)
        data = self._inside.read_at(self._places[index] + offset, want)
        if want and not data:
            raise OSError(f"{member.name}: the bytes from {offset} are not in the archive")
        self.watch.saw(index, offset, data, member.stored)
        return data

    def reopened(self) -> None:
        """Nothing is kept that could be forgotten."""

    def close(self) -> None:
        """Nothing of its own is open."""


def _again(info: tarfile.TarInfo, target: Member) -> Member:
    """A file under another of its names."""
    return structs.replace(target, name=info.name, parts=split(info.name)[0])


def _kind(info: tarfile.TarInfo, wrong: str) -> tuple[Kind, str]:
    if info.isdir():
        return "folder", ""
    if wrong:
        return "refused", wrong
    if info.issym():
        return "link", info.linkname
    if info.islnk():
        return "device", f"it is a hard link to {info.linkname}, which is no file in front of it"
    if not info.isreg() and not info.issparse():
        return "device", "it is a device or a pipe"
    return "file", ""


def _extents(sparse: Sequence[tuple[int, int]]) -> tuple[tuple[int, int, int], ...]:
    """The parts of a sparse entry with the places of their bytes, which follow one another."""
    found, at = [], 0
    for offset, length in sparse:
        if length:
            found.append((offset, at, length))
        at += length
    return tuple(found)
