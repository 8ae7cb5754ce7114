"""An event can be read again from its own bytes and those its parser says it leans on, all others being zero."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import parsers
from shellcase.model import Parser, Span
from tests.parsers.one_byte import read, told
from tests.parsers.samples import SAMPLES
from tests.parsers.stub import write_source
from tests.tools import need_shared

_BIG = 1 << 20


@pytest.mark.parametrize("parser", parsers.load(), ids=lambda parser: parser.name)
def test_the_same_event_comes_from_its_bytes_alone(parser: Parser, tmp_path: Path) -> None:
    for path, make in SAMPLES[parser.name]:
        raw = make()
        need_shared(raw)
        source = write_source(tmp_path, raw, path)
        sound = told(read(parser, raw, path, tmp_path))
        chance = random.Random(f"again {parser.name}")
        for event in chance.sample(sound, min(len(sound), 2 if len(raw) > _BIG else 8)):
            lean = parser.context(source, event[0][0].offset) if parser.context else ()
            assert event in told(read(parser, _left(raw, (*event[0], *lean)), path, tmp_path)), event


def _left(raw: bytes, spans: tuple[Span, ...]) -> bytes:
    alone = bytearray(len(raw))
    for span in spans:
        alone[span.offset : span.offset + span.length] = raw[span.offset : span.offset + span.length]
    return bytes(alone)
