"""The collected files as a tree for other tools: hostile names, nothing lost, and dissect as the referee."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from shellcase.case import Case
from shellcase.errors import IntegrityError, UsageError
from shellcase.handout.plan import Choice
from shellcase.handout.tree import write_folder, write_tar
from shellcase.model import FileTimes, StoredTimes
from tests.handout.cases import MODIFIED, SHELL, add, finished, new_case, with_secrets

EVERYTHING = Choice(secrets="a test", malware=True)


def rows(path: Path) -> list[dict[str, str]]:
    """A table as it was written."""
    with path.open(encoding="utf-8-sig", newline="") as fh:
        return list(csv.DictReader(fh))


HOSTILE = [
    "C:\\CON",
    "C:\\aux.txt",
    "C:\\a\\..\\..\\..\\evil",
    "C:\\..\\evil",
    "C:\\x.",
    "C:\\x ",
    "C:\\" + "u" * 255,
    "C:\\" + "日" * 255,
    "C:\\lone\ud800",
    "C:\\lone\udc00",
    "C:\\gpj.\u202eexe",
    "C:\\Clash\\a",
    "C:\\clash\\a",
    "C:\\Clash\\A",
    "C:\\Clash",
    "C:\\%0A",
    "C:\\new\nline",
    "C:\\slash/../../evil",
    "C:\\" + "\\".join(["deep" * 10] * 60),
    "vol2\\no letter",
    "..\\volume",
    "C:\\=cmd|' /C calc'!A0",
]


@pytest.fixture
def hostile(tmp_path: Path) -> Case:
    """A case whose files have the names above; the content of each is its number."""
    case = new_case(tmp_path / "case")
    for number, path in enumerate(HOSTILE):
        add(case, path, b"file %d" % number)
    add(case, r"C:\a.txt", b"of the stream", stream="evil:$DATA")
    add(case, r"C:\Clash\a", b"recovered", state="recovered", grade="a")
    add(case, r"C:\Clash\a", b"of the snapshot", state="snapshot:vss:{1-2}")
    add(case, r"C:\Clash\a", b"of the second disk", source="SRC-02")
    add(case, r"C:\link", b"\x0c\0\0\xa0 target C:\\Windows", flags=("reparse",), reparse="link to C:\\Windows")
    return finished(case)


def test_hostile_names_become_plain_files_inside_the_tree(hostile: Case, tmp_path: Path) -> None:
    """Every file is there once, below the tree, with its own bytes; no link, no device, nothing beside the tree."""
    before = sorted(p.name for p in tmp_path.iterdir())
    plan = write_folder(hostile, tmp_path / "tree", EVERYTHING)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*before, "tree"])
    names = rows(tmp_path / "tree" / "names.csv")
    assert len(names) == len(plan.files) == len(HOSTILE) + 5
    assert not plan.withheld
    for row in names:
        path = tmp_path / "tree" / row["mapped"]
        assert path.is_file()
        assert not path.is_symlink()
        assert path.resolve().is_relative_to(tmp_path / "tree")
        assert hashlib.sha256(path.read_bytes()).hexdigest() == row["sha256"]
    on_disk = [p for p in (tmp_path / "tree").rglob("*") if p.is_file()]
    assert len(on_disk) == len(names) + 2, "names.csv and withheld.csv"
    assert len({r["mapped"].casefold() for r in names}) == len(names)


def test_states_and_sources_have_trees_of_their_own(hostile: Case, tmp_path: Path) -> None:
    """A recovered file never lies among live ones, nor a snapshot's, nor another disk's."""
    write_folder(hostile, tmp_path / "tree", EVERYTHING)
    trees = {r["mapped"] for r in rows(tmp_path / "tree" / "names.csv") if r["original"] == "C:\\Clash\\a"}
    assert {"fs-recovered/C/Clash/a", "fs-snapshot-vss-1-2-/C/Clash/a", "SRC-02/fs/C/Clash/a"} < trees


def test_a_path_too_long_for_a_disk_is_still_there(hostile: Case, tmp_path: Path) -> None:
    """Sixty folders deep: beside the tree, with its number, named in names.csv."""
    plan = write_folder(hostile, tmp_path / "tree", EVERYTHING)
    [deep] = [p for p in plan.files if p.tree == "fs-long"]
    assert (tmp_path / "tree" / "fs-long" / f"{deep.item.item}.bin").is_file()
    assert deep.note == "path too long"


def test_tar_and_folder_are_the_same_twice(hostile: Case, tmp_path: Path) -> None:
    """Two tars are the same bytes; no owner, clock or order of this machine is in them."""
    one, two = (write_tar(hostile, tmp_path / name / "t.tar", EVERYTHING) for name in _folders(tmp_path, "1", "2"))
    assert [p.name for p in one] == [p.name for p in two]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(one, two, strict=True))
    with tarfile.open(one[0]) as archive:
        members = archive.getmembers()
    assert all(m.isfile() and not m.uid and not m.uname for m in members)
    assert not any(".." in m.name.split("/") for m in members)
    assert all(m.name.startswith("fs/") for m in members)


def _folders(root: Path, *names: str) -> list[str]:
    for name in names:
        (root / name).mkdir()
    return list(names)


def test_secrets_malware_and_held_items_stay_and_are_told(tmp_path: Path) -> None:
    """By default no credential and no live shell is written; each item is in one of the two tables."""
    case, planted = with_secrets(tmp_path / "case")
    plan = write_folder(case, tmp_path / "tree", Choice())
    written = b"".join(p.read_bytes() for p in (tmp_path / "tree").rglob("*") if p.is_file())
    for content in [*planted.values(), SHELL]:
        assert content not in written
    told = rows(tmp_path / "tree" / "withheld.csv")
    all_items = {i.item for i in case.items()}
    assert {r["item"] for r in told} | {r["item"] for r in rows(tmp_path / "tree" / "names.csv")} == all_items
    assert len(told) + len(plan.files) == len(all_items)
    assert {r["class"] for r in told} == {"secret", "malware"}
    for row in told:
        assert all(row.values()), row
        assert len(row["sha256"]) == 64
    assert rows(tmp_path / "tree" / "withheld.csv")[0]["item"] == min(r["item"] for r in told)


def test_what_was_allowed_goes(tmp_path: Path) -> None:
    """With a reason and the flag everything is written but what stayed in the source."""
    case, _ = with_secrets(tmp_path / "case")
    write_folder(case, tmp_path / "tree", EVERYTHING)
    assert (tmp_path / "tree/fs/C/inetpub/wwwroot/shell.aspx").read_bytes() == SHELL
    assert [(r["class"], r["path"]) for r in rows(tmp_path / "tree" / "withheld.csv")] == [
        ("held", "C:\\Windows\\Temp\\lsass.dmp")
    ]
    assert b'"secrets":"a test"' in (case.data / "audit.jsonl").read_bytes()


def test_sparse_streams(tmp_path: Path) -> None:
    """The journal keeps its parts only, as other tools expect; a small sparse file gets its holes; a giant stays."""
    case = new_case(tmp_path / "case")
    add(case, r"C:\$Extend\$UsnJrnl", b"records", "ntfs", stream="$J", extents=((1 << 35, 7),), size=(1 << 35) + 7)
    add(case, r"C:\hole.bin", b"onetwo", extents=((0, 3), (100_000, 3)), size=200_000)
    add(case, r"C:\giant.bin", b"onetwo", extents=((0, 3), (1 << 50, 3)), size=1 << 60)
    finished(case)
    whole = b"one" + bytes(99_997) + b"two" + bytes(99_997)
    plan = write_folder(case, tmp_path / "tree", Choice())
    assert (tmp_path / "tree/fs/C/$Extend/$UsnJrnl$J").read_bytes() == b"records"
    assert (tmp_path / "tree/fs/C/hole.bin").read_bytes() == whole
    assert [(w.cls, w.item.path) for w in plan.withheld] == [("sparse", "C:\\giant.bin")]
    [tar, *_] = write_tar(case, tmp_path / "t.tar", Choice())
    with tarfile.open(tar) as archive:
        assert archive.getnames() == ["fs/C:/$Extend/$UsnJrnl:$J", "fs/C:/hole.bin"]
        held = archive.extractfile("fs/C:/hole.bin")
        assert held
        assert held.read() == whole


def test_times_are_the_evidences(tmp_path: Path) -> None:
    """The last change that the file system recorded, in folder and tar."""
    case = new_case(tmp_path / "case")
    add(case, r"C:\a.log", b"x", "log", si_times=StoredTimes.of(FileTimes(1, MODIFIED, 1, 1)))
    finished(case)
    write_folder(case, tmp_path / "tree", Choice())
    [tar, *_] = write_tar(case, tmp_path / "t.tar", Choice())
    with tarfile.open(tar) as archive:
        assert int((tmp_path / "tree/fs/C/a.log").stat().st_mtime) == archive.getmembers()[0].mtime == 1_615_398_415


def test_a_failed_export_leaves_nothing(hostile: Case, tmp_path: Path) -> None:
    """A changed object ends the export; neither the folder nor a part of it stays."""
    item = next(i for i in hostile.items() if i.path == "C:\\x.")
    path = hostile.evidence / str(item.object)
    path.chmod(0o644)
    path.write_bytes(b"changed")
    before = sorted(p.name for p in tmp_path.iterdir())
    for write, name in ((write_folder, "tree"), (write_tar, "t.tar")):
        with pytest.raises(IntegrityError):
            write(hostile, tmp_path / name, EVERYTHING)
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_nothing_is_overwritten(hostile: Case, tmp_path: Path) -> None:
    """A folder with something in it, a tar or one of its tables that is there, a place inside the case."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    (tmp_path / "t.tar.names.csv").touch()
    for write, name in ((write_folder, "full"), (write_tar, "t.tar"), (write_folder, "case/data/out")):
        with pytest.raises(UsageError):
            write(hostile, tmp_path / name, EVERYTHING)
    (tmp_path / "empty").mkdir()
    write_folder(hostile, tmp_path / "empty", EVERYTHING)


