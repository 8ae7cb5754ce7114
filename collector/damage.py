"""Where damage of a container lies: media bytes → sectors → volume → clusters → files and collected artefacts.

Only what NTFS says is used: the runs of every sound $MFT record. Where $MFT itself is hit, the records in the gap are
named by number, for nothing else is left of them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from collector import identity
from collector import mftrecord as mr
from collector.filesystem import VolumeHandle
from collector.hashing import Lost
from collector.image import Image
from collector.ntfs import Ntfs
from collector.tree import Entry, Tree
from shellcase.model import Item, Volume

_NAMED = 200
_PLACES = 10_000
_RANGES = 64
_KINDS = {0x20: "$ATTRIBUTE_LIST", 0xA0: "$INDEX_ALLOCATION", 0xB0: "$BITMAP", 0xC0: "$REPARSE_POINT", 0x100: "$EFS"}

Range = tuple[int, int]
"""(first byte, end)."""


class Place(Struct, frozen=True, kw_only=True):
    """One damaged stretch of the media. `volume` is empty outside all volumes; clusters are counted from it."""

    start: int
    end: int
    first_sector: int
    last_sector: int
    why: str
    volume: str = ""
    first_cluster: int | None = None
    last_cluster: int | None = None


class DamagedFile(Struct, frozen=True, kw_only=True):
    """A file with bytes in a damaged stretch. `ranges` in bytes of the stream; `item` where it was collected."""

    path: str
    volume: str
    record: int
    stream: str = ""
    state: str = "live"
    ranges: tuple[Range, ...] = ()
    item: str = ""
    artifact_id: str = ""


class Damage(Struct, frozen=True, kw_only=True):
    """evidence/damage.json of one source. `files`: the first of `file_count` live files that were not collected.

    `records`: (volume, first, last) $MFT records that are gone with their names. `free`: damaged bytes in clusters
    that no sound record names. `outside`: damaged bytes outside all readable volumes.
    """

    schema: str = "shellcase.damage/1"
    source: str
    bytes: int
    places: tuple[Place, ...]
    items: tuple[DamagedFile, ...]
    files: tuple[DamagedFile, ...]
    file_count: int
    records: tuple[tuple[str, int, int], ...]
    free: int
    outside: int


def localise(
    image: Image, source: str, lost: Sequence[Lost], items: Iterable[Item], volumes: Sequence[Volume]
) -> Damage:
    """What the lost ranges touch. `volumes`: those of the source's record, with their letters."""
    ranges = _joined(lost)
    sector = image.ewf.volume.bytes_per_sector if image.ewf else 512
    names = {v.key: v.name for v in volumes}
    mine = [i for i in items if i.source == source]
    places, hits, records, inside, used = list[Place](), list[DamagedFile](), list[tuple[str, int, int]](), 0, 0
    live = [h for h in image.volumes if not h.snapshot]
    rest = list(ranges)
    for handle in live:
        name = names.get(handle.volume.key, handle.volume.name)
        own = _within(ranges, handle.volume.offset, handle.volume.offset + handle.reader.size)
        rest = _without(rest, handle.volume.offset, handle.volume.offset + handle.reader.size)
        inside += sum(b - a for a, b in own)
        places += [_place(a, b, sector, lost, handle, name) for a, b in own]
        if own and isinstance(handle.fs, Ntfs):
            walk = _Walk(handle.fs, name, [(a - handle.volume.offset, b - handle.volume.offset) for a, b in own])
            hits += walk.files()
            records += walk.records
            used += walk.used
    places += [_place(a, b, sector, lost, None, "") for a, b in rest]
    touched = _collected(hits, mine)
    known = {(f.volume, f.record, f.stream) for f in touched}
    others = [f for f in hits if f.state == "live" and (f.volume, f.record, f.stream) not in known]
    return Damage(
        source=source,
        bytes=sum(b - a for a, b in ranges),
        places=tuple(sorted(places, key=lambda p: p.start)[:_PLACES]),
        items=tuple(sorted(touched, key=lambda f: f.item)),
        files=tuple(others[:_NAMED]),
        file_count=len(others),
        records=tuple(records),
        free=max(inside - used, 0),
        outside=sum(b - a for a, b in rest),
    )


def _collected(hits: Sequence[DamagedFile], items: Sequence[Item]) -> list[DamagedFile]:
    """Artefacts with bytes in the damage, and those of shadow copies that could not be read whole."""
    by_file = {(f.volume, f.record, f.stream): f for f in hits}
    found = []
    for item in items:
        snapshot = item.state.startswith("snapshot:")
        hit = None if snapshot else by_file.get((item.volume, item.mft_record or 0, item.stream or ""))
        if hit is None and not (snapshot and item.read_errors):
            continue
        found.append(
            DamagedFile(
                path=item.path,
                volume=item.volume,
                record=item.mft_record or 0,
                stream=item.stream or "",
                state=item.state,
                ranges=hit.ranges if hit else (),
                item=item.item,
                artifact_id=item.artifact_id,
            )
        )
    return found


# -- ranges -----------------------------------------------------------------------------------------------------------


