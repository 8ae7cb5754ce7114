"""`shellcase info SOURCE`: what a source was taken for and why, for people and as JSON with real numbers."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import EX01, ROOT


@pytest.fixture
def foreign_parts(shared_dir: Path, tmp_path: Path) -> Path:
    """The first part of a set whose second is missing."""
    data = (shared_dir / "corpora" / "colinfinck-ntfs" / "testdata" / "testfs1").read_bytes()
    for n in (0, 2, 3):
        (tmp_path / f"disk.{n + 1:03d}").write_bytes(data[n << 19 : n + 1 << 19])
    return tmp_path / "disk.001"


def _info(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "shellcase", "info", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_loader_and_reason_stand_in_the_summary() -> None:
    """For people: which loader, because of what, each volume."""
    shown = _info(str(EX01))
    assert shown.returncode == 0
    assert "taken for  E01" in shown.stdout
    assert "because of  signature 'EVF' in the first bytes" in shown.stdout
    assert shown.stdout.count("NTFS at byte") == 2


def test_numbers_are_numbers_in_json(shared_dir: Path) -> None:
    """Offsets, sizes and instants can be counted with; both shadow copies of the sample are listed."""
    facts = json.loads(_info(str(shared_dir / "corpora" / "plaso" / "test_data" / "vsstest.qcow2"), "--json").stdout)
    (volume,) = facts["volumes"]
    assert (facts["media_bytes"], volume["offset"], volume["serial"]) == (1 << 30, 0, "C45E30FD5E30EA36")
    assert [c["number"] for c in volume["snapshots"]] == [1, 2]
    assert facts["complete"] is True


def test_missing_parts_are_told(foreign_parts: Path) -> None:
    """A set with a hole is not complete, and the part is named."""
    facts = json.loads(_info(str(foreign_parts), "--json").stdout)
    assert facts["loader"] == "split raw"
    assert "disk.001" in facts["why"]
    assert facts["complete"] is False
    assert any("disk.002 is missing" in p for p in facts["problems"])


def test_names_of_the_evidence_cannot_move_the_cursor(shared_dir: Path, tmp_path: Path) -> None:
    """File names with control and directing characters come out spelled."""
    odd = tmp_path / "a\x1b[2J\u202egpj.raw"
    shutil.copyfile(shared_dir / "corpora" / "colinfinck-ntfs" / "testdata" / "testfs1", odd)
    for shown in (_info(str(odd)), _info(str(odd), "--json")):
        assert shown.returncode == 0
        assert "\x1b" not in shown.stdout
        assert "\u202e" not in shown.stdout
        assert "{202E}" in shown.stdout


def test_what_is_not_ntfs_ends_with_4_and_its_name(shared_dir: Path) -> None:
    """The file system is named on stderr."""
    shown = _info(str(shared_dir / "corpora" / "plaso" / "test_data" / "image.E01"))
    assert shown.returncode == 4
    assert "ext2" in shown.stderr
    assert "Only NTFS volumes are read" in shown.stderr


def test_a_mistyped_recovery_key_ends_with_2_and_is_not_shown() -> None:
    """A usage error, whatever the source."""
    key = "987654-" * 7 + "987654"
    shown = _info(str(EX01), "--recovery-key", key)
    assert shown.returncode == 2
    assert "987654" not in shown.stdout + shown.stderr


def test_loose_evidence_is_told_in_words_that_fit_it(tmp_path: Path) -> None:
    """Files and what they are, not partitions at byte 0; each file that would stay behind with its reason."""
    (tmp_path / "l").mkdir()
    (tmp_path / "l" / "x.aspx").write_bytes(b'<%@ Page Language="C#" %>')
    (tmp_path / "l" / "notes.qqq").write_bytes(b"\1\2\3")
    shown = _info(str(tmp_path / "l")).stdout
    assert "files  2 in all: 1 with a place on a volume, 1 without" in shown
    assert "volume 1  1 file, 25 bytes, called vol1; loose files: no drive is known; by content: 1 Dropped" in shown
    assert "not taken  notes.qqq (3 bytes): of no kind that is known" in shown
    assert "partition" not in shown
    assert "at byte" not in shown


@pytest.mark.parametrize(
    ("mode", "words"),
    [("none", ""), ("fast", "% of the source verified, full hash pending"), ("full", "verified  data hash matches")],
)
def test_a_source_is_verified_without_a_case(mode: str, words: str) -> None:
    """As much as is asked for, and no more."""
    shown = _info(str(EX01), "--verify", mode)
    assert shown.returncode == 0
    assert words in shown.stdout
    assert ("stored  md5 equal: " in shown.stdout) == (mode == "full")
    assert ("verified" in shown.stdout) == (mode != "none")


def test_a_source_that_fails_ends_with_3(tmp_path: Path) -> None:
    """The verdict, and the file that differs; an unknown mode is 2."""
    page = b"<%@ Page %> nothing else but this line"
    with zipfile.ZipFile(tmp_path / "k.zip", "w") as archive:
        archive.writestr("C/inetpub/wwwroot/a.aspx", page)
    path = tmp_path / "k.zip"
    path.write_bytes(path.read_bytes().replace(page, page[:-1] + b"!"))
    assert _info(str(path)).returncode == 0
    shown = _info(str(path), "--verify", "full")
    assert shown.returncode == 3
    assert "verified  data hash does not match: C/inetpub/wwwroot/a.aspx" in shown.stdout
    assert _info(str(path), "--verify", "some").returncode == 2


def test_a_case_lists_the_shadow_copies_of_its_sources(shared_dir: Path, tmp_path: Path) -> None:
    """As their record has them: number, instant, identifier."""
    image = shared_dir / "corpora" / "plaso" / "test_data" / "vsstest.qcow2"
    command = [sys.executable, "-m", "shellcase", "collect", str(image), "--case", str(tmp_path / "c"), "-q"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    shown = _info(str(tmp_path / "c")).stdout
    assert shown.count("shadow copy ") >= 2
    assert "in SRC-01: vss:" in shown
    assert "made 20" in shown
