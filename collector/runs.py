"""NTFS data runs: decoding a run list, and reading a stream from a volume piece by piece.

Format: each run is a header byte (low nibble: bytes of the length, high nibble: bytes of the signed LCN difference),
0 ends the list, no LCN bytes mean a hole. Sizes in clusters.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Protocol

from dissect.util.compression import lznt1
from msgspec import Struct

from collector.buffers import SIZE, Buffers

PIECE = SIZE
_MAX_RUNS = 4_000_000

Run = tuple[int | None, int]
"""(first cluster or None for a hole, clusters)."""


class Reader(Protocol):
    """Something with bytes at offsets: media or a volume."""

    @property
    def size(self) -> int:
        """Bytes."""
        ...

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes from `offset`; fewer only at the end. Raises OSError where they cannot be read."""
        ...


class StreamInfo(Struct, frozen=True, kw_only=True, gc=False):
    """One attribute's bytes: resident content, or runs. `unit` is the compression unit in clusters (0: none)."""

    name: str
    size: int
    allocated: int
    initialized: int
    resident: bytes | None = None
    runs: tuple[Run, ...] = ()
    unit: int = 0
    sparse: bool = False
    encrypted: bool = False
    torn: str = ""

    @property
    def first_cluster(self) -> int | None:
        """Where it starts on the disk."""
        return next((lcn for lcn, _count in self.runs if lcn is not None), None)

    def clusters(self) -> Iterator[tuple[int, int]]:
        """Runs that lie on the disk."""
        return ((lcn, count) for lcn, count in self.runs if lcn is not None)


def decode_runs(raw: bytes) -> tuple[list[Run], str]:
    """Runs of a mapping-pairs array, and a word on why it broke off (empty when it ended with its zero byte)."""
    runs: list[Run] = []
    at, lcn = 0, 0
    while at < len(raw) and raw[at] and len(runs) < _MAX_RUNS:
        count_bytes, lcn_bytes = raw[at] & 15, raw[at] >> 4
        body = at + 1 + count_bytes
        count = int.from_bytes(raw[at + 1 : body], "little")
        if not count_bytes or count_bytes > 8 or lcn_bytes > 8 or body + lcn_bytes > len(raw) or not count:
            return runs, f"run list breaks at its byte {at}"
        lcn += int.from_bytes(raw[body : body + lcn_bytes], "little", signed=True)
        if lcn < 0:
            return runs, f"run list names a cluster before the volume at its byte {at}"
        runs.append((lcn if lcn_bytes else None, count))
        at = body + lcn_bytes
    return runs, "" if at < len(raw) else "run list has no end mark"


class Piece(Struct, frozen=True, gc=False):
    """Bytes of a stream at a logical offset; `error` says that they could not be read and are zeros."""

    offset: int
    data: bytes | memoryview
    error: str = ""


def pieces(
    volume: Reader, cluster: int, stream: StreamInfo, *, holes: bool = True, buffers: Buffers | None = None
) -> Iterator[Piece]:
    """The stream from its first byte in pieces of up to 1 MiB. `holes=False` leaves sparse runs out.

    With `buffers` whole pieces are views of them, which are used again as soon as no view is left.
    Bytes beyond the initialized size are zeros, as Windows shows them.
    """
    if stream.resident is not None:
        yield Piece(0, stream.resident[: stream.size])
    elif stream.unit:
        yield from _compressed(volume, cluster, stream)
    else:
        yield from _plain(volume, cluster, stream, holes, buffers)
    if stream.torn:
        yield Piece(stream.size, b"", stream.torn)


def _plain(volume: Reader, cluster: int, stream: StreamInfo, holes: bool, buffers: Buffers | None) -> Iterator[Piece]:
    at = 0
    for lcn, count in stream.runs:
        end = min(at + count * cluster, stream.size)
        if lcn is None and not holes:
            at = end
            continue
        start = None if lcn is None else lcn * cluster
        first = at
        while at < end:
            length = min(PIECE, end - at)
            source = None if start is None or at >= stream.initialized else start + at - first
            yield _cut(_read(volume, source, at, length, buffers), stream.initialized)
            at += length
    if at < stream.size and not stream.torn:
        yield Piece(at, b"", f"the runs end {stream.size - at} bytes before the size of the file")


def _cut(piece: Piece, initialized: int) -> Piece:
    keep = max(initialized - piece.offset, 0)
    if keep >= len(piece.data):
        return piece
    return Piece(piece.offset, bytes(piece.data[:keep]) + bytes(len(piece.data) - keep), piece.error)


