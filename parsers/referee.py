"""Other people's readers over the same artefact, to be held against ours; `shellcase parse --referee` asks them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import NamedTuple

from shellcase.model import Source

MODULES: Mapping[str, str] = {
    "windows.evtx": "parsers.eventlog.referee",
    "windows.registry": "parsers.registry.referee",
}
"""Parser → the module whose function `compare` asks the referees of its artefacts."""


class Difference(NamedTuple):
    """Where a referee says something else than we do: `unread` where it cannot read what we read, else a contradiction.

    `offset` is the record's in the artefact, `what` the field or `record`.
    """

    referee: str
    offset: int
    what: str
    ours: str
    theirs: str
    unread: bool = False


Compare = Callable[[Source], Iterator[Difference]]


def referee_of(parser: str) -> Compare | None:
    """What asks the referees of a parser's artefacts; None where it has none."""
    name = MODULES.get(parser)
    found: Compare | None = import_module(name).compare if name else None
    return found
