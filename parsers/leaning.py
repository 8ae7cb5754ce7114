"""What records of a format lean on besides their own bytes: contexts for `Parser.context`."""

from __future__ import annotations

from collections.abc import Iterator

from parsers import lines
from shellcase.model import Job, Source, Span

_EDGE = 4


def whole(source: Source, _offset: int) -> tuple[Span, ...]:
    """All of it: the format cannot be read in parts."""
    return (Span(0, source.size, "context"),)


def text_headers(source: Source, offset: int) -> tuple[Span, ...]:
    """The mark of the encoding, the `#` lines in front of the record, the line ends about it."""
    return (Span(0, lines.FRONT, "context"), *_headers(source, offset), Span(max(0, offset - _EDGE), _EDGE, "context"))


def _headers(source: Source, offset: int) -> Iterator[Span]:
    for block in lines.blocks(Job(source=source)):
        places, lengths = block.offsets()
        for n in block.headers().nonzero()[0].tolist():
            if places[n] >= offset:
                return
            yield Span(int(places[n]), int(lengths[n]) + 2, "context")
