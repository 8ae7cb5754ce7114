"""Taking one stream of one file: its bytes into the case, its facts into an `Item`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from msgspec import Struct

from collector import identity
from collector.buffers import Buffers
from collector.classify import HELD, classify
from collector.dumps import ReadAt, Skeleton, skeleton
from collector.mftrecord import DOS_NAME, FOLDER_INDEX
from collector.ntfs import FileRecord
from collector.runs import StreamInfo, extents_of, pieces, read_range
from collector.survey import VolumeTree
from collector.tree import Entry
from collector.writer import CaseWriter, Stored
from shellcase.model import Item, StoredTimes

_HOLES = 16 << 20
_MAX_ERRORS = 64
_PACKED_HEAD = 16 << 20
_SPARSE_DUMP = 1 << 36
_HEAD = 1 << 16
_BUFFERS = Buffers()


class Place(Struct, frozen=True, kw_only=True):
    """Where the stream lies and why it is wanted. `path` is volume-relative."""

    source: str
    fingerprint: str
    path: str
    stream: str | None
    definitions: tuple[str, ...]
    state: str = "live"
    grade: str = ""
    snapshot: str = ""

    def artifact_id(self, volume: VolumeTree) -> str:
        """The id of what is taken from here."""
        return identity.artifact_id(self.fingerprint, volume.volume.key, self.path, self.stream, self.snapshot)


class _Bytes:
    """The stream's bytes once, with the errors on the way. `holes=False`: only what is allocated."""

    def __init__(self, volume: VolumeTree, stream: StreamInfo, *, holes: bool) -> None:
        self.errors: list[str] = []
        self._pieces = pieces(volume.fs.reader, volume.fs.cluster, stream, holes=holes, buffers=_BUFFERS)
        self.head = next(self._chunks(), b"")

    def _chunks(self) -> Iterator[bytes | memoryview]:
        for piece in self._pieces:
            if piece.error and len(self.errors) < _MAX_ERRORS:
                self.errors.append(piece.error)
            if piece.data:
                yield piece.data

    def all(self) -> Iterator[bytes | memoryview]:
        """From the first byte on; once."""
        return chain((self.head,) if self.head else (), self._chunks())


def take(
    case: CaseWriter,
    volume: VolumeTree,
    file: FileRecord,
    stream: StreamInfo,
    place: Place,
    *,
    artifact: str,
    dumps: bool,
    sd_sha256: str = "",
) -> Item:
    """Store the stream and record it under its id. Of memory dumps only digests and a skeleton unless `dumps`."""
    packed = _as_extents(stream, place, volume.fs.cluster)
    source = _Bytes(volume, stream, holes=not packed)
    cls = classify(place.path, place.stream, bytes(source.head[:_HEAD]), stream.size)
    if cls == HELD and not dumps:
        source = source if stream.size > _SPARSE_DUMP or not packed else _Bytes(volume, stream, holes=True)
        kept = _hold(case, volume, stream, source)
    else:
        stored = case.put(source.all(), cls)
        extents = extents_of(stream, volume.fs.cluster) if packed else None
        kept = _Kept(stored, stored.object, stored.stored_as, extents)
    name = file.long_name()
    item = Item(
        item=case.item_number(artifact),
        source=place.source,
        artifact_id=artifact,
        volume=volume.volume.name,
        volume_key=volume.volume.key,
        path=identity.printable(f"{volume.volume.name}{place.path}"),
        path_b64=identity.exact_b64(place.path),
        stream=identity.printable(place.stream) if place.stream else None,
        definitions=place.definitions,
        cls=cls,
        state=place.state,
        grade=place.grade,
        size=stream.size,
        allocated=stream.allocated,
        mft_record=file.mft_reference[0],
        mft_seq=file.mft_reference[1],
        parent_ref=f"{name.parent}-{name.parent_seq}" if name else "",
        valid_data=stream.initialized if stream.initialized < stream.size else stream.size,
        hardlinks=_other_names(volume, file, place.path),
        reparse=identity.reparse_text(file) if file.reparse else "",
        sd_sha256=sd_sha256,
        flags=identity.flags(file, stream),
        si_times=StoredTimes.of(file.si),
        fn_times=StoredTimes.of(name.times if name else None),
        times_from=file.times_from,
        container_time=file.container_time,
        md5=kept.stored.md5,
        sha1=kept.stored.sha1,
        sha256=kept.stored.sha256,
        bytes_read=kept.stored.size,
        object=kept.object,
        stored_as=kept.how,
        extents=kept.extents,
        read_errors=(*file.damage, *source.errors, *volume.handle.faults(file.number)),
    )
    case.collected(item)
    return item


def _other_names(volume: VolumeTree, file: FileRecord, path: str) -> tuple[str, ...]:
    """Paths of the file's further hard links."""
    names = [n for n in file.names if n.namespace != DOS_NAME]
    if len(names) < 2 or file.listed:
        return ()
    found = {volume.tree.path(Entry(file.number, file.seq, n.parent, n.parent_seq, n.text)) for n in names} - {path}
    return tuple(identity.printable(volume.volume.name + p) for p in sorted(found))


def _as_extents(stream: StreamInfo, place: Place, cluster: int) -> bool:
    """Sparse streams with much nothing in them keep their allocated parts only; the change journal always.

    Counted from the runs: the sizes in the header may be anything.
    """
    if stream.resident is not None or stream.unit:
        return False
    real = sum(count for _lcn, count in stream.clusters()) * cluster
    holes = any(lcn is None for lcn, _count in stream.runs)
    return holes and (place.stream == "$J" or stream.size - real > _HOLES)


class _Kept(NamedTuple):
    """Digests of the artefact, and the object that stands for it: its bytes, its extents, a skeleton or nothing."""

    stored: Stored
    object: str | None
    how: str
    extents: tuple[tuple[int, int], ...] | None


def _hold(case: CaseWriter, volume: VolumeTree, stream: StreamInfo, source: _Bytes) -> _Kept:
    """Digests of the whole dump, and its skeleton as the object where it is a minidump."""
    bones = _skeleton(volume, stream)
    stored = case.hash_only(source.all())
    if bones is None:
        return _Kept(stored, None, "held", None)
    return _Kept(stored, case.put([bones.data], "other").object, "skeleton", bones.extents)


def _skeleton(volume: VolumeTree, stream: StreamInfo) -> Skeleton | None:
    fs = volume.fs
    if stream.resident is None and not stream.unit:
        return skeleton(lambda at, n: read_range(fs.reader, fs.cluster, stream, at, n), stream.size)
    first = fs.read(stream, min(_PACKED_HEAD, stream.size))
    reader: ReadAt = lambda at, n: first[at : at + n]  # noqa: E731 - two ways to read, one line each
    return skeleton(reader, len(first))


def streams_of(file: FileRecord, wanted: str) -> Sequence[StreamInfo]:
    """The streams a target asks for: one by name, a folder's index, or `*` for the main stream and every named one."""
    if wanted != "*":
        found = file.index if file.directory and wanted == FOLDER_INDEX else file.stream(wanted)
        return [found] if found else []
    if file.number < 24:
        return [s for s in file.streams if not s.name]
    return file.streams
