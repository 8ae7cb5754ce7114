"""validation.json: three tables apart, of this version, and still true of the servers it was measured on."""

from __future__ import annotations

import hashlib

import pytest

from shellcase import __version__
from shellcase.case import Case
from shellcase.ledger import read_ledger
from shellcase.paper.validation import DataSet, read_validation, summary
from tests.conftest import EX01, EX02

_AGAIN = "measure anew: python -m bench.validation"


def test_the_tables_are_of_this_version() -> None:
    """Numbers of another version would vouch for something that was not tested."""
    said = read_validation()
    assert said.version == __version__, _AGAIN
    images = {s.name: s.sha256 for s in said.own_fixtures}
    assert images == {i.stem: hashlib.sha256(i.read_bytes()).hexdigest() for i in (EX01, EX02)}, _AGAIN


@pytest.mark.parametrize("server", ["ex01", "ex02"])
def test_the_counts_of_our_servers_are_those_of_now(server: str, request: pytest.FixtureRequest) -> None:
    """A parser that reads more or less than it did must not go out with the old table."""
    case: Case = request.getfixturevalue(server)
    shipped: DataSet = next(s for s in read_validation().own_fixtures if s.name == server.upper())
    now: dict[str, tuple[int, int, int]] = {}
    for entry in read_ledger(case):
        old, ledger = now.get(entry.parser, (0, 0, 0)), entry.ledger
        now[entry.parser] = (old[0] + ledger.found, old[1] + ledger.parsed, old[2] + ledger.failed)
    assert {p.parser: (p.found, p.parsed, p.failed) for p in shipped.parsers} == now, _AGAIN
    assert shipped.misses == 0


def test_what_is_not_known_is_said() -> None:
    """No table is filled to look better, and none is added to another; failures have their classes."""
    said = read_validation()
    assert said.unseen_data == ()
    assert any("not seen" in text for text in said.limits)
    assert "data the authors had not seen: none" in summary()
    for entry in (*said.own_fixtures, *said.others_data):
        for parser in entry.parsers:
            assert parser.found == parser.parsed + parser.failed
            assert bool(parser.failed) <= bool(parser.failures), parser
    assert {s.name for s in said.others_data}.isdisjoint(s.name for s in said.own_fixtures)
    assert all(s.origin and s.answers for s in (*said.own_fixtures, *said.others_data))
