"""The journal of a collection: an outcome for every attempt, and what of it counts in the end.

Each run over a source attempts everything, so of an interrupted earlier run only the artefacts are taken over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from shellcase.case.journal import Journal
from shellcase.errors import IntegrityError
from shellcase.model import Item, Missing


class Final(NamedTuple):
    """Items in the order of their numbers, what was not taken, and objects that no item has any more."""

    items: list[Item]
    missing: list[Missing]
    superseded: list[str]


class Outcomes:
    """Reads the journal of earlier runs once, then appends."""

    def __init__(self, path: Path) -> None:
        self._journal = Journal(path)
        self._known: dict[str, Item] = {}
        self._earlier = 0
        self._sources: set[str] = set()

    def load(self) -> int:
        """Take in what earlier runs wrote; return how many bytes a crash had left half."""
        torn = self._journal.mend()
        for entry in self._entries():
            self._earlier += 1
            if isinstance(entry, Item):
                self._known[entry.artifact_id] = entry
        return torn

    def known(self, artifact_id: str) -> Item | None:
        """The item of an earlier run or of this one."""
        item = self._known.get(artifact_id)
        if item is not None:
            self._sources.add(item.source)
        return item

    def note(self, entry: Item | Missing) -> None:
        """Know of an outcome of this run; `append` writes it."""
        self._sources.add(entry.source)
        if isinstance(entry, Item):
            self._known[entry.artifact_id] = entry

    def append(self, entries: Sequence[Item | Missing]) -> None:
        """Write outcomes durably."""
        self._journal.append(*entries)

    def final(self) -> Final:
        """The last outcome of everything; what an earlier run over the same source could not take counts no more."""
        items: dict[str, Item] = {}
        missing: dict[tuple[str, ...], Missing] = {}
        objects: set[str] = set()
        for number, entry in enumerate(self._entries()):
            if isinstance(entry, Item):
                items[entry.artifact_id] = entry
                objects |= {entry.object} if entry.object else set()
            elif number >= self._earlier or entry.source not in self._sources:
                missing[entry.source, entry.definition, entry.volume, entry.path] = entry
        ordered = sorted(items.values(), key=lambda i: i.item)
        left = objects - {i.object for i in ordered}
        return Final(ordered, [missing[k] for k in sorted(missing)], sorted(left))

    def _entries(self) -> Iterator[Item | Missing]:
        for number, line in enumerate(self._journal.lines(), 1):
            try:
                yield _entry(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                todo = "restore it from a copy, or collect again into a new case"
                what = f"line {number} of the collection's journal cannot be read: {error}"
                raise IntegrityError(what, str(self._journal.path), todo) from error


def _entry(line: bytes) -> Item | Missing:
    try:
        return msgspec.json.decode(line, type=Item)
    except msgspec.ValidationError:
        return msgspec.json.decode(line, type=Missing)
