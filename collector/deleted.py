"""Deleted files of telling types whose bytes are still there: resident in their $MFT record, or in free clusters.

Grades: a = content lies in the record itself; b = every cluster is free and the content fits the extension; c = every
cluster is free, the content does not confirm it. What lies in reused clusters is reported, not recovered.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from collector.ntfs import FileRecord
from collector.runs import StreamInfo
from collector.survey import VolumeTree
from collector.tree import Entry, extension

DEFINITION = "DeletedFiles"
_MARKS = {
    "exe": (b"MZ",),
    "dll": (b"MZ",),
    "zip": (b"PK",),
    "7z": (b"7z\xbc\xaf\x27\x1c",),
    "rar": (b"Rar!",),
    "cab": (b"MSCF",),
    "dmp": (b"MDMP", b"PAGEDU"),
}
_BOMS = (b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")


class Recovered(Struct, frozen=True):
    """A deleted file: `stream` and `grade` when its bytes can be taken, else `why` not."""

    path: str
    file: FileRecord
    stream: StreamInfo | None
    grade: str
    why: str = ""

    @property
    def snapshot(self) -> str:
        """Keeps its id apart from a live file at the same path."""
        return f"recovered:{self.file.number}-{self.file.seq}"


def deleted_files(volume: VolumeTree) -> Iterator[Recovered]:
    """Every deleted file the survey remembered, in order of its record; one per record."""
    bitmap = volume.fs.bitmap()
    seen: set[int] = set()
    for entry in sorted(volume.tree.deleted, key=lambda e: (e.record, e.name)):
        if entry.record in seen:
            continue
        seen.add(entry.record)
        found = _examine(volume, entry, bitmap)
        if found is not None:
            yield found


def _examine(volume: VolumeTree, entry: Entry, bitmap: bytes) -> Recovered | None:
    file = volume.fs.file(entry.record)
    if file is None or file.in_use:
        return None
    path, stream = volume.tree.deleted_path(entry), file.stream("")
    if stream is None or not stream.size:
        return Recovered(path, file, None, "", "the record holds no content any more")
    if stream.resident is not None:
        return Recovered(path, file, stream, "a")
    used = _used_clusters(stream, bitmap)
    if used or stream.torn or not stream.runs:
        why = f"clusters reused ({used} of its clusters hold other data now)" if used else "its run list is broken"
        return Recovered(path, file, None, "", why)
    fits = _fits(entry.name, volume.fs.read(stream, min(4096, stream.size)))
    return Recovered(path, file, stream, "b" if fits else "c")


def _used_clusters(stream: StreamInfo, bitmap: bytes) -> int:
    """How many of its clusters $Bitmap shows in use; all of them where $Bitmap does not reach."""
    used = 0
    for lcn, count in stream.clusters():
        last = lcn + count
        if last > 8 * len(bitmap):
            return sum(n for _lcn, n in stream.clusters())
        bits = int.from_bytes(bitmap[lcn // 8 : (last + 7) // 8], "little") >> lcn % 8
        used += (bits & ((1 << count) - 1)).bit_count()
    return used


def _fits(name: str, head: bytes) -> bool:
    """Whether the first bytes are what the extension promises: a signature, or text."""
    marks = _MARKS.get(extension(name))
    if marks:
        return head.startswith(marks)
    return head.startswith(_BOMS) or (bool(head.strip(b"\0 \r\n\t")) and b"\0" not in head[:512].rstrip(b"\0"))
