"""What `info` tells of a volume and its shadow copies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from msgspec import Struct

from collector.filesystem import VolumeHandle
from collector.gathered.listing import Listing
from collector.image import Image
from shellcase.clean import plain
from shellcase.records import SnapshotInfo
from shellcase.zones import filetime_text

_NAME, _TEXT = 120, 600


class SnapshotFacts(Struct, frozen=True, kw_only=True):
    """A shadow copy, as the catalog of its volume has it; `created` is a FILETIME of the evidence."""

    id: str
    number: int
    created: int
    readable: bool
    sequence: int = 0
    copy: str = ""
    machine: str = ""
    attributes: int = 0
    note: str = ""


class VolumeFacts(Struct, frozen=True, kw_only=True):
    """A volume; sizes in bytes. `note`: how it was opened, or why it was not.

    Of a collection: how many `files`, `name` as paths call it and why (`note`), and what those are that were told by
    their content (`kinds`).
    """

    number: int
    offset: int
    size: int
    file_system: str
    readable: bool
    label: str = ""
    serial: str = ""
    partition: str = ""
    partition_guid: str = ""
    note: str = ""
    name: str = ""
    files: int = 0
    kinds: tuple[tuple[str, int], ...] = ()
    snapshots: tuple[SnapshotFacts, ...] = ()


def volume_facts(image: Image, handle: VolumeHandle) -> VolumeFacts:
    """A volume as it was found."""
    v, listing = handle.volume, handle.fs if isinstance(handle.fs, Listing) else None
    copies = (h for h in image.volumes if h.snapshot and h.info and h.info.volume_key == v.key)
    kinds = Counter(names[0] for names in handle.claims.values() if names)
    return VolumeFacts(
        number=v.number,
        offset=v.offset,
        size=v.size,
        file_system=plain(v.fs, _NAME),
        readable=handle.fs is not None,
        label=plain(v.label, _NAME),
        serial=v.serial,
        partition=plain(handle.partition_type, _NAME),
        partition_guid=handle.partition_guid,
        note=plain(handle.why or (v.how if listing else ""), _TEXT),
        name=plain(v.name, _NAME),
        files=len(listing.files) if listing else 0,
        kinds=tuple(sorted(kinds.items())),
        snapshots=tuple(snapshot_facts(h.info, h.fs is not None) for h in copies if h.info),
    )


def snapshot_facts(info: SnapshotInfo, readable: bool) -> SnapshotFacts:
    """A shadow copy as a source's record has it."""
    return SnapshotFacts(
        id=info.snapshot,
        number=info.number,
        created=info.created,
        readable=readable,
        sequence=info.sequence,
        copy=plain(info.copy, _NAME),
        machine=plain(info.machine, _NAME),
        attributes=info.attributes,
        note=plain(info.problem, _TEXT),
    )


def volume_lines(volume: VolumeFacts) -> Iterator[tuple[str, str]]:
    """For people, as (what, text)."""
    yield f"volume {volume.number}", _of_files(volume) if volume.files else _in_words(volume)
    yield from snapshot_lines(volume.snapshots)


def snapshot_lines(copies: Iterable[SnapshotFacts]) -> Iterator[tuple[str, str]]:
    """Shadow copies, one a line."""
    for copy in copies:
        state = "readable" if copy.readable else "not readable"
        made = f"{copy.id}, made {filetime_text(copy.created)}, {state}"
        told = (f"copy {copy.copy}" if copy.copy else "", f"on {copy.machine}" if copy.machine else "", copy.note)
        yield f"shadow copy {copy.number}", "; ".join(filter(None, (made, *told)))


def _of_files(volume: VolumeFacts) -> str:
    many = f"{volume.files} file{'' if volume.files == 1 else 's'}, {volume.size} bytes, called {volume.name}"
    kinds = ", ".join(f"{count} {name}" for name, count in volume.kinds)
    return "; ".join(filter(None, (many, volume.note, f"by content: {kinds}" if kinds else "")))


def _in_words(volume: VolumeFacts) -> str:
    names = f"{volume.file_system or 'no known file system'} at byte {volume.offset}, {volume.size} bytes"
    label = f"label {volume.label!r}, serial {volume.serial}" if volume.readable else "not read"
    return "; ".join(filter(None, (f"{names}, {label}", volume.partition, volume.note)))
