"""What will be taken, in which order, and how much it is: known before the first byte is copied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from collector.definitions import Catalogue
from collector.judge import Judge
from collector.ntfs import FileRecord
from collector.resolve import Target
from collector.runs import StreamInfo
from collector.take import streams_of

_KEPT = 20_000
"""Files whose record is kept until they are taken; the others are read twice, so that memory stays bounded."""


class Wanted(Struct, frozen=True, kw_only=True):
    """One file to take. `order`: tier, volume, shadow copy, first cluster, path; `size` in allocated bytes to copy."""

    order: tuple[int, int, str, int, str]
    definition: str
    size: int
    target: Target
    file: FileRecord | None = None


class Row(Struct, frozen=True, kw_only=True):
    """What one definition comes to; a file that several ask for counts with the first."""

    definition: str
    files: int
    bytes: int


class Preflight(Struct, frozen=True, kw_only=True):
    """The whole collection before it begins."""

    rows: tuple[Row, ...]

    @property
    def files(self) -> int:
        """Files in all."""
        return sum(r.files for r in self.rows)

    @property
    def bytes(self) -> int:
        """Bytes in all, as allocated on the disk."""
        return sum(r.bytes for r in self.rows)


def queue(targets: Sequence[Target], catalogue: Catalogue, judge: Judge) -> list[Wanted]:
    """Tier by tier, inside a tier in the order of the disk. Records are read in the order of $MFT."""
    by_record = sorted(targets, key=lambda t: (t.volume.volume.number, t.volume.snapshot, t.entry.record, t.path))
    found = (_wanted(t, catalogue, judge, keep=n < _KEPT) for n, t in enumerate(by_record))
    return sorted(found, key=lambda w: w.order)


def _wanted(target: Target, catalogue: Catalogue, judge: Judge, *, keep: bool) -> Wanted:
    file = target.volume.fs.file(target.entry.record)
    names = [n for names in target.wanted.values() for n in names]
    found = list(_streams(target, file)) if file else []
    first = min((s.first_cluster for s, _d in found if s.first_cluster is not None), default=-1)
    size = sum(s.allocated for s, d in found if file and judge.refusal(target.path, file, s, d) is None)
    volume = target.volume
    return Wanted(
        order=(catalogue.tier(names), volume.volume.number, volume.snapshot, first, target.path),
        definition=names[0],
        size=size,
        target=target,
        file=file if keep else None,
    )


def _streams(target: Target, file: FileRecord) -> Iterator[tuple[StreamInfo, tuple[str, ...]]]:
    for wanted, definitions in target.wanted.items():
        yield from ((stream, tuple(definitions)) for stream in streams_of(file, wanted))


def preflight(wanted: Sequence[Wanted]) -> Preflight:
    """Files and bytes per definition, in alphabetical order."""
    counts: dict[str, list[int]] = {}
    for one in wanted:
        row = counts.setdefault(one.definition, [0, 0])
        row[0] += one.size > 0
        row[1] += one.size
    return Preflight(rows=tuple(Row(definition=d, files=n, bytes=b) for d, (n, b) in sorted(counts.items())))
