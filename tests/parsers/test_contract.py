"""What every parser promises, whatever it is given: no record is lost in silence and nothing makes it fall over."""

from __future__ import annotations

import random
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import parsers
from shellcase.model import Parser
from tests.parsers.contract import check
from tests.parsers.samples import SAMPLES
from tests.parsers.stub import FileSource, write_source
from tests.tools import need_shared

PARSERS = parsers.load()
_EACH = pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
_QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_the_list_says_of_each_parser_what_it_says_itself() -> None:
    """What the list leaves out is never given to the parser."""
    assert [tuple(read.split()) for read in parsers.MODULES.values()] == [parser.definitions for parser in PARSERS]


def test_parsers_and_their_kinds_have_names_of_their_own() -> None:
    """Two parsers of one name would mix up ledgers; two kinds of one name would mix up fields."""
    names = [parser.name for parser in PARSERS]
    kinds = [kind.name for parser in PARSERS for kind in parser.yields]
    assert len(set(names)) == len(names)
    assert len(set(kinds)) == len(kinds)


@_EACH
def test_a_parser_is_well_formed(parser: Parser) -> None:
    assert re.fullmatch(r"[a-z]+(\.[a-z0-9_]+)+", parser.name)
    assert parser.version >= 1
    assert parser.definitions
    assert parser.tier in {0, 1, 2}
    for kind in parser.yields:
        assert re.fullmatch(r"[a-z]+(\.[a-z0-9_]+)+", kind.name)
        assert all(name and meaning for name, meaning in kind.fields.items()), "a field without a meaning"


@_EACH
@given(first=st.binary(max_size=4096), path=st.text(max_size=200))
@_QUICK
def test_looking_at_a_file_never_raises_and_always_says_the_same(parser: Parser, first: bytes, path: str) -> None:
    assert parser.recognises(first, path) is parser.recognises(first, path)


@_EACH
@given(raw=st.binary(max_size=6000))
@_QUICK
def test_any_bytes_end_in_one_true_ledger(parser: Parser, raw: bytes, tmp_path: Path) -> None:
    check(parser, raw, SAMPLES[parser.name][0][0], tmp_path)


@_EACH
def test_an_empty_artefact_has_no_records(parser: Parser, tmp_path: Path) -> None:
    """At most the file itself is one, where a file is the record (a page, a dump)."""
    said = check(parser, b"", SAMPLES[parser.name][0][0], tmp_path)
    assert said.ledger.found <= 1
    assert len(said.rows) + len(said.events) <= said.ledger.found
    assert said.ledger.bytes_seen == 0


@_EACH
def test_a_sound_artefact_is_read(parser: Parser, tmp_path: Path) -> None:
    """The samples for the damage below must be worth damaging."""
    for path, make in SAMPLES[parser.name]:
        raw = make()
        need_shared(raw)
        assert parser.recognises(raw[:4096], path)
        said = check(parser, raw, path, tmp_path)
        assert said.rows or said.events
        assert said.ledger.parsed > 0


@_EACH
def test_a_damaged_artefact_ends_in_one_true_ledger(parser: Parser, tmp_path: Path) -> None:
    """Cut off, bytes changed, blocks lost: always from the same seeds."""
    for path, make in SAMPLES[parser.name]:
        raw = make()[: 1 << 18]
        need_shared(raw)
        chance = random.Random(parser.name)
        for _ in range(12):
            check(parser, _damage(raw, chance), path, tmp_path)


def _damage(raw: bytes, chance: random.Random) -> bytes:
    spoiled = bytearray(raw[: chance.randrange(len(raw))] if chance.random() < 0.4 else raw)
    for _ in range(chance.randrange(1, 12)):
        if spoiled:
            at = chance.randrange(len(spoiled))
            length = chance.choice((1, 1, 4, 16, 512))
            spoiled[at : at + length] = chance.randbytes(len(spoiled[at : at + length]))
    return bytes(spoiled)


@_EACH
def test_parts_give_what_the_whole_gives(parser: Parser, tmp_path: Path) -> None:
    """Spans cover the artefact without gap or overlap."""
    if parser.split is None:
        return
    path, make = SAMPLES[parser.name][0]
    source = write_source(tmp_path, make(), path)
    assert isinstance(source, FileSource)
    spans = parser.split(source)
    assert spans[0].offset == 0
    assert all(a.offset + a.length == b.offset for a, b in pairwise(spans))
    assert spans[-1].offset + spans[-1].length == source.size
