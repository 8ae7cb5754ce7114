"""What is written of a source into `evidence/sources/SRC-01.json`: container, media, volumes, host facts."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from collector.ends import Ends, ends_of
from collector.image import Image
from collector.machines import same_machine
from shellcase.model import HostFacts, Volume
from shellcase.records import SnapshotInfo


class SegmentRecord(Struct, frozen=True, kw_only=True):
    """One file of the image. `sha256` is filled by the verification, which reads whole files anyway."""

    name: str
    size: int
    sha256: str = ""


class PartitionRecord(Struct, frozen=True, kw_only=True):
    """One partition as the table has it, and why its volume was or was not read."""

    number: int
    offset: int
    size: int
    kind: str = ""
    guid: str = ""
    file_system: str = ""
    note: str = ""


class SourceRecord(Struct, frozen=True, kw_only=True):
    """One source. No path, clock or user of the examiner's machine is in it.

    `set_ident` and `ends` serve to know a source again that was damaged since (`collector.sameness`).
    """

    schema: str = "shellcase.source/1"
    source: str
    fingerprint: str
    container: str
    why: str = ""
    same_machine_as: tuple[str, ...] = ()
    media_size: int
    segments: tuple[SegmentRecord, ...]
    stored_md5: str = ""
    stored_sha1: str = ""
    acquisition: dict[str, str] = {}
    acquisition_errors: tuple[tuple[int, int], ...] = ()
    scheme: str
    disk_signature: str = ""
    partitions: tuple[PartitionRecord, ...]
    volumes: tuple[Volume, ...]
    snapshots: tuple[SnapshotInfo, ...] = ()
    host: HostFacts
    problems: tuple[str, ...] = ()
    set_ident: str = ""
    ends: Ends | None = None


def source_record(image: Image, source_id: str, host: HostFacts, known: Sequence[HostFacts] = ()) -> SourceRecord:
    """The record of an opened source. `known`: machines of the case's other sources, to say whether it is of one."""
    ewf = image.ewf
    return SourceRecord(
        source=source_id,
        fingerprint=image.fingerprint,
        container=image.container,
        why=image.why,
        same_machine_as=tuple(dict.fromkeys(h.name for h in known if same_machine(h, host))),
        media_size=image.size,
        segments=tuple(SegmentRecord(name=p.name, size=p.stat().st_size) for p in image.segments),
        stored_md5=ewf.md5 if ewf else "",
        stored_sha1=ewf.sha1 if ewf else "",
        acquisition=dict(sorted(ewf.acquisition.items())) if ewf else {},
        acquisition_errors=ewf.acquisition_errors if ewf else (),
        scheme=image.scheme,
        disk_signature=image.disk_signature[::-1].hex(),
        partitions=tuple(
            PartitionRecord(
                number=h.volume.number,
                offset=h.volume.offset,
                size=h.volume.size,
                kind=h.partition_type,
                guid=h.partition_guid,
                file_system=h.volume.fs,
                note=h.why,
            )
            for h in image.volumes
            if not h.snapshot
        ),
        volumes=host.volumes,
        snapshots=tuple(h.info for h in image.volumes if h.info),
        host=host,
        problems=image.problems,
        set_ident=ewf.volume.ident if ewf else "",
        ends=ends_of(image.media, image.end) if image.end else None,
    )
