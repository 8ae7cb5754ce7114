"""What is started, and from where."""

from __future__ import annotations

from pathlib import Path

import pytest

from shellcase.processes import program


def test_a_program_of_the_folder_of_the_call_is_never_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows looks there first, and `PATH` may say so elsewhere: evidence may hold an `icat.exe`."""
    installed = tmp_path / "bin" / "icat"
    fake = tmp_path / "evidence" / "icat"
    for file in (installed, fake):
        file.parent.mkdir()
        file.write_bytes(b"#!/bin/sh\n")
        file.chmod(0o755)
    monkeypatch.chdir(fake.parent)
    monkeypatch.setenv("PATH", str(installed.parent))
    assert program("icat") == str(installed)
    monkeypatch.setenv("PATH", ".")
    assert program("icat") is None
