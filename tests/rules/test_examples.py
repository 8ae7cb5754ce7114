"""Each rule finds what its own examples say and leaves alone what they call innocent."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shellcase.detect import Detection, detect
from shellcase.model import HostFacts
from shellcase.rooms import RULES
from shellcase.rulebook import Example, Rule, load
from tests.timelines import timeline_of

BOOK = load(RULES)
MATCHES = [pytest.param(r, e, id=f"{r.id}: {e.why}") for r in BOOK.rules for e in r.examples.match]
INNOCENTS = [pytest.param(r, e, id=f"{r.id}: {e.why}") for r in BOOK.rules for e in r.examples.no_match]


def run(rule: Rule, example: Example, folder: Path) -> Detection:
    timeline = timeline_of(example.rows, folder)
    try:
        return detect(timeline, BOOK.only(rule.id), HostFacts())
    finally:
        timeline.close()


@pytest.mark.parametrize(("rule", "example"), MATCHES)
def test_rule_finds_its_example(rule: Rule, example: Example, tmp_path: Path) -> None:
    answer = run(rule, example, tmp_path)
    assert [t.reason for t in answer.tested] == [""]
    assert len(answer.findings) == example.findings
    if example.claim:
        assert {f.claim for f in answer.findings} == {example.claim}
    for finding in answer.findings:
        assert "{" not in finding.observation + finding.inference
        assert "not recorded" not in finding.title


@pytest.mark.parametrize(("rule", "example"), INNOCENTS)
def test_rule_leaves_the_innocent_alone(rule: Rule, example: Example, tmp_path: Path) -> None:
    answer = run(rule, example, tmp_path)
    assert all(t.state != "failed" for t in answer.tested), answer.tested
    assert [f.observation for f in answer.findings] == []


@pytest.mark.parametrize("path", sorted(RULES.glob("*.yaml")), ids=lambda p: p.name)
def test_rule_files_hold_no_words_that_virus_scanners_act_on(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = re.findall(r'(?i)eval\s*\(\s*request|"unsafe"|runat\s*=\s*"?server|minidump\s+\d|Page_Load', text)
    assert not found
