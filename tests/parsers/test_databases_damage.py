"""Databases, queues, repositories and Defender's files under damage: no exception, no hang, no lost ledger."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import parsers
from shellcase.model import Parser
from tests.parsers import samples_database, samples_defender
from tests.parsers.contract import check
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
