"""Databases, queues, repositories and Defender's files under damage: no exception, no hang, no lost ledger."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import parsers
from shellcase.model import Job, Parser
from tests.parsers import samples_database, samples_defender
from tests.parsers.contract import check
from tests.parsers.stub import answer, corpora, write_source
from tests.tools import need_shared

MADE = {**samples_database.SAMPLES, **samples_defender.SAMPLES}
PARSERS = [parser for parser in parsers.load() if parser.name in MADE]
_SIZE = 1 << 17


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_ends_in_a_true_ledger(parser: Parser, data: st.DataObject, tmp_path: Path) -> None:
    """Bytes changed anywhere, blocks overwritten, files cut at any place."""
    path, make = MADE[parser.name][0]
    raw = bytearray(make()[:_SIZE])
    need_shared(bytes(raw))
    for _ in range(data.draw(st.integers(0, 6))):
        at = data.draw(st.integers(0, len(raw) - 1))
        fresh = data.draw(st.binary(min_size=1, max_size=16))
        raw[at : at + len(fresh)] = fresh
    check(parser, bytes(raw[: data.draw(st.integers(0, len(raw)))]), path, tmp_path)


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(head=st.integers(0, 4096), tail=st.binary(max_size=4096))
def test_a_sound_beginning_with_anything_behind_it(parser: Parser, head: int, tail: bytes, tmp_path: Path) -> None:
    path, make = MADE[parser.name][0]
    raw = make()
    need_shared(raw)
    check(parser, raw[:head] + tail, path, tmp_path)


PAGE = 4096


@pytest.mark.parametrize("harm", ["cut in half", "twenty pages of zeros"])
def test_pages_that_are_gone_are_told_where_others_lead_to_them(harm: str, tmp_path: Path) -> None:
    """A database that lost half of itself was told as whole: what is left holds together page by page."""
    raw = (corpora() / "go-ese/testdata/SRUM/SRUDB.dat").read_bytes()
    damaged = raw[: len(raw) // 2] if harm == "cut in half" else raw[: 40 * PAGE] + bytes(20 * PAGE) + raw[60 * PAGE :]
    srum = next(p for p in parsers.load() if p.name == "windows.srum")
    source = write_source(tmp_path, damaged, "C:\\Windows\\System32\\sru\\SRUDB.dat")
    whole, said = (
        answer(srum.parse, Job(source=s))
        for s in (write_source(tmp_path, raw, "C:\\Windows\\System32\\sru\\SRUDB.dat"), source)
    )
    assert (whole.ledger.failed, whole.issues) == (0, [])
    assert len(said.events) < len(whole.events)
    gone = [i for i in said.issues if i.what.startswith("a page with records is missing")]
    assert said.ledger.failed == len(gone) > 0
    assert all((i.offset or 0) + (i.length or 0) <= len(damaged) for i in gone)
    assert {i.grade for i in gone} == {"lost"}
