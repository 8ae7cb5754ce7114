"""Every bad input ends with its documented exit code and a message that says what, where and what to do."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from shellcase.case import Case
from tests.conftest import EX01, ROOT
from tests.tools import need_root

_SPEC = tomllib.loads((ROOT / "tests" / "errors.toml").read_text(encoding="utf-8"))
PROGRAM = [sys.executable, "-m", "shellcase"]


def shellcase(*words: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the program as a person would."""
    command = [*PROGRAM, *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **(env or {})}, timeout=110, check=False
    )


def a_file(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def run_on(image: Path, folder: Path) -> Sequence[str | Path]:
    return ["run", image, "--case", folder / "case", "-q"]


def taken(folder: Path) -> Sequence[str | Path]:
    (folder / "taken").mkdir()
    a_file(folder / "taken", "letter.txt", b"dear")
    return ["run", EX01, "--case", folder / "taken"]


def no_permission(folder: Path) -> Sequence[str | Path]:
    """A place where even root may not write."""
    if sys.platform == "linux" and os.geteuid() == 0:
        return ["run", EX01, "--case", "/sys/kernel/shellcase-test"]
    locked = folder / "locked"
    locked.mkdir(mode=0o500)
    return ["run", EX01, "--case", locked / "case"]


CASES: dict[str, Callable[[Path], Sequence[str | Path]]] = {
    "wrong_path": lambda d: run_on(d / "nowhere.E01", d),
    "empty_file": lambda d: run_on(a_file(d, "empty.E01", b""), d),
    "text_named_e01": lambda d: run_on(a_file(d, "notes.E01", b"These are my notes.\n" * 400), d),
    "truncated_image": lambda d: run_on(a_file(d, "cut.E01", EX01.read_bytes()[:300_000]), d),
    "existing_folder": taken,
    "no_permission": no_permission,
    "no_case": lambda d: ["report", d],
    "unknown_option": lambda d: ["run", EX01, "--case", d / "case", "--no-such-option"],
    "bad_verify": lambda d: ["run", EX01, "--case", d / "case", "--verify", "maybe"],
}


def judge(name: str, done: subprocess.CompletedProcess[str]) -> None:
    """Compare with errors.toml; a traceback is always wrong."""
    spec = _SPEC[name]
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == spec["code"], done.stderr
    for pattern in spec["says"]:
        assert re.search(pattern, done.stderr), f"{pattern!r} is not in:\n{done.stderr}"


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_bad_input_is_explained(name: str, tmp_path: Path) -> None:
    """Exit code, what, where, what to do; no traceback."""
    judge(name, shellcase(*CASES[name](tmp_path)))


def test_a_finished_case_is_not_run_over(ex01: Case, tmp_path: Path) -> None:
    """The second run on a finished case is refused and changes nothing."""
    link = tmp_path / "done"
    link.symlink_to(ex01.root, target_is_directory=True)
    before = (ex01.data / "audit.jsonl").read_bytes()
    judge("existing_finished_case", shellcase("run", EX01, "--case", link))
    assert (ex01.data / "audit.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("unknown_event", ["show", "CASE", "nothing-0-0"]),
        ("bad_sql", ["timeline", "CASE", "--where", "selekt"]),
        ("bad_time", ["timeline", "CASE", "--since", "yesterday"]),
    ],
)
def test_a_bad_question_to_a_case_is_explained(name: str, words: list[str], ex01: Case) -> None:
    """Questions to a case fail as clearly as runs."""
    judge(name, shellcase(*[str(ex01.root) if w == "CASE" else w for w in words]))


@pytest.mark.slow
@pytest.mark.real
def test_a_full_disk_is_explained_and_the_run_goes_on(ex01: Case, tmp_path: Path) -> None:
    """The disk fills up; with room again the same command ends with the digest of an undisturbed run."""
    need_root("a small file system is mounted")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", str(tmp_path)], check=True)
    try:
        process = started(tmp_path / "case", "collect: 3")
        with contextlib.suppress(OSError), (tmp_path / "ballast").open("wb", buffering=0) as ballast:
            while True:  # somebody else fills the disk
                ballast.write(bytes(1 << 16))
        stdout, stderr = process.communicate(timeout=100)
        judge("full_disk", subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr))
        (tmp_path / "ballast").unlink()
        assert digest_of(shellcase("run", EX01, "--case", tmp_path / "case", "-q", "--json")) == ex01.analysis_digest()
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.real
def test_a_disk_too_small_is_said_before_the_first_byte(tmp_path: Path) -> None:
    """With the figures, and with nothing collected."""
    need_root("a small file system is mounted")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(tmp_path)], check=True)
    try:
        judge("small_disk", shellcase("run", EX01, "--case", tmp_path / "case", "-q"))
        assert not list(tmp_path.rglob("objects/*/*"))
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def digest_of(done: subprocess.CompletedProcess[str]) -> str:
    """The analysis digest in a JSON summary."""
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["analysis_digest"])


def started(folder: Path, until: str) -> subprocess.Popen[str]:
    """A run that has come as far as a word on stderr."""
    command = [*PROGRAM, "run", str(EX01), "--case", str(folder)]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell inherit that it is ignored
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stderr is not None
    for line in process.stderr:
        if until in line:
            return process
    raise AssertionError(f"the run ended before {until!r}")


@pytest.mark.parametrize("stage", ["collect: 3", pytest.param("parse: 4", marks=pytest.mark.slow)])
def test_ctrl_c_stops_and_the_same_command_goes_on(stage: str, ex01: Case, tmp_path: Path) -> None:
    """Exit code 130, no traceback, and the digest of an undisturbed run afterwards."""
    process = started(tmp_path / "case", stage)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    judge("ctrl_c", subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr))
    assert digest_of(shellcase("run", EX01, "--case", tmp_path / "case", "-q", "--json")) == ex01.analysis_digest()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds worker processes through /proc")
def test_a_killed_worker_costs_nothing(ex01: Case, tmp_path: Path) -> None:
    """A worker that the system kills is replaced and its artefacts are parsed again."""
    process = started(tmp_path / "case", "parse: 2")
    os.kill(children(process.pid)[0], signal.SIGKILL)
    stdout, stderr = process.communicate(timeout=100)
    judge("killed_worker", subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr))
    assert ex01.analysis_digest() in stdout


def children(parent: int) -> list[int]:
    """The worker processes of a run."""
    for _ in range(50):
        found = [
            int(p.name)
            for p in Path("/proc").iterdir()
            if p.name.isdigit() and (p / "stat").exists() and _is_worker(p, parent)
        ]
        if found:
            return sorted(found)
        time.sleep(0.1)
    raise AssertionError("no worker was found")


def _is_worker(proc: Path, parent: int) -> bool:
    try:
        fields = (proc / "stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[1]) == parent and b"spawn_main" in (proc / "cmdline").read_bytes()
    except (OSError, IndexError, ValueError):
        return False
