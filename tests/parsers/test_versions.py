"""A parser that says something new has a new version."""

from __future__ import annotations

from pathlib import Path

import pytest

import parsers
from shellcase.model import Parser
from tests.parsers.samples import SAMPLES
from tests.parsers.versions import known_of, read
from tests.tools import need_shared


@pytest.mark.parametrize("parser", parsers.load(), ids=lambda parser: parser.name)
def test_one_version_of_a_parser_says_one_thing(parser: Parser, tmp_path: Path) -> None:
    """Old cases name the version that read them."""
    for _path, make in SAMPLES[parser.name]:
        need_shared(make())
    was, now = read().get(parser.name), known_of(parser, tmp_path)
    assert was is not None, "a new parser: run `python -m tests.parsers.versions`"
    assert now == was, (
        f"what {parser.name} says of its samples is not what version {was.version} said: raise its version if that was "
        "meant and a release had it, then run `python -m tests.parsers.versions`"
    )


def test_no_version_of_a_parser_that_is_gone_is_kept() -> None:
    """The file lists what there is."""
    assert set(read()) == {p.name for p in parsers.load()}
