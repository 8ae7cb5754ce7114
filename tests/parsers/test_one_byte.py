"""One changed byte inside a record: that record says something else or an issue tells of it, all others say the same.

Over every parser and every sample, from the same seeds. What may change besides stands in two tables, each with its
reason; a parser that is in neither is held to the letter.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

import parsers
from shellcase.model import Parser
from tests.parsers.one_byte import Told, read, told, touched
from tests.parsers.samples import SAMPLES
from tests.tools import need_shared

_CHUNK_START, _CHUNK, _PAGE = 4096, 1 << 16, 4096


def _chunk(offset: int) -> int:
    return (offset - _CHUNK_START) // _CHUNK


def _page(offset: int) -> int:
    return offset // _PAGE


LEANS: dict[str, tuple[Callable[[Told, int], bool], str]] = {
    "windows.evtx": (
        lambda said, at: _chunk(said[0][0].offset) == _chunk(at),
        "a record may hold the template or the names that others of its chunk point to",
    ),
    "ntfs.index": (
        lambda said, at: _page(said[0][0].offset) == _page(at),
        "entries of a page follow each other by their lengths alone: a wrong length hides those behind it",
    ),
}
"""Events that may rest on a byte outside their own spans: which, and why."""

LENT: dict[str, tuple[frozenset[str], str]] = {
    "ntfs.mft": (frozenset({"file_path", "subject"}), "a path is made of the names in the entries of all its folders"),
}
"""Columns of an event that come from other records: which, and why."""


def _own(parser: Parser, said: list[Told]) -> list[str]:
    lent = LENT.get(parser.name, (frozenset(), ""))[0]
    return [repr((spans, {k: v for k, v in words.items() if k not in lent})) for spans, words in said]


@pytest.mark.parametrize("parser", parsers.load(), ids=lambda parser: parser.name)
def test_a_changed_byte_shows_in_its_record_and_in_no_other(parser: Parser, tmp_path: Path) -> None:
    for path, make in SAMPLES[parser.name]:
        raw = make()
        need_shared(raw)
        chance = random.Random(f"one byte {parser.name}")
        sound = told(read(parser, raw, path, tmp_path))
        for _ in range(40 if len(raw) < 1 << 20 else 5):
            _change(parser, raw, path, tmp_path, sound, chance)


def _change(parser: Parser, raw: bytes, path: str, folder: Path, sound: list[Told], chance: random.Random) -> None:
    spans, _ = chance.choice(sound)
    record = chance.choice([s for s in spans if s.role == "record" and s.layer == "raw" and s.length])
    at = record.offset + chance.randrange(record.length)
    spoiled = raw[:at] + bytes([raw[at] ^ 1 << chance.randrange(8)]) + raw[at + 1 :]
    said = read(parser, spoiled, path, folder)
    assert said.ledger.found == said.ledger.parsed + said.ledger.failed
    after = told(said)
    leans = LEANS.get(parser.name, (lambda _said, _at: False, ""))[0]
    others = [t for t in sound if not touched(t[0], at) and not leans(t, at)]
    lost = set(_own(parser, others)) - set(_own(parser, after))
    assert not lost, f"byte {at} of {path} cost another record too: {sorted(lost)[0]}"
    mine = [t for t in sound if record in t[0]]
    assert said.issues or mine != [t for t in after if record in t[0]], f"byte {at} of {path} left no trace"