def _read(volume: Reader, source: int | None, at: int, length: int, buffers: Buffers | None = None) -> Piece:
    if source is None:
        return Piece(at, bytes(length))
    try:
        view = buffers.read(volume, source, length) if buffers else None
        if view is not None:
            return Piece(at, view)
        data = volume.read_at(source, length)
    except OSError as error:
        return _read_small(volume, source, at, length, str(error))
    if len(data) < length:
        lost = length - len(data)
        return Piece(at, data + bytes(lost), f"{lost} bytes from {at + len(data)} lie beyond the end of the image")
    return Piece(at, data)


def _read_small(volume: Reader, source: int, at: int, length: int, why: str, step: int = 4096) -> Piece:
    """What can still be read of a damaged piece, in steps, zeros for the rest."""
    out, bad = bytearray(length), []
    for n in range(0, length, step):
        want = min(step, length - n)
        try:
            out[n : n + want] = volume.read_at(source + n, want).ljust(want, b"\0")
        except OSError:
            bad.append(n)
    if not bad:
        return Piece(at, bytes(out))
    lost = sum(min(step, length - n) for n in bad)
    return Piece(at, bytes(out), f"{lost} bytes within {at + bad[0]}-{min(at + bad[-1] + step, at + length)}: {why}")


def _compressed(volume: Reader, cluster: int, stream: StreamInfo) -> Iterator[Piece]:
    unit_size, at = stream.unit * cluster, 0
    for parts in _units(stream.runs, stream.unit):
        if at >= stream.size:
            return
        want = min(unit_size, stream.size - at)
        yield _cut(_unit(volume, cluster, parts, at, want, unit_size), stream.initialized)
        at += want
    if at < stream.size and not stream.torn:
        yield Piece(at, b"", f"the runs end {stream.size - at} bytes before the size of the file")


def _units(runs: tuple[Run, ...], unit: int) -> Iterator[list[Run]]:
    """Runs cut at the borders of compression units."""
    current: list[Run] = []
    room = unit
    for lcn, total in runs:
        start, count = lcn, total
        while count:
            take = min(room, count)
            current.append((start, take))
            start = None if start is None else start + take
            count, room = count - take, room - take
            if not room:
                yield current
                current, room = [], unit
    if current:
        yield current


def _unit(volume: Reader, cluster: int, parts: list[Run], at: int, want: int, unit_size: int) -> Piece:
    """A unit followed by a hole is LZNT1; one full of clusters is stored; one of holes is zeros."""
    stored = [(lcn, count) for lcn, count in parts if lcn is not None]
    if not stored:
        return Piece(at, bytes(want))
    read = [_read(volume, lcn * cluster, at, count * cluster) for lcn, count in stored]
    data, error = b"".join(p.data for p in read), "; ".join(p.error for p in read if p.error)
    if len(stored) != len(parts):
        try:
            data = lznt1.decompress(io.BytesIO(data + bytes(64)))[:unit_size]
        except (EOFError, ValueError, IndexError, TypeError, OSError, struct.error) as broken:
            return Piece(at, bytes(want), f"{want} bytes from {at}: LZNT1 unit does not unpack ({broken})")
    return Piece(at, data[:want].ljust(want, b"\0"), error)


def extents_of(stream: StreamInfo, cluster: int) -> tuple[tuple[int, int], ...]:
    """(offset, length) of what is really on the disk, neighbours joined, cut at the size of the stream."""
    found: list[tuple[int, int]] = []
    at = 0
    for lcn, count in stream.runs:
        end = min(at + count * cluster, stream.size)
        if lcn is not None and end > at:
            if found and sum(found[-1]) == at:
                found[-1] = (found[-1][0], end - found[-1][0])
            else:
                found.append((at, end - at))
        at += count * cluster
    return tuple(found)


def read_range(volume: Reader, cluster: int, stream: StreamInfo, offset: int, length: int) -> bytes:
    """Some bytes of a stream that is neither compressed nor resident; zeros where they cannot be read."""
    out, at = bytearray(max(min(length, stream.size - offset), 0)), 0
    want_end = offset + len(out)
    for lcn, count in stream.runs:
        low, high = max(at, offset), min(at + count * cluster, want_end, stream.initialized)
        if lcn is not None and low < high:
            piece = _read(volume, lcn * cluster + low - at, low, high - low)
            out[low - offset : high - offset] = piece.data
        at += count * cluster
        if at >= want_end:
            break
    return bytes(out)
