"""What a run leaves of its command line and machine, and what it must not leave."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from shellcase import __version__
from shellcase.case import Case, CaseMeta
from shellcase.case.environment import command_line

_KEY = "-".join(["123456"] * 8)


@pytest.mark.parametrize(
    "words",
    [
        ["--password", "hush"],
        ["--password=hush"],
        ["--passphrase", "hush", "CASE"],
        ["--passphrase-file=hush"],
        ["--recovery-key", "hush"],
        ["--recovery-key=hush"],
        ["--password", "--password", "CASE"],
        ["x", _KEY],
    ],
)
def test_secrets_do_not_reach_the_command_line_that_is_logged(words: list[str]) -> None:
    """Whichever way a secret is given; words that are none stay."""
    said = command_line(["shellcase", *words])
    assert "hush" not in said
    assert _KEY not in said
    assert "[hidden]" in said
    assert ("CASE" in words) == ("CASE" in said)


def test_other_options_stay_as_they_were_typed() -> None:
    """A command line that cannot be read is no record."""
    assert command_line(["shellcase", "run", "a b.E01", "--case-number=1"]) == "shellcase run 'a b.E01' --case-number=1"


def test_each_opening_is_logged_with_version_platform_and_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two openings: two run folders, two audit lines; no secret in any file of the case."""
    monkeypatch.setattr(sys, "argv", ["shellcase", "run", "bad\udc80name.E01", "--recovery-key", "hush-hush"])
    Case.create(tmp_path / "case", CaseMeta(case_number="1", fingerprints=("f",)))
    Case.open(tmp_path / "case")
    for run in ("0001", "0002"):
        said = json.loads((tmp_path / "case" / "data" / "work" / "runs" / run / "environment.json").read_text())
        assert (said["version"], said["python"]) == (__version__, ".".join(map(str, sys.version_info[:3])))
        assert said["packages"]["msgspec"]
        assert said["platform"]
    audit = [json.loads(line) for line in (tmp_path / "case" / "data" / "audit.jsonl").read_text().splitlines()]
    assert [(a["run"], a["op"]) for a in audit] == [("0001", "opened"), ("0002", "opened")]
    assert "shellcase run" in audit[0]["args"]["command"]
    assert not [p for p in (tmp_path / "case").rglob("*") if p.is_file() and b"hush" in p.read_bytes()]
