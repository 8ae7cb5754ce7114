"""How far a run is, for a program that watches it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from shellcase import run as runs
from shellcase.case import Case, CaseMeta
from shellcase.cli import main
from shellcase.errors import EvidenceError
from shellcase.run import Run
from shellcase.settings import Settings
from shellcase.status import StatusFile
from shellcase.working import take_steps


def read(path: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(path.read_bytes())
    return said


def test_it_says_how_far_and_how_long(tmp_path: Path) -> None:
    """Half of a stage after ten seconds leaves ten; a second later nothing is written twice in a second."""
    now = [0.0]
    path = tmp_path / "status.json"
    status = StatusFile(path, clock=lambda: now[0])
    assert read(path)["state"] == "running"
    status.progress("collect", 5, 5)
    status.progress("parse", 0, 100)
    now[0] = 10.0
    status.progress("parse", 50, 100)
    said = read(path)
    assert (said["stage"], said["percent"], said["seconds_left"]) == ("parse", 50.0, 10.0)
    assert said["stages"] == {"collect": {"done": 5, "total": 5}, "parse": {"done": 50, "total": 100}}
    now[0] = 10.5
    status.progress("parse", 60, 100)
    assert read(path) == said
    status.end("done", 5)
    assert (read(path)["state"], read(path)["exit_code"], read(path)["percent"]) == ("done", 5, 60.0)


def test_a_folder_that_is_gone_costs_the_run_nothing(tmp_path: Path) -> None:
    """Nobody but a watcher needs it."""
    StatusFile(tmp_path / "not there" / "status.json").progress("parse", 1, 2)


def _run(folder: Path, *steps: runs.Step) -> dict[str, Any]:
    case = Case.create(folder / "case", CaseMeta(fingerprints=("x",)))
    seen = list[dict[str, Any]]()
    path = case.work / "runs" / case.run_name / "status.json"

    def look(_run: Run) -> int:
        seen.append(read(path))
        return 0

    try:
        take_steps(case, (), (look, *steps), Settings(quiet=True))
    finally:
        assert seen[0]["state"] == "running"
        seen.append(read(path))
    return seen[-1]


def _refusing(_run: Run) -> int:
    raise EvidenceError("no volume", "x.dd", "look at it")


def _stopped(_run: Run) -> int:
    raise KeyboardInterrupt


@pytest.mark.parametrize(("step", "state", "code"), [(_refusing, "failed", 4), (_stopped, "interrupted", 130)])
def test_a_run_that_ends_otherwise_says_so(step: runs.Step, state: str, code: int, tmp_path: Path) -> None:
    """With the exit code that the program ends with."""
    with pytest.raises(Exception, match=r"no volume|stopped"):
        _run(tmp_path, step)
    said = read(tmp_path / "case/data/work/runs/0001/status.json")
    assert (said["state"], said["exit_code"]) == (state, code)


def test_a_finished_run_and_a_later_step_say_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each run has its own."""
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "u_ex210303.log").write_text("#Fields: date time cs-uri-stem\n2021-03-03 06:49:01 /x\n", encoding="ascii")
    for number, words in enumerate(
        (["run", str(logs), "--case", str(tmp_path / "c")], ["detect", str(tmp_path / "c")])
    ):
        monkeypatch.setattr(sys, "argv", ["shellcase", *words, "-q"])
        code = main()
        said = read(tmp_path / f"c/data/work/runs/{number + 1:04d}/status.json")
        assert (said["state"], said["exit_code"]) == ("done", code)
    capsys.readouterr()
