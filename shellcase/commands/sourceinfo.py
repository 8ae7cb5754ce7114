"""What `info` tells of a source: what it was taken for and why, its volumes, its shadow copies. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from msgspec import Struct

from collector.encrypted import NO_KEYS, Keys
from collector.filesystem import VolumeHandle
from collector.image import Image, open_source
from shellcase.clean import plain
from shellcase.zones import filetime_text

_NAME, _TEXT = 120, 600
_FILES = 20


class SnapshotFacts(Struct, frozen=True, kw_only=True):
    """A shadow copy; `created` is a FILETIME of the evidence."""

    id: str
    number: int
    created: int
    readable: bool
    note: str = ""


class VolumeFacts(Struct, frozen=True, kw_only=True):
    """A volume; sizes in bytes. `note`: how it was opened, or why it was not."""

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
    snapshots: tuple[SnapshotFacts, ...] = ()


class SourceFacts(Struct, frozen=True, kw_only=True):
    """A source as it was recognised. `complete`: nothing of it is known to be missing."""

    source: str
    loader: str
    why: str
    files: tuple[str, ...]
    media_bytes: int
    fingerprint: str
    partition_table: str
    disk_signature: str = ""
    complete: bool
    volumes: tuple[VolumeFacts, ...]
    problems: tuple[str, ...] = ()


def source_facts(path: Path, keys: Keys = NO_KEYS) -> SourceFacts:
    """Open a source, look, and close it; names of the evidence come out safe to print."""
    with closing(open_source(path, keys)) as image:
        return SourceFacts(
            source=plain(str(path), _TEXT),
            loader=plain(image.container, _NAME),
            why=plain(image.why, _TEXT),
            files=tuple(plain(p.name, _NAME) for p in image.segments),
            media_bytes=image.size,
            fingerprint=image.fingerprint,
            partition_table=image.scheme,
            disk_signature=image.disk_signature[::-1].hex(),
            complete=not image.incomplete,
            volumes=tuple(_volume(image, h) for h in image.volumes if not h.snapshot),
            problems=tuple(plain(p, _TEXT) for p in image.problems),
        )


def _volume(image: Image, handle: VolumeHandle) -> VolumeFacts:
    v = handle.volume
    copies = (h for h in image.volumes if h.snapshot and h.info and h.info.volume_key == v.key)
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
        note=plain(handle.why, _TEXT),
        snapshots=tuple(_snapshot(h) for h in copies),
    )


def _snapshot(handle: VolumeHandle) -> SnapshotFacts:
    info = handle.info
    return SnapshotFacts(
        id=handle.snapshot,
        number=info.number if info else 0,
        created=info.created if info else 0,
        readable=handle.fs is not None,
        note=plain(info.problem if info else handle.why, _TEXT),
    )


def in_lines(facts: SourceFacts) -> Iterator[tuple[str, str]]:
    """The same for people, as (what, text)."""
    yield "source", facts.source
    yield "taken for", facts.loader
    yield "because of", facts.why or "(not told)"
    more = f" and {len(facts.files) - _FILES} more" if len(facts.files) > _FILES else ""
    yield "files", f"{len(facts.files)}: {', '.join(facts.files[:_FILES])}{more}"
    yield "media", f"{facts.media_bytes} bytes, fingerprint {facts.fingerprint}"
    signature = f", disk signature {facts.disk_signature}" if facts.disk_signature else ""
    yield "partition table", facts.partition_table + signature
    for volume in facts.volumes:
        yield f"volume {volume.number}", _in_words(volume)
        for copy in volume.snapshots:
            state = "readable" if copy.readable else "not readable"
            made = f"{copy.id}, made {filetime_text(copy.created)}, {state}"
            yield f"shadow copy {copy.number}", "; ".join(filter(None, (made, copy.note)))
    yield from (("problem", text) for text in facts.problems)
    if not facts.complete:
        yield "complete", "no: parts or bytes of the source are missing"


def _in_words(volume: VolumeFacts) -> str:
    names = f"{volume.file_system or 'no known file system'} at byte {volume.offset}, {volume.size} bytes"
    label = f"label {volume.label!r}, serial {volume.serial}" if volume.readable else "not read"
    return "; ".join(filter(None, (f"{names}, {label}", volume.partition, volume.note)))
