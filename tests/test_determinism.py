"""Another time zone, locale, hash seed, number of workers and folder give the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from shellcase.case import Case
from tests.conftest import EX01, META, ROOT


def analysis_files(case: Path) -> dict[str, bytes]:
    """Every output that must not depend on the run."""
    data = case / "data"
    names = ["evidence/collected.jsonl", "evidence/not_collected.jsonl", "evidence/ledger.json", "evidence/files.csv"]
    names += [
        "evidence/verification/SRC-01.json",
        "evidence/digest.json",
        "work/findings.json",
        "evidence/sources/SRC-01.json",
    ]
    names += [f"reports/R1/{n}" for n in ("result.json", "examiner.html", "legal.html", "insurer.html")]
    names += [p.relative_to(data).as_posix() for p in sorted((data / "evidence" / "timeline").rglob("*.parquet"))]
    return {n: (data / n).read_bytes() for n in names}


def test_a_run_elsewhere_gives_the_same_bytes(ex01: Case, tmp_path: Path) -> None:
    """Timeline, findings, ledger and report are compared byte for byte."""
    odd = tmp_path / "a longer path – with ümlauts" / "case"
    odd.parent.mkdir()
    env = {
        **os.environ,
        "TZ": "Asia/Kathmandu",
        "LC_ALL": "tr_TR.UTF-8",
        "LANG": "tr_TR.UTF-8",
        "PYTHONHASHSEED": "4711",
    }
    words = ["run", str(EX01), "--case", str(odd), "--case-number", META.case_number, "--examiner", META.examiner]
    words += ["--verify", "full"]
    command = [sys.executable, "-m", "shellcase", *words, "--title", META.title, "--jobs", "1", "-q"]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=115, check=False)
    assert done.returncode == 0, done.stderr
    ours, theirs = analysis_files(ex01.root), analysis_files(odd)
    assert ours.keys() == theirs.keys()
    assert [n for n in ours if ours[n] != theirs[n]] == []
