"""What the program tells of itself."""

from __future__ import annotations

import functools

import pytest

from shellcase.rulebook import load
from shellcase.tell import rule_lines


def test_a_rule_is_told_in_words_without_the_brackets_of_its_template(monkeypatch: pytest.MonkeyPatch) -> None:
    """Places that a finding fills are named, plurals are written out."""
    monkeypatch.setattr("shellcase.tell.load_rules", functools.cache(load))  # else the book is read fifty times
    [record] = [line for line in rule_lines("IS-02") if line.startswith("record: ")]
    assert "<count> POST requests to <stem>" in record
    for line in rule_lines(""):
        told = [said for said in rule_lines(line.split()[0]) if said.startswith("record: ")]
        assert told
        assert "{" not in told[0]
