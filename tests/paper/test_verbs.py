"""The verbs of the paperwork, as people type them: exit codes, and what lies where afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from shellcase.case import Case
from shellcase.cli import program
from shellcase.errors import UsageError
from tests.paper.copies import copy_of


@pytest.fixture
def case(ex01: Case, tmp_path: Path) -> Case:
    """A copy of EX01."""
    return copy_of(ex01, tmp_path / "case")


def typed(*words: object) -> Result:
    """What a command line came to; a refusal is raised."""
    done = CliRunner().invoke(program(), list(map(str, words)))
    if isinstance(done.exception, UsageError):
        raise done.exception
    return done


def test_custody_from_entry_to_paper(case: Case) -> None:
    """Add, list, print: the exit codes are 0 and the page lies among the reports."""
    words = ["--action", "received", "--of", "SRC-01", "--to-name", "A. Examiner", "--time", "2021-04-01T10:00+02:00"]
    assert typed("custody", "add", case.root, *words).exit_code == 0
    listed = json.loads(typed("custody", "list", case.root, "--json").stdout)
    assert [(e["id"], e["utc"], e["to"]["name"]) for e in listed] == [
        ("CUS-001", "2021-04-01T08:00:00Z", "A. Examiner")
    ]
    assert typed("custody", "print", case.root).exit_code == 0
    assert "A. Examiner" in (case.reports / "custody.html").read_text(encoding="utf-8")
    assert typed("report", case.root, "-q").exit_code == 0
    pages = [p.read_text(encoding="utf-8") for p in sorted(case.reports.glob("R*/examiner.html"))]
    assert "CUS-001" in pages[-1]


def test_what_goes_elsewhere_leaves_the_case_alone(case: Case, tmp_path: Path) -> None:
    """Papers of a sealed case are made into a folder outside of it; not one byte inside changes."""
    before = {p: p.stat().st_mtime_ns for p in case.root.rglob("*")}
    assert typed("certify", case.root, "-o", tmp_path / "drafts").exit_code == 0
    assert typed("custody", "print", case.root, "-o", tmp_path / "form.html").exit_code == 0
    assert typed("export-case", case.root, "-o", tmp_path / "case.jsonld").exit_code == 0
    assert {p: p.stat().st_mtime_ns for p in case.root.rglob("*")} == before
    assert len(list((tmp_path / "drafts").iterdir())) == 8
    for words in (
        ["certify", case.root, "-o", tmp_path / "drafts"],
        ["export-case", case.root, "-o", tmp_path / "form.html"],
    ):
        with pytest.raises(UsageError, match="exists already"):
            typed(*words)


def test_drafts_in_the_case_are_logged(case: Case) -> None:
    """With how many exhibits were hashed again."""
    assert typed("certify", case.root).exit_code == 0
    assert len(list((case.reports / "certification").glob("*.draft.txt"))) == 8
    line = json.loads((case.data / "audit.jsonl").read_bytes().splitlines()[-1])
    assert line["op"] == "certification drafted"
    assert line["args"]["exhibits"] > 20


def test_a_sealed_case_says_that_its_seal_is_old(case: Case) -> None:
    """Custody goes on after the seal; the seal does not cover it."""
    (case.root / "seal").mkdir()
    done = typed("custody", "add", case.root, "--action", "transferred", "--of", "CASE")
    assert done.exit_code == 0
    assert "run `shellcase seal` again" in done.output