_REFEREE = """
import hashlib, json, sys
from dissect.target import Target
target = Target.open(sys.argv[1])
journal = next(iter(target.usnjrnl()), None)
print(json.dumps({
    "mounts": sorted(str(m) for m in target.fs.mounts),
    "kinds": sorted({f.__type__ for f in target.filesystems}),
    "sha256": hashlib.sha256(target.fs.path(sys.argv[2]).read_bytes()).hexdigest(),
    "hives": sorted(p.name for p in target.fs.path("c:/windows/system32/config").iterdir()),
    "journal": journal is not None,
}))
"""


def by_dissect(place: Path, path: str) -> dict[str, Any]:
    """What dissect.target, in a process of its own (it leaves files open), finds in the tree."""
    command = [sys.executable, "-W", "ignore", "-c", _REFEREE, str(place), path]
    found: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=100).stdout)
    return found


def test_dissect_opens_folder_and_tar(sealed_ex01: Case, tmp_path: Path) -> None:
    """Another tool lists the volumes and reads a log, the $MFT and the change journal out of both."""
    log = next(i for i in sealed_ex01.items() if i.path.endswith("u_ex210301.log") and "W3SVC1" in i.path)
    case = sealed_ex01
    write_folder(case, tmp_path / "tree", EVERYTHING)
    write_tar(case, tmp_path / "t.tar", EVERYTHING)
    for place in ("tree", "tree/fs", "t.tar"):
        found = by_dissect(tmp_path / place, log.path.replace("\\", "/"))
        assert {"c:", "g:"} <= set(found["mounts"]), place
        assert found["sha256"] == log.sha256, place
        assert found["hives"] == ["DEFAULT", "SAM", "SOFTWARE", "SYSTEM"], place
        assert "ntfs" in found["kinds"], place
        assert found["journal"] or place == "tree", "of a folder dissect reads the journal when given its fs folder"


def test_the_command_on_the_page_prints_what_the_page_says(sealed_ex01: Case, tmp_path: Path) -> None:
    """docs/how-to/hand-over.md shows a line to type; a reader who gets another answer doubts the export."""
    page = (Path(__file__).resolve().parents[2] / "docs/how-to/hand-over.md").read_text(encoding="utf-8")
    shown = re.search(r"^target-query (.*) /tmp/ex01\.tar +# (.+)$", page, re.MULTILINE)
    assert shown
    [tar, *_] = write_tar(sealed_ex01, tmp_path / "ex01.tar", Choice())
    command = [Path(sys.executable).with_name("target-query"), *shown[1].split(), tar]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert shown[2] in done.stdout, done.stderr
