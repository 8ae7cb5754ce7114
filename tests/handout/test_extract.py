"""Single items as true bytes: only outside the case, only on purpose, only the recorded ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from shellcase.case import Case
from shellcase.case.journal import Journal
from shellcase.errors import IntegrityError, UsageError
from shellcase.handout.extract import extract
from tests.handout.cases import SHELL, add, finished, hold, new_case


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """A log, a script, a held dump and a sparse stream."""
    case = new_case(tmp_path / "case")
    add(case, r"C:\a.log", b"a log", "log")
    add(case, r"C:\x.aspx", SHELL, "script")
    hold(case, r"C:\Windows\Temp\lsass.dmp", b"MDMP memory")
    add(case, r"C:\s.bin", b"onetwo", extents=((0, 3), (1 << 40, 3)), size=1 << 41)
    return finished(case)


def test_true_bytes_under_a_name_that_starts_nothing(case: Case, tmp_path: Path) -> None:
    """The shell comes back byte for byte as ITEM-000002.bin; the log line names it and was written."""
    done = extract(case, ["item-000002", "ITEM-000001"], tmp_path / "out", malware=True)
    assert [e.path.name for e in done] == ["ITEM-000002.bin", "ITEM-000001.bin"]
    assert (tmp_path / "out" / "ITEM-000002.bin").read_bytes() == SHELL
    last = list(Journal(case.data / "audit.jsonl").lines())[-1]
    assert b'"op":"extract"' in last
    assert b"ITEM-000002 ITEM-000001" in last


def test_a_script_needs_the_flag(case: Case, tmp_path: Path) -> None:
    """Without it nothing is written, not even the harmless item asked for beside it."""
    with pytest.raises(UsageError, match="malicious") as caught:
        extract(case, ["ITEM-000001", "ITEM-000002"], tmp_path / "out", malware=False)
    assert "--i-know-this-is-malware" in caught.value.todo
    assert not (tmp_path / "out").exists()


def test_a_held_item_names_its_source(case: Case, tmp_path: Path) -> None:
    """Who asks for a dump that stayed in the image is told which image and which path."""
    with pytest.raises(UsageError, match="stayed in the source") as caught:
        extract(case, ["ITEM-000003"], tmp_path / "out", malware=True)
    assert "SRC-01 (EX01.E01): C:\\Windows\\Temp\\lsass.dmp" in caught.value.where


def test_of_a_sparse_stream_the_stored_parts(case: Case, tmp_path: Path) -> None:
    """Two terabytes of nothing are not written; the note says what the file is."""
    [done] = extract(case, ["ITEM-000004"], tmp_path / "out", malware=False)
    assert done.path.read_bytes() == b"onetwo"
    assert str(1 << 41) in done.note


def test_wrong_bytes_are_not_handed_out(case: Case, tmp_path: Path) -> None:
    """An object that was changed ends in an integrity error, and its half-written file is gone."""
    item = next(i for i in case.items() if i.item == "ITEM-000001")
    path = case.evidence / str(item.object)
    path.chmod(0o644)
    path.write_bytes(b"a lag")
    with pytest.raises(IntegrityError, match="not what was collected"):
        extract(case, ["ITEM-000001"], tmp_path / "out", malware=False)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("wanted", ["ITEM-999999", "x", ""])
def test_an_unknown_item_is_named(case: Case, tmp_path: Path, wanted: str) -> None:
    """Exit code 2, with the number."""
    with pytest.raises(UsageError, match="no such item"):
        extract(case, [wanted], tmp_path / "out", malware=False)


def test_never_into_the_case_and_never_over_a_file(case: Case, tmp_path: Path) -> None:
    """Also not through a link that leads into the case."""
    (tmp_path / "link").symlink_to(case.root)
    for folder in (case.root / "out", tmp_path / "link" / "out", tmp_path / "nowhere" / "out"):
        with pytest.raises(UsageError):
            extract(case, ["ITEM-000001"], folder, malware=False)
    extract(case, ["ITEM-000001"], tmp_path / "out", malware=False)
    with pytest.raises(UsageError, match="exists already"):
        extract(case, ["ITEM-000001"], tmp_path / "out", malware=False)