def _joined(lost: Iterable[Lost]) -> list[Range]:
    ranges: list[Range] = []
    for one in sorted(lost, key=lambda x: x.start):
        if ranges and one.start <= ranges[-1][1]:
            ranges[-1] = (ranges[-1][0], max(ranges[-1][1], one.end))
        else:
            ranges.append((one.start, one.end))
    return ranges


def _within(ranges: Sequence[Range], start: int, end: int) -> list[Range]:
    """The parts of sorted ranges inside [start, end)."""
    at = max(bisect_right(ranges, (start, 1 << 80)) - 1, 0)
    found = []
    for a, b in ranges[at:]:
        if a >= end:
            break
        if b > start:
            found.append((max(a, start), min(b, end)))
    return found


def _without(ranges: Sequence[Range], start: int, end: int) -> list[Range]:
    cut = [(a, min(b, start)) for a, b in ranges if a < start] + [(max(a, end), b) for a, b in ranges if b > end]
    return sorted(cut)


def _place(start: int, end: int, sector: int, lost: Sequence[Lost], handle: VolumeHandle | None, name: str) -> Place:
    why = next((one.why for one in lost if one.start < end and one.end > start), "")
    cluster = handle.fs.cluster if handle and handle.fs else 0
    base = handle.volume.offset if handle else 0
    return Place(
        start=start,
        end=end,
        first_sector=start // sector,
        last_sector=(end - 1) // sector,
        why=why,
        volume=name,
        first_cluster=(start - base) // cluster if cluster else None,
        last_cluster=(end - 1 - base) // cluster if cluster else None,
    )


# -- files ------------------------------------------------------------------------------------------------------------


class _Walk:
    """One pass over the $MFT of a damaged volume. `used`: damaged bytes that belong to a live file."""

    def __init__(self, fs: Ntfs, name: str, ranges: Sequence[Range]) -> None:
        self._fs, self._name, self._ranges = fs, name, ranges
        self.used = 0
        size = fs.record_size
        gone = self._hit(fs.mft.runs, 0, fs.mft.size)[0]
        self.records = [(name, a // size, (b - 1) // size) for a, b in gone]
        self._tree: Tree | None = None
        self._entries: dict[int, Entry] = {}

    def files(self) -> list[DamagedFile]:
        """Every stream with bytes in the damage; deleted files only where an artefact may have come from them."""
        found: dict[tuple[int, str, bool], DamagedFile] = {}
        for number, record in self._fs.scan():
            for file in self._of(number, record):
                key = (file.record, file.stream, file.state == "live")
                old = found.get(key)
                ranges = sorted({*(old.ranges if old else ()), *file.ranges})[:_RANGES]
                found[key] = _with(file, tuple(ranges))
        return [found[k] for k in sorted(found)]

    def _of(self, number: int, record: bytes) -> Iterator[DamagedFile]:
        head = mr.header(record)
        in_use = bool(head.flags & mr.IN_USE)
        for attr in mr.attributes(record, head.first, head.used):
            if not attr.nonresident:
                continue
            part = mr.nonresident(record, attr)
            ranges, disk = self._hit(part.runs, part.vcn, part.size if not part.vcn else 0)
            if not disk:
                continue
            self.used += disk if in_use else 0
            kind = "" if attr.kind == mr.DATA else _KINDS.get(attr.kind, f"attribute 0x{attr.kind:X}")
            owner = head.base or number
            yield DamagedFile(
                path=self._path(owner, record if not head.base else b""),
                volume=self._name,
                record=owner,
                stream=kind or identity.printable(attr.name),
                state="live" if in_use else "deleted",
                ranges=tuple(ranges),
            )

    def _hit(self, runs: Iterable[tuple[int | None, int]], vcn: int, size: int) -> tuple[list[Range], int]:
        """Damaged ranges of a stream, cut at its size where that is known, and how many bytes of the disk they are."""
        cluster, at, found, disk = self._fs.cluster, vcn * self._fs.cluster, list[Range](), 0
        for lcn, count in runs:
            length = count * cluster
            for a, b in _within(self._ranges, lcn * cluster, lcn * cluster + length) if lcn is not None else ():
                disk += b - a
                low, high = at + a - (lcn or 0) * cluster, at + b - (lcn or 0) * cluster
                high = min(high, size) if size else high
                if low < high:
                    found.append((low, high))
            at += length
        return found, disk

    def _path(self, number: int, record: bytes) -> str:
        if self._tree is None:
            self._tree = self._fs.tree()
            self._entries = {e.record: e for e in reversed(self._tree.files)}
        if number in self._tree.folders:
            return identity.printable(self._name + self._tree.folder_path(number))
        entry = self._entries.get(number)
        if entry is not None:
            return identity.printable(self._name + self._tree.path(entry))
        head = mr.header(record) if record else None
        attrs = mr.attributes(record, head.first, head.used) if head else ()
        names = (mr.file_name(mr.content(record, a)) for a in attrs if a.kind == mr.FILE_NAME)
        text = next((n.text for n in names if n), f"$MFT record {number}")
        return identity.printable(f"{self._name}\\<deleted>\\{text}")


def _with(file: DamagedFile, ranges: tuple[Range, ...]) -> DamagedFile:
    return DamagedFile(
        path=file.path, volume=file.volume, record=file.record, stream=file.stream, state=file.state, ranges=ranges
    )
