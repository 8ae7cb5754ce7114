"""What the collector asks of a volume: names, files by number, streams as runs over a reader.

NTFS volumes answer from their $MFT (`collector.ntfs`). Collections made by other tools answer with a listing that lays
the bytes of its files one after the other, so that resolving, taking and hashing are the same code for both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from collector.ntfs import FileRecord
from collector.runs import Reader, StreamInfo
from shellcase.model import Volume
from shellcase.records import SnapshotInfo

if TYPE_CHECKING:
    from collector.tree import Tree


class FileSystem(Protocol):
    """A readable volume. `cluster` and `total` in bytes; `damaged` counts records the walk could not use."""

    serial: str
    cluster: int
    damaged: int

    @property
    def reader(self) -> Reader:
        """The bytes that runs refer to, in clusters."""
        ...

    @property
    def total(self) -> int:
        """Bytes the volume claims to have."""
        ...

    def tree(self, deleted: frozenset[str]) -> Tree:
        """Every name. `deleted`: extensions of deleted files worth remembering."""
        ...

    def file(self, number: int) -> FileRecord | None:
        """A file by its number; None when its record is unusable."""
        ...

    def read(self, stream: StreamInfo, limit: int) -> bytes:
        """The first `limit` bytes of a stream; unreadable places are zeros."""
        ...

    def bitmap(self) -> bytes:
        """One bit a cluster, set where in use; empty when unknown."""
        ...


def _faultless(_number: int) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class VolumeHandle:
    """A volume found in a source; `fs` is None where the file system is another or cannot be read (`why`).

    `snapshot` names the volume shadow copy this is (`vss:<id>`), empty for the live volume; `info` holds its facts.
    `claims` are definitions by file number, for files of a collection that were told by their content, not their path;
    `faults` says what reading a file by its number has shown, such as a stored checksum that differs.
    """

    volume: Volume
    reader: Reader
    fs: FileSystem | None
    why: str = ""
    partition_guid: str = ""
    partition_type: str = ""
    snapshot: str = ""
    info: SnapshotInfo | None = None
    claims: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    faults: Callable[[int], tuple[str, ...]] = _faultless
