"""The way back: a file that holds nothing but an event's spans must give that event again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from shellcase.model import Event, Job, Parser
from tests.parsers.stub import Answer, FileSource, answer, write_source


def only_spans(raw: bytes, event: Event) -> bytes:
    """A file of the same size with zeros wherever the event does not point."""
    out = bytearray(len(raw))
    for span in event.origin.spans:
        out[span.offset : span.offset + span.length] = raw[span.offset : span.offset + span.length]
    return bytes(out)


def again(parser: Parser, job: Job, raw: bytes, folder: Path) -> Answer:
    """Parse other bytes as if they were found at the same place, with the same companions."""
    return answer(parser.parse, replace(job, source=write_source(folder, raw, job.source.path)))


def key(event: Event) -> tuple[object, ...]:
    """What must be the same: all but the running number in the locator."""
    spans = tuple(span for span in event.origin.spans if span.role == "record")
    return (event.kind, event.when, event.act, event.subject, str(event.data), spans, event.origin.state, event.ordinal)


def check_way_back(parser: Parser, raw: bytes, path: str, folder: Path, every: Sequence[int]) -> None:
    """The events at these places of the answer come back from their spans; a changed byte in them is noticed."""
    job = Job(source=write_source(folder, raw, path))
    assert isinstance(job.source, FileSource)
    said = answer(parser.parse, job)
    for index in every:
        event = said.events[index]
        assert key(event) in {key(e) for e in again(parser, job, only_spans(raw, event), folder).events}
        span = next(span for span in event.origin.spans if span.role == "record")
        spoiled = bytearray(raw)
        spoiled[span.offset + span.length // 2] ^= 0x55
        now = again(parser, job, bytes(spoiled), folder)
        known = {key(e) for e in now.events}
        assert key(event) not in known or len(now.issues) > len(said.issues)
        lost = sum(key(e) not in known for e in said.events)
        assert lost <= sum(e.origin.spans[0] == event.origin.spans[0] for e in said.events), "the loss is not local"
