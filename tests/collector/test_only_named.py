"""No file of the examiner's own disk is opened but those that were named and their neighbours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from fixtures.disk.built import Built
from tests.tools import need

WATCH = """
import os, sys
log = os.open(os.environ["WATCH_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def hook(event, args):
    if event == "open" and isinstance(args[0], (str, bytes)):
        os.write(log, os.fsencode(os.path.realpath(os.fsdecode(args[0]))) + b"\\0")
sys.addaudithook(hook)
"""


def _opened_by_run(image: Path, folder: Path) -> tuple[int, set[Path]]:
    """Exit code of `run`, and every path that it or its workers opened."""
    (folder / "hook").mkdir()
    (folder / "hook" / "sitecustomize.py").write_text(WATCH)
    (folder / "scratch").mkdir()
    log = folder / "opened.log"
    command = [sys.executable, "-m", "shellcase", "run", str(image), "--case", str(folder / "case"), "-q"]
    environment = {**os.environ, "PYTHONPATH": str(folder / "hook"), "WATCH_LOG": str(log)}
    environment["TMPDIR"] = str(folder / "scratch")
    done = subprocess.run(command, env=environment, capture_output=True, timeout=120, check=False)
    return done.returncode, {Path(os.fsdecode(p)) for p in log.read_bytes().split(b"\0") if p}


def _hostile(kind: str, folder: Path, outside: Path) -> Path:
    """Images that say their bytes lie in files of the examiner's own disk."""
    sectors = outside.stat().st_size // 512
    target = {"absolute": str(outside), "upwards": f"../{outside.parent.name}/{outside.name}"}.get(
        kind.rsplit(maxsplit=1)[-1], rf"\\server\share\{outside.name}"
    )
    if kind.startswith("vmdk"):
        text = "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n"
        text += f'createType="monolithicFlat"\nRW {sectors} FLAT "{target}" 0\n'
        (folder / "disk.vmdk").write_text(text)
        return folder / "disk.vmdk"
    if kind.startswith("qcow2"):
        command = [
            "qemu-img",
            "create",
            "-q",
            "-u",
            "-f",
            "qcow2",
            "-b",
            target,
            "-F",
            "raw",
            "disk.qcow2",
            str(sectors * 512),
        ]
        subprocess.run(command, check=True, cwd=folder)
        return folder / "disk.qcow2"
    if kind == "sidecar link":
        shutil.copyfile(outside, folder / "disk.dd")
        (folder / "disk.dd.md5").symlink_to(outside)
        return folder / "disk.dd"
    if kind == "e01 link":
        command = ["ewfacquire", "-u", "-q", "-f", "encase6", "-t", str(folder / "disk"), str(outside)]
        subprocess.run(command, check=True, capture_output=True)
        (folder / "disk.E02").symlink_to(outside)
        return folder / "disk.E01"
    (folder / "disk.001").write_bytes(outside.read_bytes()[: 1 << 20])
    (folder / "disk.002").symlink_to(outside)
    return folder / "disk.001"


@pytest.mark.real
@pytest.mark.parametrize(
    "kind",
    [
        "vmdk absolute",
        "vmdk upwards",
        "vmdk share",
        "qcow2 absolute",
        "qcow2 upwards",
        "qcow2 share",
        "split link",
        "sidecar link",
        "e01 link",
    ],
)
def test_no_file_is_opened_that_was_not_named(kind: str, disk: Built, tmp_path: Path) -> None:
    """Whoever made the image cannot make the examiner's machine read its own files or a share."""
    need("ewfacquire" if kind == "e01 link" else "qemu-img")
    evidence, outside = tmp_path / "evidence", tmp_path / "outside"
    evidence.mkdir()
    outside.mkdir()
    secret = outside / "secret.raw"
    shutil.copyfile(disk.raw, secret)
    code, touched = _opened_by_run(_hostile(kind, evidence, secret), tmp_path)
    assert code in ((0, 5) if kind in ("sidecar link", "e01 link") else (3, 4))
    assert any(evidence in p.parents for p in touched), "the hook must see what is opened"
    strays = {p for p in touched if outside in p.parents or secret.name == p.name.rpartition("\\")[2]}
    assert not strays


@pytest.mark.real
def test_a_whole_run_opens_only_the_source_the_case_and_the_program(disk: Built, tmp_path: Path) -> None:
    """Every path that any process of a run opens is the image's folder, the case, or part of the program."""
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    shutil.copyfile(disk.raw, evidence / "disk.dd")
    _code, touched = _opened_by_run(evidence / "disk.dd", tmp_path)
    roots = (sys.prefix, sys.base_prefix, Path(msgspec.__file__).parents[1], Path(__file__).parents[2], tmp_path)
    program = {Path(root).resolve() for root in roots}
    system = ("/dev/", "/proc/", "/sys/", "/usr/", "/etc/localtime", "/etc/timezone", "/memfd")
    strays = {p for p in touched if not program & set(p.parents) and not str(p).startswith(system)}
    assert not strays
