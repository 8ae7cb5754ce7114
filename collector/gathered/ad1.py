"""An AD1 logical image as a collection: its segments by dissect.evidence, entries and chunks walked here.

The walk is our own because the lists in the file may run in circles and its lengths may be anything. Format facts:
dissect.evidence `c_ad1`; offsets count from behind the 512 bytes before the first segment's data.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from collector.gathered.bundle import (
    MOST_BYTES,
    MOST_ENTRIES,
    Kind,
    Member,
    Watch,
    filetime,
    split,
)
from collector.media import READER_FAULTS, StreamMedia
from shellcase.errors import EvidenceError
from shellcase.model import FileTimes

if TYPE_CHECKING:
    from dissect.evidence.ad1.ad1 import AD1

MARK, LOCKED = b"ADSEGMENTEDFILE\0", b"ADCRYPT\0"
_ENTRY = struct.Struct("<QQQQQII")
_META = struct.Struct("<QIII")
_FILES, _FOLDER = (0, 1), 5
_SIZE, _CLASS, _ACCESSED, _CREATED, _MODIFIED, _CHANGED, _MD5, _SHA1 = 3, 2, 7, 8, 9, 0xA002, 0x5001, 0x5002
_MOST_META, _LONGEST_META, _LONGEST_NAME = 256, 1 << 16, 1 << 15
_LARGEST_CHUNK = 16 << 20


class _Found:
    """An entry with where its chunks are and what is told of it."""

    __slots__ = ("chunks_at", "meta", "meta_at")

    def __init__(self, chunks_at: int, meta_at: int, meta: dict[int, bytes]) -> None:
        self.chunks_at, self.meta_at, self.meta = chunks_at, meta_at, meta


class Ad1Bundle:
    """The files of an AD1 set. EvidenceError when it is encrypted or no entry can be read."""

    kind = "AD1 logical image"

    def __init__(self, path: Path, fingerprint: str) -> None:
        self.segments, self.fingerprint = _segments(path), fingerprint
        self.problems: list[str] = []
        self.watch = Watch()
        self._found: list[_Found] = []
        self._chunks: tuple[int, list[int]] = (-1, [])
        self._last: tuple[int, int, bytes] = (-1, -1, b"")
        self._files = [p.open("rb") for p in self.segments]
        try:
            self._image = self._opened(path)
            stream = self._image.stream
            self._bytes = StreamMedia(stream, self._image.size) if stream else None
            self.members: Sequence[Member] = list(self._walk())
        except BaseException:
            self.close()
            raise

    def _opened(self, path: Path) -> AD1:
        from dissect.evidence.ad1.ad1 import AD1

        try:
            image = AD1(list[BinaryIO](self._files))
            locked = image.is_locked()
            count = 0 if locked else image.segment(0).count
        except READER_FAULTS as error:
            raise EvidenceError(f"The AD1 image cannot be opened: {error}", str(path), "Try another copy.") from error
        if locked:
            raise EvidenceError(
                "The AD1 image is encrypted (ADCRYPT)", str(path), "Decrypt it with FTK Imager and give that image."
            )
        if count > len(self.segments):
            self.problems.append(f"AD1 set is not complete: {count} segments announced, {len(self.segments)} found")
        return image

    def _walk(self) -> Iterator[Member]:
        """Every entry once, depth first, wherever the lists lead."""
        image = self._image.logical_image
        root = image.name if image else ""
        above = () if root.startswith("Custom Content Image") else split(root)[0]
        waiting, seen, total = [(image.offset if image else 0, above)], set[int](), 0
        while waiting:
            at, folder = waiting.pop()
            if not at or at in seen or len(seen) >= MOST_ENTRIES or len(folder) > 255:
                continue
            seen.add(at)
            try:
                following, child, member, found = self._entry(at, folder)
            except (OSError, struct.error) as error:
                self.problems.append(f"the entry at byte {at} cannot be read: {error}")
                continue
            waiting.append((following, folder))
            total += member.size
            if total > MOST_BYTES:
                self.problems.append(f"only the first {MOST_BYTES} bytes of the image are looked at")
                return
            self._found.append(found)
            if member.kind == "folder":
                waiting.append((child, member.parts))
            yield member

    def _entry(self, at: int, folder: tuple[str, ...]) -> tuple[int, int, Member, _Found]:
        following, child, meta_at, chunks_at, _size, kind, length = _ENTRY.unpack(self._exact(at, _ENTRY.size))
        if length > _LONGEST_NAME:
            raise OSError(f"a name of {length} bytes")
        name = self._exact(at + _ENTRY.size, length).decode("utf-8", "surrogateescape")
        own, wrong = split(re.sub(r"^.*:(?=.:[\\/]?$)", "", name))
        meta = self._meta(meta_at)
        found = _Found(chunks_at, meta_at, meta)
        member = Member(
            name="/".join((*folder, name)),
            parts=(*folder, *own) if own else (),
            size=_number(meta.get(_SIZE, b"0")) if kind in _FILES else 0,
            kind=_kind(kind, meta, wrong),
            note=wrong or ("it is a reparse point" if meta.get(_CLASS) == b"11" else ""),
        )
        self._expect(len(self._found), meta)
        return following, child, member, found

    def _expect(self, index: int, meta: dict[int, bytes]) -> None:
        for name, kind in (("SHA-1", _SHA1), ("MD5", _MD5)):
            if kind in meta:
                self.watch.stored[index] = (name, meta[kind].decode("ascii", "replace").strip("\0 "))
                return

    def _meta(self, at: int) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        for _n in range(_MOST_META):
            if not at:
                break
            following, _category, kind, length = _META.unpack(self._exact(at, _META.size))
            if length <= _LONGEST_META:
                found.setdefault(kind, self._exact(at + _META.size, length))
            at = following
        return found

    def _exact(self, at: int, length: int) -> bytes:
        data = self._bytes.read_at(at, length) if self._bytes else b""
        if len(data) < length:
            raise OSError(f"{length - len(data)} bytes from {at + len(data)} lie beyond the end of the set")
        return data

    def times(self, index: int) -> FileTimes | None:
        """The times of $STANDARD_INFORMATION that the imager noted, in UTC; 0 for one it did not."""
        meta = self._found[index].meta
        values = [_instant(meta.get(k, b"")) for k in (_CREATED, _MODIFIED, _CHANGED, _ACCESSED)]
        return FileTimes(*values) if any(values) else None

    def read_at(self, index: int, offset: int, length: int) -> bytes:
        """Bytes of a file, fewer where a chunk behind them is damaged; OSError where none can be had."""
        member, size = self.members[index], self._chunk_size()
        out = bytearray()
        want = min(length, member.stored - offset)
        while len(out) < want:
            number, skip = divmod(offset + len(out), size)
            try:
                piece = self._chunk(index, number)[skip : skip + want - len(out)]
            except OSError:
                if out:
                    break
                raise
            if not piece:
                raise OSError(f"{member.name}: chunk {number} ends early")
            out += piece
        self.watch.saw(index, offset, bytes(out), member.stored)
        return bytes(out)

    def _chunk_size(self) -> int:
        image = self._image.logical_image
        return min(max(int(image.chunk_size), 512), _LARGEST_CHUNK) if image else 512

    def _chunk(self, index: int, number: int) -> bytes:
        if self._last[:2] == (index, number):
            return self._last[2]
        starts = self._starts(index)
        if number + 1 >= len(starts):
            raise OSError(f"there is no chunk {number}")
        start, length, size = starts[number], starts[number + 1] - starts[number], self._chunk_size()
        if not 0 < length <= 2 * size + 1024:
            raise OSError(f"chunk {number} claims {length} bytes")
        try:
            data = zlib.decompressobj().decompress(self._exact(start, length), size)
        except zlib.error as error:
            raise OSError(f"chunk {number} cannot be unpacked: {error}") from error
        self._last = (index, number, data)
        return data

    def _starts(self, index: int) -> list[int]:
        if self._chunks[0] != index:
            found = self._found[index]
            count = struct.unpack("<Q", self._exact(found.chunks_at, 8))[0]
            if count > self.members[index].size // self._chunk_size() + 2:
                raise OSError(f"the list of chunks claims {count} of them")
            raw = self._exact(found.chunks_at + 8, 8 * count)
            self._chunks = (index, [*struct.unpack(f"<{count}Q", raw), found.meta_at])
        return self._chunks[1]

    def reopened(self) -> None:
        """Forget the last chunk."""
        self._last = (-1, -1, b"")

    def close(self) -> None:
        """Release the files."""
        for file in self._files:
            file.close()


def _segments(path: Path) -> tuple[Path, ...]:
    numbered = re.compile(r"\.ad(\d{1,4})", re.IGNORECASE)
    same = [
        (int(m[1]), p) for p in path.parent.iterdir() if p.stem == path.stem and (m := numbered.fullmatch(p.suffix))
    ]
    return tuple(p for _n, p in sorted(same)) if any(p == path for _n, p in same) else (path,)


def _kind(kind: int, meta: dict[int, bytes], wrong: str) -> Kind:
    if kind == _FOLDER:
        return "folder"
    if wrong:
        return "refused"
    if meta.get(_CLASS) == b"11":
        return "device"
    return "file" if kind in _FILES else "device"


def _number(raw: bytes) -> int:
    text = raw.strip(b"\0 ")
    return min(int(text), 1 << 62) if text.isdigit() and len(text) < 20 else 0


def _instant(raw: bytes) -> int:
    """`20170331T180231.189682` as FILETIME, 0 where there is none."""
    text = raw.decode("ascii", "replace").strip("\0 ")
    try:
        base = datetime.strptime(text[:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return 0
    fraction = text[16:23] if text[15:16] == "." and text[16:23].isdigit() else "0"
    return (filetime(base.timestamp()) or 0) + int(fraction.ljust(7, "0")[:7])
