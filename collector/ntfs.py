"""An NTFS volume read-only: boot sector, the records of $MFT, whole files by record number, $Bitmap.

Raises EvidenceError from `Ntfs` when the volume has no readable $MFT; single records that are torn come back as None.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from collector import mftrecord as mr
from collector.runs import Reader, Run, StreamInfo, pieces
from collector.tree import Tree
from shellcase.errors import EvidenceError
from shellcase.model import FileTimes

FIRST_USER = 24
_CHUNK = 1 << 20
_MAX_LIST = 1 << 20
_MAX_PACKING = 4
_AT_ONCE = 32
_MIRRORED = 4
_Attributes = list[tuple[bytes, mr.Attr]]
"""Attributes, each with the record it lies in."""


class FileRecord(Struct, frozen=True, kw_only=True, gc=False):
    """A file or folder: its record (with extension records), raw times, names and streams.

    A collection's files are `listed`: `number` is only theirs, `mft` is (record, sequence) where its own $MFT knows
    them, `times_from` says who told the times, `container_time` is the archive's own and no time of the machine,
    `refused` why the bytes cannot be taken. `index`: a folder's names outside its record ($INDEX_ALLOCATION:$I30).
    """

    number: int
    seq: int
    in_use: bool
    directory: bool
    si: FileTimes | None
    attributes: int
    names: tuple[mr.Name, ...]
    streams: tuple[StreamInfo, ...]
    reparse: bytes
    security_id: int = 0
    descriptor: bytes = b""
    damage: tuple[str, ...] = ()
    listed: bool = False
    mft: tuple[int, int] | None = None
    times_from: str = ""
    container_time: int | None = None
    refused: str = ""
    index: StreamInfo | None = None

    @property
    def mft_reference(self) -> tuple[int | None, int | None]:
        """Record and sequence number, as far as a $MFT tells them."""
        return (self.mft or (None, None)) if self.listed else (self.number, self.seq)

    def stream(self, name: str) -> StreamInfo | None:
        """A $DATA stream by name (any case); the main one is empty."""
        return next((s for s in self.streams if s.name.lower() == name.lower()), None)

    def long_name(self) -> mr.Name | None:
        """The $FILE_NAME people see."""
        return next((n for n in self.names if n.namespace != mr.DOS_NAME), self.names[0] if self.names else None)


def is_ntfs(boot: bytes) -> bool:
    """Whether a volume starts with an NTFS boot sector."""
    return len(boot) >= 512 and boot[3:11] == b"NTFS    "


class Ntfs:
    """The file system. `serial` as 16 hex digits; `damaged` counts records the scan could not use."""

    def __init__(self, reader: Reader, where: str) -> None:
        self.reader, self.where = reader, where
        boot = reader.read_at(0, 512)
        self.sector, per_cluster = struct.unpack_from("<HB", boot, 11)
        self.cluster = self.sector * (per_cluster if per_cluster <= 128 else 1 << (256 - per_cluster))
        self.total = struct.unpack_from("<Q", boot, 40)[0] * self.sector
        mft_lcn, self.mirror_lcn, size = struct.unpack_from("<QQb", boot, 48)
        self.record_size = size * self.cluster if size > 0 else 1 << -size
        self.serial = f"{struct.unpack_from('<Q', boot, 72)[0]:016X}"
        if not self._sane():
            raise self._unreadable("its boot sector holds impossible sizes")
        self.damaged = 0
        self._kept: tuple[int, bytes] = (-1, b"")
        self.mft = self._bootstrap(mft_lcn)
        self._kept = (-1, b"")

    def _sane(self) -> bool:
        return (
            self.sector in (512, 1024, 2048, 4096)
            and 0 < self.cluster <= 1 << 21
            and self.record_size in (1024, 2048, 4096)
        )

    def _unreadable(self, why: str) -> EvidenceError:
        return EvidenceError(
            f"The NTFS volume cannot be read: {why}",
            self.where,
            "Check the copy against the imager's hash (shellcase info --verify full) and try another copy.",
        )

    def _bootstrap(self, lcn: int) -> StreamInfo:
        """$MFT's own runs, from its first record or the mirror; with an attribute list, from its extensions too."""
        for start in (lcn, self.mirror_lcn):
            self.mft = StreamInfo(
                name="", size=self.record_size * 16, allocated=0, initialized=1 << 62, runs=((start, 16),)
            )
            self._kept = (-1, b"")
            first = self.record(0)
            if first is None:
                continue
            own = self._streams(_attributes(first)).get("")
            if own is None or own.resident is not None:
                continue
            self.mft = own
            file = self.file(0)
            return (file.stream("") if file else None) or own
        raise self._unreadable("neither $MFT nor $MFTMirr has a sound first record")

    def record(self, number: int) -> bytes | None:
        """One record with fix-ups, None when torn, empty or out of range."""
        block, index = divmod(number, _AT_ONCE)
        if block != self._kept[0]:
            self._kept = block, self._raw(block * _AT_ONCE, _AT_ONCE)
        raw = self._kept[1][index * self.record_size : (index + 1) * self.record_size]
        if len(raw) < self.record_size:  # behind a place that cannot be read, or behind the last record
            raw = self._raw(number, 1)
        return (mr.fix_up(raw) or self._mirrored(number)) if len(raw) == self.record_size else None

    def _mirrored(self, number: int) -> bytes | None:
        """One of the first four records as $MFTMirr keeps it."""
        at = self.mirror_lcn * self.cluster + number * self.record_size
        return mr.fix_up(self._try_read(at, self.record_size)) if number < _MIRRORED else None

    def _raw(self, number: int, count: int) -> bytes:
        """Records as they lie on the disk; fewer where they cannot be read."""
        at, end = number * self.record_size, (number + count) * self.record_size
        raw = bytearray()
        base = 0
        for lcn, clusters in self.mft.runs:
            top = base + clusters * self.cluster
            while lcn is not None and at < min(top, end):
                part = self._try_read(lcn * self.cluster + at - base, min(top, end) - at)
                if not part:
                    return bytes(raw)
                raw += part
                at += len(part)
            base = top
            if at >= end:
                break
        return bytes(raw)

    def _try_read(self, offset: int, length: int) -> bytes:
        try:
            return self.reader.read_at(offset, length)
        except OSError:
            return b""

    def scan(self) -> Iterator[tuple[int, bytes]]:
        """Every sound record in order, (number, bytes); torn ones are counted in `damaged`."""
        self.damaged = 0
        size, left, number = self.record_size, b"", 0
        for piece in pieces(self.reader, self.cluster, self.mft):
            data = left + bytes(piece.data)
            whole = len(data) // size * size
            for at in range(0, whole, size):
                raw = data[at : at + size]
                record = mr.fix_up(raw)
                if record is None:
                    self.damaged += number < _MIRRORED or any(raw[:4])
                    record = self._mirrored(number)
                if record is not None:
                    yield number, record
                number += 1
            left = data[whole:]

    def tree(self, deleted: frozenset[str] = frozenset()) -> Tree:
        """Every name of the volume, from one pass over $MFT."""
        return Tree(self.scan(), deleted)

    def file(self, number: int) -> FileRecord | None:
        """A file by its record, with what lies in extension records; None when the record is unusable."""
        base = self.record(number)
        if base is None:
            return None
        head, own, damage = mr.header(base), _attributes(base), list[str]()
        attributes = own + self._extensions(number, own, damage)
        names, si, bits, reparse, security, descriptor = [], None, 0, b"", 0, b""
        for record, attr in attributes:
            kind = attr.kind
            if kind == mr.FILE_NAME and (name := mr.file_name(mr.content(record, attr))):
                names.append(name)
            elif kind == mr.SI and (found := mr.standard_information(mr.content(record, attr))):
                si, bits, security = found
            elif kind == mr.REPARSE:
                reparse = mr.content(record, attr) or b"\0\0\0\0"
            elif kind == mr.SECURITY:
                descriptor = mr.content(record, attr)
        return FileRecord(
            number=number,
            seq=head.seq,
            in_use=bool(head.flags & mr.IN_USE),
            directory=bool(head.flags & mr.DIRECTORY),
            si=si,
            attributes=bits,
            names=tuple(names),
            streams=tuple(self._streams(attributes).values()),
            index=self._streams(attributes, mr.INDEX).get(mr.FOLDER_INDEX),
            reparse=reparse,
            security_id=security,
            descriptor=descriptor,
            damage=tuple(damage),
        )

    def _extensions(self, number: int, own: _Attributes, damage: list[str]) -> _Attributes:
        """The attributes of the records that $ATTRIBUTE_LIST names, if they still name this base."""
        found: _Attributes = []
        for ref in self._listed(own):
            other, seq = ref & (1 << 48) - 1, ref >> 48
            if other == number:
                continue
            record = self.record(other)
            part = mr.header(record) if record else None
            if record is None or part is None or part.base != number or part.seq != seq:
                damage.append(f"extension record {other} is gone")
            else:
                found += _attributes(record)
        return found

    def _listed(self, own: _Attributes) -> list[int]:
        for base, attr in own:
            if attr.kind == mr.ATTRIBUTE_LIST:
                raw = mr.content(base, attr)
                if attr.nonresident:
                    stream = mr.join_parts("", [mr.nonresident(base, attr)])
                    raw = self.read(stream, _MAX_LIST)
                return list(dict.fromkeys(mr.list_entries(raw)))
        return []

    def _streams(self, attributes: _Attributes, kind: int = mr.DATA) -> dict[str, StreamInfo]:
        whole: dict[str, StreamInfo] = {}
        parts: dict[str, list[mr.Part]] = {}
        for record, attr in attributes:
            if attr.kind != kind:
                continue
            if attr.nonresident:
                parts.setdefault(attr.name, []).append(mr.nonresident(record, attr))
            else:
                whole.setdefault(attr.name, mr.resident(record, attr))
        for name, some in parts.items():
            whole[name] = self._bounded(mr.join_parts(name, some))
        return dict(sorted(whole.items())) if len(whole) > 1 else whole

    def _bounded(self, stream: StreamInfo) -> StreamInfo:
        """Cut a run list where it leaves the volume, and sizes no volume can hold: length fields may be hostile."""
        last = max(self.total, self.reader.size) // self.cluster + 1
        good: list[Run] = []
        held = 0
        for lcn, count in stream.runs:
            held += count if lcn is not None else 0
            if lcn is not None and (lcn + count > last or held > last):
                why = f"run list names clusters {lcn} to {lcn + count - 1}, the volume ends at {last - 1}"
                return msgspec.structs.replace(stream, runs=tuple(good), torn=stream.torn or why)
            good.append((lcn, count))
        if stream.unit and stream.size > _MAX_PACKING * self.total:
            return msgspec.structs.replace(stream, runs=(), torn=f"size {stream.size} is impossible on this volume")
        return stream

    def read(self, stream: StreamInfo, limit: int) -> bytes:
        """The first `limit` bytes of a stream; unreadable places are zeros."""
        out = bytearray()
        for piece in pieces(self.reader, self.cluster, stream):
            out += piece.data
            if len(out) >= limit:
                break
        return bytes(out[:limit])

    def bitmap(self) -> bytes:
        """$Bitmap: one bit a cluster, set where in use. Empty when it cannot be read."""
        file = self.file(6)
        stream = file.stream("") if file else None
        return self.read(stream, min(stream.size, self.total // self.cluster // 8 + 16)) if stream else b""

    def label(self) -> str:
        """The volume's name from $Volume."""
        record = self.record(3)
        found = _attributes(record) if record else []
        return next((mr.utf16(mr.content(r, a)) for r, a in found if a.kind == mr.VOLUME_NAME), "")


def _attributes(record: bytes) -> _Attributes:
    head = mr.header(record)
    return [(record, attr) for attr in mr.attributes(record, head.first, head.used)]
