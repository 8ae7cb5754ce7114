"""The record of an opened source: what `evidence/sources/SRC-01.json` says of it."""

from __future__ import annotations

from collections.abc import Sequence

from collector.ends import ends_of
from collector.image import Image
from collector.records import PartitionRecord, SegmentRecord, SourceRecord
from collector.samehost import same_machine
from shellcase.model import HostFacts


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
