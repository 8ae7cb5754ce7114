"""The audit log names every definition, rule and failure (R-AUD-1)."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from shellcase.case import Case
from shellcase.paper.audit import log_definitions, log_rules
from shellcase.reviewed import read_findings
from tests.paper.copies import copy_of


@pytest.fixture
def case(ex01: Case, tmp_path: Path) -> Case:
    """A copy of EX01, open for work."""
    copy_of(ex01, tmp_path / "case")
    return Case.open(tmp_path / "case")


def logged(case: Case, op: str) -> list[dict[str, object]]:
    """What lines of one kind were written with, in this run."""
    lines = [json.loads(line) for line in (case.data / "audit.jsonl").read_bytes().splitlines()]
    return [line["args"] for line in lines if line["op"] == op and line["run"] == case.run_name]


def test_every_definition_has_a_line_with_its_outcomes(case: Case) -> None:
    """Counts add up to what was tried."""
    log_definitions(case)
    lines = {str(a.pop("name")): a for a in logged(case, "definition")}
    items, missing = list(case.items()), list(case.not_collected())
    assert set(lines) == {n for i in items for n in i.definitions} | {m.definition or "(none)" for m in missing}
    assert sum(int(str(a.get("taken", 0))) for a in lines.values()) == sum(len(i.definitions) for i in items)
    rest = sum(int(str(v)) for a in lines.values() for k, v in a.items() if k != "taken")
    assert rest == len(missing)


def test_every_failure_has_a_line(case: Case) -> None:
    """An item that was torn, and one that could not be read at all."""
    items = list(case.items())
    items[0] = msgspec.structs.replace(items[0], read_errors=("512 bytes within 0-512: bad chunk",))
    path = case.evidence / "collected.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(i) + b"\n" for i in items))
    log_definitions(case)
    assert logged(case, "failure") == [{"of": items[0].item, "why": "512 bytes within 0-512: bad chunk"}]


def test_every_rule_has_a_line(case: Case) -> None:
    """With what became of it."""
    tested = read_findings(case).tested
    log_rules(case, tested)
    assert [a["rule"] for a in logged(case, "rule")] == [t.rule for t in tested]
    assert sum(int(str(a["findings"])) for a in logged(case, "rule")) == len(read_findings(case).findings)
