"""Expert Witness (E01) images: the segment set, its section chain, checksums, stored hashes and the decoded media.

Written from the public libewf format description (EWF-E01). Own reader because the common one answers a missing
segment or a changed byte with silence, and keeps every decoded chunk of every table in memory.
Raises EvidenceError when no media can be decoded; everything less is a line in `EwfImage.problems`.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from collections import OrderedDict
from pathlib import Path
from typing import BinaryIO

from collector.ewfsections import SIGNATURE, SegmentInfo, VolumeInfo, read_segment
from shellcase.errors import EvidenceError

_COMPRESSED = 1 << 63
_CACHED_CHUNKS = 256
_OPEN_SEGMENTS = 32


class DamagedRangeError(OSError):
    """Media bytes that cannot be decoded; the message says why and where in which segment file."""


def is_ewf(head: bytes) -> bool:
    """Whether a file starts like an E01 segment."""
    return head.startswith(SIGNATURE)


def find_segments(path: Path) -> list[Path]:
    """All files of the set `path` belongs to, in order of the segment number inside them."""
    stem, first = path.stem, path.suffix[1:2].lower()
    numbered: list[tuple[int, Path]] = []
    for other in sorted(path.parent.iterdir()):
        suffix = other.suffix[1:].lower()
        if other.stem != stem or len(suffix) != 3 or not first <= suffix[:1] <= "z" or not other.is_file():
            continue
        with other.open("rb") as fh:
            head = fh.read(13)
        if is_ewf(head) and len(head) == 13:
            numbered.append((struct.unpack_from("<H", head, 9)[0], other))
    return [p for _n, p in sorted(numbered)]


class EwfImage:
    """An opened E01 set. `size` is the media size in bytes; `problems` lists what the walk found wrong."""

    def __init__(self, path: Path) -> None:
        self.segments: list[SegmentInfo] = [read_segment(p) for p in find_segments(path)]
        self.problems: list[str] = [p for s in self.segments for p in s.problems]
        self.volume = self._volume(path)
        self.chunk_size = self.volume.sectors_per_chunk * self.volume.bytes_per_sector
        self.size = self.volume.size
        self.md5 = next((s.md5 for s in self.segments if s.md5), "")
        self.sha1 = next((s.sha1 for s in self.segments if s.sha1), "")
        self.acquisition = next((s.acquisition for s in self.segments if s.acquisition), {})
        self.acquisition_errors = tuple(e for s in self.segments for e in s.acquisition_errors)
        self._starts, self._ends, self._owner = array("Q"), array("Q"), array("L")
        self._load_chunks()
        self._check_set()
        self._cache: OrderedDict[int, bytes] = OrderedDict()
        self._handles: OrderedDict[int, BinaryIO] = OrderedDict()

    def _volume(self, path: Path) -> VolumeInfo:
        for segment in self.segments:
            if segment.volume and segment.volume.size:
                return segment.volume
        raise EvidenceError(
            "The E01 image has no readable volume section, so nothing can be decoded",
            str(path),
            "Check that the copy is complete (first segment .E01 present, sizes as at acquisition) and copy it again.",
        )

    def _load_chunks(self) -> None:
        """Place every chunk of the tables; a broken table is replaced by its copy `table2` where that is sound.

        Tables do not say which chunks they hold, so what follows a gap is counted from the end of the media.
        """
        runs = _unbroken(self.segments)
        held = [sum(len(t.entries) for i in run for t in self.segments[i].tables) for run in runs]
        behind = len(runs) > 1 and self.segments[-1].last == "done"
        gap = self.chunk_count - held[0] - (held[-1] if behind else 0)
        for number, run in enumerate(runs):
            if number and behind and number == len(runs) - 1:
                self._leave_out(max(gap, 0))
            elif number:
                names = ", ".join(self.segments[i].path.name for i in run)
                self.problems.append(f"{names}: between missing segments, where its chunks belong is not known")
                continue
            for index in run:
                self._place_segment(index, self.segments[index])

    def _leave_out(self, count: int) -> None:
        for numbers in (self._starts, self._ends, self._owner):
            numbers.frombytes(bytes(count * numbers.itemsize))

    def _place_segment(self, index: int, segment: SegmentInfo) -> None:
        edges = sorted({s.offset for s in segment.sections} | {segment.size})
        for table in segment.tables:
            self._place(index, table.entries, table.base, edges)

    def _place(self, index: int, entries: array[int], base: int, edges: list[int]) -> None:
        starts = [base + (e & 0x7FFFFFFF) for e in entries]
        for n, (entry, start) in enumerate(zip(entries, starts, strict=True)):
            end = starts[n + 1] if n + 1 < len(starts) else next((e for e in edges if e > start), start)
            self._starts.append(start | (_COMPRESSED if entry >> 31 else 0))
            self._ends.append(max(end, start))
            self._owner.append(index)

    def _check_set(self) -> None:
        numbers = [s.number for s in self.segments]
        if numbers != list(range(1, len(numbers) + 1)):
            lacking = sorted(set(range(1, max(numbers) + 1)) - set(numbers))
            self.problems.append(f"segment set is not complete: numbers {numbers}, missing {lacking}")
        for segment in self.segments[:-1]:
            if segment.last != "next":
                self.problems.append(f"{segment.path.name}: ends with '{segment.last}', expected 'next'")
        if self.segments[-1].last != "done":
            found = self.segments[-1].last or "nothing"
            self.problems.append(
                f"{self.segments[-1].path.name}: ends with '{found}', expected 'done'; segments are missing"
            )
        held = sum(len(t.entries) for s in self.segments for t in s.tables)
        if held != self.volume.chunk_count:
            self.problems.append(f"tables hold {held} chunks, the volume section announces {self.volume.chunk_count}")

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
        data = self._decode(number)
        self._cache[number] = data
        if len(self._cache) > _CACHED_CHUNKS:
            self._cache.popitem(last=False)
        return data

    def _decode(self, number: int) -> bytes:
        if number >= len(self._starts) or not self._ends[number]:
            raise DamagedRangeError("they lie in a segment that is missing")
        flagged, want = self._starts[number], self.chunk_length(number)
        start, length = flagged & ~_COMPRESSED, self._ends[number] - (flagged & ~_COMPRESSED)
        name = self.segments[self._owner[number]].path.name
        raw = self._read_raw(self._owner[number], start, min(length, 2 * self.chunk_size + 1024))
        data = _inflate(raw, self.chunk_size) if flagged & _COMPRESSED else _stored(raw, self.chunk_size)
        if data is None or len(data) < want:
            raise DamagedRangeError(f"chunk {number} fails its checksum at byte {start} of {name}")
        return data[:want]

    def _read_raw(self, index: int, offset: int, length: int) -> bytes:
        handle = self._handles.get(index)
        if handle is None:
            handle = self._handles[index] = self.segments[index].path.open("rb")
            if len(self._handles) > _OPEN_SEGMENTS:
                self._handles.popitem(last=False)[1].close()
        else:
            self._handles.move_to_end(index)
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


def _unbroken(segments: list[SegmentInfo]) -> list[list[int]]:
    """Indexes of segments in runs that follow each other without a loss; the first run starts the media, or is empty.

    A segment whose chain of sections breaks off may lack tables: what follows it is a run of its own.
    """
    runs: list[list[int]] = [[]]
    follows = 1
    for index, segment in enumerate(segments):
        if segment.number != follows:
            runs.append([])
        runs[-1].append(index)
        follows = segment.number + 1 if segment.last else -1
    return runs


def _stored(raw: bytes, limit: int) -> bytes | None:
    """An unpacked chunk whose Adler-32, in the 4 bytes after it, fits; else None."""
    data = raw[: min(limit, max(len(raw) - 4, 0))]
    stored = int.from_bytes(raw[len(data) : len(data) + 4], "little")
    return data if len(raw) >= 4 and zlib.adler32(data) == stored else None


def _inflate(raw: bytes, limit: int) -> bytes | None:
    """One zlib stream of at most `limit` bytes with its own checksum intact, else None."""
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(raw, limit + 1)
    except zlib.error:
        return None
    return data if stream.eof and len(data) <= limit else None
