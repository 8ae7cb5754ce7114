"""A command that is refused before any work leaves the case as it was, to the last line of its audit log."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shellcase.case import Case, CaseMeta
from shellcase.cli import program
from shellcase.errors import ShellcaseError
from tests.conftest import EX01, EX02

REFUSED = {
    "a source that is there": ("add", "CASE", str(EX01)),
    "a source that is none": ("add", "CASE", "nowhere.E01"),
    "another image": ("crosscheck", "CASE", str(EX02)),
    "an image that is none": ("crosscheck", "CASE", "nowhere.E01"),
    "a tool nobody knows": ("crosscheck", "CASE", str(EX01), "--tool", "x"),
    "another source": ("verify-source", "CASE", str(EX02)),
    "a referee nobody knows": ("parse", "CASE", "--referee", "x"),
    "custody of an item that is none": ("custody", "add", "CASE", "--item", "ITEM-999999", "--action", "seized"),
    "a case that is there": ("run", str(EX02), "--case", "CASE"),
}


def state(root: Path) -> dict[str, str]:
    """Every file with its digest; the objects by their size."""
    return {
        p.relative_to(root).as_posix(): str(p.stat().st_size)
        if "objects" in p.parts
        else hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(root.rglob("*"))
        if p.is_file()
    }


def refused(root: Path, *words: str) -> None:
    """The command ends with an error of ours or of the command line."""
    done = CliRunner().invoke(program(), [str(root) if w == "CASE" else w for w in words])
    assert done.exit_code != 0
    assert isinstance(done.exception, ShellcaseError | SystemExit), done.exception


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_leaves_nothing(name: str, ex01: Case) -> None:
    """Also in a case without a seal, where no seal would be broken."""
    before = state(ex01.root)
    refused(ex01.root, *REFUSED[name])
    assert state(ex01.root) == before


@pytest.mark.parametrize("verb", ["parse", "detect", "report"])
def test_a_step_without_the_one_before_leaves_nothing(verb: str, tmp_path: Path) -> None:
    """Nothing was collected yet."""
    case = Case.create(tmp_path / "case", CaseMeta())
    before = state(case.root)
    refused(case.root, verb, "CASE")
    assert state(case.root) == before
