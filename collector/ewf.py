"""Expert Witness (E01) images: checksums, stored hashes, completeness of the segment set and the decoded media.

Written from the public libewf format description (EWF-E01). Own reader because the common one answers a missing
segment or a changed byte with silence, and keeps every decoded chunk of every table in memory.
Raises EvidenceError when no media can be decoded; everything less is a line in `EwfImage.problems`.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from pathlib import Path
from typing import BinaryIO, Protocol

from collector.coverage import Coverage
from collector.ewfsections import Stored, VolumeInfo
from collector.ewfset import find_set
from collector.ewftables import ChunkMap, Found
from collector.present import gone, still_there
from shellcase.errors import EvidenceError

_CACHED = 8 << 20
_OPEN_SEGMENTS = 32


class DamagedRangeError(OSError):
    """Media bytes that cannot be decoded; the message says why and where in which segment file."""


class RawReader(Protocol):
    """Bytes of the segment files."""

    def __call__(self, segment: int, offset: int, length: int) -> bytes:
        """Bytes of a segment by its index; fewer only at the end of the file."""
        ...


class EwfImage:
    """An opened E01 set. `size` is the media size in bytes; `problems` lists what the walk found wrong.

    `remarks`: strange, but nothing is lost by it. `seen`: the chunks decoded so far, and how they fared.
    """

    def __init__(self, path: Path) -> None:
        found = find_set(path)
        self.segments, self.remarks = found.segments, found.remarks
        self.problems: list[str] = [*(p for s in self.segments for p in s.problems), *found.problems]
        self.volume = self._volume(path)
        self.chunk_size = self.volume.sectors_per_chunk * self.volume.bytes_per_sector
        self.size = self.volume.size
        self.stored: list[Stored] = [one for s in self.segments for one in s.stored]
        self.md5 = next((s.value for s in self.stored if s.algorithm == "md5"), "")
        self.sha1 = next((s.value for s in self.stored if s.algorithm == "sha1"), "")
        self.acquisition = next((s.acquisition for s in self.segments if s.acquisition), {})
        self.acquisition_errors = tuple(e for s in self.segments for e in s.acquisition_errors)
        self.map = ChunkMap(found.runs(), self.chunk_count, tail=found.complete_at_end, usual=found.usual())
        self.seen = Coverage(self.chunk_count, self.map.held)
        self._check_tables()
        self._cache: OrderedDict[int, bytes] = OrderedDict()
        self._handles: OrderedDict[int, BinaryIO] = OrderedDict()

    def _volume(self, path: Path) -> VolumeInfo:
        told = [s.volume for s in self.segments if s.volume and s.volume.size]
        best = next((v for v in told if v.sound), told[0] if told else None)
        if best:
            return best.fitted(sum(len(g.table.entries) for s in self.segments for g in s.groups))
        raise EvidenceError(
            "The E01 image has no readable volume section, so nothing can be decoded"
            + "".join(f"; {p}" for p in self.problems[:3]),
            str(path),
            "Check that the copy is complete (first segment .E01 present, sizes as at acquisition) and copy it again.",
        )

    def _check_tables(self) -> None:
        held = sum(len(g.table.entries) for s in self.segments for g in s.groups)
        if held != self.volume.chunk_count:
            self.problems.append(f"tables hold {held} chunks, the volume section announces {self.volume.chunk_count}")
        for index in dict.fromkeys(self.map.unplaced):
            name = self.segments[index].path.name
            self.problems.append(f"{name}: between missing parts, where its chunks belong is not known")

    @property
    def chunk_count(self) -> int:
        """Chunks the media size needs."""
        return -(-self.size // self.chunk_size)

    def chunk_length(self, number: int) -> int:
        """Decoded bytes of a chunk; the last one may be short."""
        return min(self.chunk_size, self.size - number * self.chunk_size)

    def chunk(self, number: int) -> bytes:
        """The decoded chunk. Raises DamagedRangeError where it is missing, torn or fails its checksum."""
        cached = self._cache.get(number)
        if cached is not None:
            self._cache.move_to_end(number)
            return cached
        data, why, _intact = self.decode(number, self._read_raw)
        if why:
            raise DamagedRangeError(why)
        self._cache[number] = data
        if len(self._cache) * self.chunk_size > _CACHED:
            self._cache.popitem(last=False)
        return data

    def decode(self, number: int, read: RawReader) -> tuple[bytes, str, bool]:
        """A chunk, what is wrong with it (empty: nothing), and whether the set holds it at all; noted in `seen`.

        The bytes of a chunk that fails its checksum are those that could be unpacked, zeros for the rest.
        """
        want, found = self.chunk_length(number), self.map.find(number)
        if found is None:
            return bytes(want), "they lie in a part of the segment set that is missing", False
        segment = self.segments[found.segment]
        name, stored = segment.path.name, min(found.end - found.start, 2 * self.chunk_size + 1024)
        try:
            raw = read(found.segment, found.start, stored)
        except OSError as error:
            still_there(segment.path)
            why = f"chunk {number} cannot be read at byte {found.start} of {name}: {error.strerror or error}"
            self.seen.note(found.held, number, why)
            return bytes(want), why, True
        if len(raw) < stored:
            still_there(segment.path, segment.size)
        data, sound = _unpacked(raw, found, self.chunk_size)
        why = ""
        if not sound or len(data) < want:
            why = f"chunk {number} fails its checksum at byte {found.start} of {name}"
        self.seen.note(found.held, number, why)
        return data[:want].ljust(want, b"\0"), why, True

    def _read_raw(self, segment: int, offset: int, length: int) -> bytes:
        handle = self._handles.get(segment)
        if handle is None:
            handle = self._handles[segment] = open_segment(self.segments[segment].path)
            if len(self._handles) > _OPEN_SEGMENTS:
                self._handles.popitem(last=False)[1].close()
        else:
            self._handles.move_to_end(segment)
        handle.seek(offset)
        return handle.read(length)

    def read_at(self, offset: int, length: int) -> bytes:
        """Media bytes; short only at the end. Raises DamagedRangeError."""
        end = min(offset + length, self.size)
        parts: list[bytes] = []
        while offset < end:
            number, skip = divmod(offset, self.chunk_size)
            part = self.chunk(number)[skip : skip + end - offset]
            parts.append(part)
            offset += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """Close the segment files."""
        for handle in self._handles.values():
            handle.close()
        self._handles.clear()


def open_segment(path: Path) -> BinaryIO:
    """A segment file. EvidenceError when it is gone: unplugged is not damaged."""
    try:
        return path.open("rb")
    except OSError as error:
        raise gone(path, error.strerror or str(error)) from error


def _unpacked(raw: bytes, found: Found, limit: int) -> tuple[bytes, bool]:
    """At most `limit` bytes of a chunk, and whether its checksum fits; without that, what could be unpacked."""
    if not found.packed:
        data = raw[: min(limit, max(len(raw) - 4, 0))]
        stored = int.from_bytes(raw[len(data) : len(data) + 4], "little")
        return data, len(raw) >= 4 and zlib.adler32(data) == stored
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(raw, limit + 1)
    except zlib.error:
        return _salvaged(raw, limit), False
    return data[:limit], stream.eof and len(data) <= limit


def _salvaged(raw: bytes, limit: int) -> bytes:
    """The bytes of a packed chunk without its checksum, as far as they unpack: piece by piece until it breaks."""
    stream, out = zlib.decompressobj(-15), bytearray()
    for at in range(2, len(raw), 256):
        try:
            out += stream.decompress(raw[at : at + 256], limit + 1 - len(out))
        except zlib.error:
            break
        if len(out) >= limit or stream.eof:
            break
    return bytes(out[:limit])
