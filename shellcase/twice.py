"""The same files in two sources that no registry names the computer of, as a folder of logs and later a zip of it.

Two computers never write the same log byte for byte, so sources that share most of theirs are of one computer: equal
records are copies then, as between two disks of one machine. Where they share some, but less than half, both may well
be true (a log handed from one to the other): they are counted apart, and an alarm says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from collector.records import SourceRecord
from collector.samehost import same_machine, untold
from shellcase.copies import counted
from shellcase.records import Item

_CLASSES = frozenset({"evtx", "log", "ntfs"})
_LEAST = 4096
_EMPTY_EVTX = 69_632
"""A log of Windows without a record: one header, one chunk. It can be the same on two computers."""

Relation = Literal["other", "some", "same"]


class Shared(Struct, frozen=True, kw_only=True):
    """How many of a source's own logs an earlier source has byte for byte."""

    source: str
    earlier: str
    count: int
    of: int
    same_machine: bool

    @property
    def relation(self) -> Relation:
        """Whether the two are taken for one computer: by its identity, or by most of what it wrote."""
        if self.same_machine or (self.count and self.count * 2 >= self.of):
            return "same"
        return "some" if self.count else "other"

    @property
    def told(self) -> str:
        """The sentence for people."""
        head = f"{self.count} of {self.of} logs of {self.source} are byte for byte logs of {self.earlier}"
        if self.relation == "same":
            return f"{head}, and no registry tells their computers: both are taken for one, equal records count once"
        return f"{head}, and no registry tells whether both are of one computer: equal records count twice"


def compared(record: SourceRecord, before: Iterable[SourceRecord], items: Iterable[Item]) -> Iterator[Shared]:
    """The source beside each one before it."""
    earlier = list(before)
    logs = _logs(items) if any(untold(r.host, record.host) for r in earlier) else {}
    own = logs.get(record.source, frozenset())
    for other in earlier:
        common = own & logs.get(other.source, frozenset()) if untold(other.host, record.host) else frozenset()
        yield Shared(
            source=record.source,
            earlier=other.source,
            count=len(common),
            of=len(own),
            same_machine=same_machine(other.host, record.host),
        )


def came_twice(records: Sequence[SourceRecord], items: Sequence[Item]) -> list[str]:
    """What is to be said of sources that share logs though nothing names their computers."""
    return [
        shared.told
        for n, record in enumerate(records)
        for shared in compared(record, records[:n], items)
        if shared.count and not shared.same_machine
    ]


def _logs(items: Iterable[Item]) -> Mapping[str, frozenset[str]]:
    """Source → digests of what only one computer can have written."""
    found: dict[str, set[str]] = {}
    for item in items:
        if item.cls in _CLASSES and item.state == "live" and counted(item) and _tells(item):
            found.setdefault(item.source, set()).add(item.sha256)
    return {source: frozenset(digests) for source, digests in found.items()}


def _tells(item: Item) -> bool:
    return item.size > (_EMPTY_EVTX if item.cls == "evtx" else _LEAST) and not item.read_errors
