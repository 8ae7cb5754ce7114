"""What records of a format lean on besides their own bytes: contexts for `Parser.context`."""

from __future__ import annotations

from collections.abc import Iterator

from parsers import lines
from shellcase.model import Job, Source, Span

_EVTX_HEADER, _EVTX_CHUNK, _EDGE = 4096, 1 << 16, 4


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


def evtx_chunk(_source: Source, offset: int) -> tuple[Span, ...]:
    """The file's header and the whole chunk: templates and names of a record may lie anywhere in it."""
    start = _EVTX_HEADER + (offset - _EVTX_HEADER) // _EVTX_CHUNK * _EVTX_CHUNK
    return (Span(0, _EVTX_HEADER, "context"), Span(start, _EVTX_CHUNK, "context"))
