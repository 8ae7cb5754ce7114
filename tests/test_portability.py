"""No Windows stands here, so what Windows lacks is taken away: fcntl, resource and fork; start method spawn."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import EX01, ROOT

_BLOCK = """
import os, sys
class _Blocked:
    def find_spec(self, name, path=None, target=None):
        if name in ("fcntl", "resource", "termios", "pwd", "grp"):
            raise ImportError(f"{name} does not exist on Windows")
        return None
sys.meta_path.insert(0, _Blocked())
for name in ("fork", "forkpty", "register_at_fork", "geteuid", "getuid", "sync"):
    if hasattr(os, name):
        delattr(os, name)
"""


@pytest.fixture
def bare_env(tmp_path: Path) -> dict[str, str]:
    """An environment in which every Python process lacks what Windows lacks."""
    (tmp_path / "sitecustomize.py").write_text(_BLOCK, encoding="utf-8")
    return {**os.environ, "PYTHONPATH": str(tmp_path)}


def test_every_module_imports_without_what_windows_lacks(bare_env: dict[str, str]) -> None:
    """An import that only Unix can do would stop the program at its start."""
    names = [
        ".".join(p.relative_to(ROOT).with_suffix("").parts)
        for room in ("shellcase", "collector", "parsers")
        for p in sorted((ROOT / room).rglob("*.py"))
        if p.name not in ("__init__.py", "__main__.py")
    ]
    code = f"import importlib\nfor name in {names!r}:\n    importlib.import_module(name)\nprint(len({names!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=bare_env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(names)


@pytest.mark.slow
def test_a_small_run_works_without_what_windows_lacks(bare_env: dict[str, str], tmp_path: Path) -> None:
    """Collecting, two spawned workers, detection and report."""
    command = [
        sys.executable,
        "-m",
        "shellcase",
        "run",
        str(EX01),
        "--case",
        str(tmp_path / "case"),
        "--profile",
        "minimal",
    ]
    done = subprocess.run(
        [*command, "--jobs", "2", "-q"],
        env=bare_env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "case" / "data" / "reports" / "R1" / "examiner.html").stat().st_size > 10_000
