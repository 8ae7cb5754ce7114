"""What one changed byte may cost besides the events that name it among their bytes; for each exception its reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shellcase.model import Parser, Source, Span
from tests.parsers.one_byte import Told, touched

_LINE_END, _LINE_END_BYTES = b"\r\n\0", 4  # in UTF-16 they are four bytes
_CHUNK_START, _CHUNK, _PAGE, _MARK = 4096, 1 << 16, 4096, 4


def _same_chunk(said: Told, at: int) -> bool:
    return (said[0][0].offset - _CHUNK_START) // _CHUNK == (at - _CHUNK_START) // _CHUNK


def _any(_said: Told, _at: int) -> bool:
    return True


def _mark(_said: Told, at: int) -> bool:
    return at < _MARK


def _same_page(said: Told, at: int) -> bool:
    return said[0][0].offset // _PAGE == at // _PAGE


LEANS: dict[str, tuple[Callable[[Told, int], bool], str]] = {
    "windows.evtx": (_same_chunk, "a record may hold the template or the names that others of its chunk point to"),
    "exchange.binary": (_any, "one event a file: headers and the tree of resources lead to the version"),
    "exchange.eomt": (_mark, "the mark of the encoding"),
    "iis.config": (_any, "an element's place is by the tags that open and close around it"),
    "windows.defender.log": (_mark, "the mark of the encoding"),
    "ntfs.index": (
        _same_page,
        "entries of a page follow each other by their lengths alone: a wrong length hides those behind it",
    ),
}
"""Events that may rest on a byte outside their own spans: which, and why."""

LENT: dict[str, tuple[frozenset[str], str]] = {
    "ntfs.mft": (frozenset({"file_path", "subject"}), "a path is made of the names in the entries of all its folders"),
}
"""Columns of an event that come from other records: which, and why."""


def own_words(parser: Parser, said: list[Told]) -> list[str]:
    """Each event without what it has from other records."""
    lent = LENT.get(parser.name, (frozenset(), ""))[0]
    return [repr((spans, sorted((k, v) for k, v in words.items() if k not in lent))) for spans, words in said]


@dataclass(frozen=True, slots=True)
class Undamaged:
    """The run that all others are held against, made once for an artefact."""

    raw: bytes
    events: list[Told]

    def near(self, spans: tuple[Span, ...], at: int) -> bool:
        """Whether the byte lies in one of the spans, or ends the line before or behind one: that joins two lines."""
        if self.raw[at] not in _LINE_END:
            return touched(spans, at)
        return any(s.offset - _LINE_END_BYTES <= at < s.offset + s.length + _LINE_END_BYTES for s in spans)


def leaning(parser: Parser, event: Told, at: int) -> bool:
    """Whether the table lets this event change with a byte that is not its own."""
    leans = LEANS.get(parser.name, (lambda _said, _at: False, ""))[0]
    return bool(leans(event, at))


def context(parser: Parser, source: Source, event: Told) -> tuple[Span, ...]:
    """The headers a record leans on, as its parser names them; "all of the file" is no answer here."""
    spans = parser.context(source, event[0][0].offset) if parser.context else ()
    return tuple(span for span in spans if span.length < source.size)


def lost(parser: Parser, whole: Callable[[], Source], sound: Undamaged, after: list[Told], at: int) -> list[str]:
    """Events of the undamaged run that are gone or changed though the byte at `at` was none of theirs.

    `whole` writes the undamaged artefact again: the headers that a record leans on are asked for there.
    """
    still = set(own_words(parser, after))
    words = zip(own_words(parser, sound.events), sound.events, strict=True)
    gone = [
        (said, e) for said, e in words if said not in still and not (sound.near(e[0], at) or leaning(parser, e, at))
    ]
    if not gone:
        return []
    source = whole()
    return [said for said, event in gone if not sound.near(context(parser, source, event), at)]
