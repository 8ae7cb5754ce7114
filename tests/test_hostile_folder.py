"""Called in a folder full of evidence, in which files are named like the modules that the program needs."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

_LOG = b"""#Software: Microsoft Internet Information Services 10.0\r
#Fields: date time cs-method cs-uri-stem c-ip sc-status\r
2021-03-03 06:49:01 POST /owa/auth/x.js 198.51.100.1 200\r
"""
_ALL = sys.stdlib_module_names | packages_distributions().keys() - {"shellcase"}
_FIRST = "import pkgutil, runpy, sys, importlib.util; print(*sys.modules)"
_PYTHONS = subprocess.run([sys.executable, "-c", _FIRST], capture_output=True, text=True, check=True).stdout.split()
_CALLS = {
    "the program": ([str(Path(sys.executable).with_name("shellcase"))], _ALL),
    # Python itself looks for what `-m` needs in the folder of the call, before anything of ours runs.
    "the module": ([sys.executable, "-m", "shellcase"], _ALL - set(_PYTHONS)),
}


@pytest.mark.parametrize(("call", "names"), _CALLS.values(), ids=_CALLS)
def test_modules_of_the_folder_of_the_call_are_never_run(call: list[str], names: set[str], tmp_path: Path) -> None:
    """A worker's interpreter looked there first: a web shell's author could have had the examiner run his code."""
    folder, ran = tmp_path / "evidence", tmp_path / "ran"
    folder.mkdir()
    for name in names:
        (folder / f"{name}.py").write_text(f"open({str(ran)!r}, 'a').write({name!r} + chr(10))\n")
    logs = tmp_path / "logs" / "W3SVC1"
    logs.mkdir(parents=True)
    (logs / "u_ex210303.log").write_bytes(_LOG)
    command = [*call, "run", str(logs.parent), "--case", str(tmp_path / "case"), "--quiet"]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=False)
    assert not ran.exists(), ran.read_text()
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "case" / "data" / "reports").is_dir()
