"""Two runs at once on one case: the second is refused before it writes a line, and only as long as the first lives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shellcase.case import Case, CaseMeta
from shellcase.case.lock import locked
from shellcase.errors import UsageError
from tests.conftest import ROOT

_HOLD = """
import sys, time
from pathlib import Path
from shellcase.case.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_case_that_another_run_works_on_is_refused(tmp_path: Path) -> None:
    """A line of the second would break the chain of the log that the first goes on writing."""
    case = Case.create(tmp_path / "case", CaseMeta(case_number="1", fingerprints=("f",)))
    before = (case.data / "audit.jsonl").read_bytes()
    command = [sys.executable, "-c", _HOLD, str(case.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(UsageError, match="another run is at work"):
            Case.open(case.root)
        assert (case.data / "audit.jsonl").read_bytes() == before
        Case.look(case.root)
        holder.kill()
    Case.open(case.root)
    with locked(case.root):
        pass
