"""What is written of a source into `evidence/sources/SRC-01.json`: container, media, volumes, host facts."""

from __future__ import annotations

from msgspec import Struct

from collector.ends import Ends
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
