"""The change journal: each change with the path the file had at that time, and nothing lost to a damaged record."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.ntfs import usnjrnl
from shellcase.model import Job
from tests.parsers.ntfs_build import FOLDER, IN_USE, file, reference, usn, usn3, volume
from tests.parsers.stub import Answer, FileSource, answer, corpora, write_source

CREATE, DELETE, OLD, NEW, CLOSE = 0x100, 0x200, 0x1000, 0x2000, 0x8000_0000
_ROOT = reference(5, 5)
_J = "C:\\$Extend\\$UsnJrnl:$J"
_RAW = corpora() / "plaso/test_data/UsnJrnl.raw"
_XP = corpora() / "dfir-orc/tests/OrcLibTest/usn_journal/winxp.7z"


def read(tmp_path: Path, raw: bytes, mft: bytes | None = None) -> Answer:
    companions = {"mft": write_source(tmp_path, mft, "C:\\$MFT")} if mft else {}
    return answer(usnjrnl.parse, Job(source=write_source(tmp_path, raw, _J), companions=companions))


def said(row: dict[str, object]) -> dict[str, Any]:
    return json.loads(str(row["data"]))  # type: ignore[no-any-return]


def test_a_path_is_the_one_at_the_time_of_the_change(tmp_path: Path) -> None:
    """A folder was renamed after the dump was written into it: the dump's record shows the old name."""
    folder, dump = reference(6, 1), reference(7, 1)
    journal = (
        usn(dump, folder, "lsass.dmp", CREATE)
        + usn(folder, _ROOT, "temp", OLD, folder=True)
        + usn(folder, _ROOT, "logs", NEW, folder=True)
        + usn(dump, folder, "lsass.dmp", 2)
    )
    mft = volume(_6=file(6, 1, "logs", _ROOT, flags=IN_USE | FOLDER), _7=file(7, 1, "lsass.dmp", folder))
    rows = read(tmp_path, journal, mft).rows
    assert [(r["file_path"], r["act"]) for r in rows] == [
        ("C:\\temp\\lsass.dmp", "created"),
        ("C:\\temp", "renamed"),
        ("C:\\logs", "renamed"),
        ("C:\\logs\\lsass.dmp", "written"),
    ]


def test_files_in_a_folder_that_is_deleted_and_reused_get_its_old_path(tmp_path: Path) -> None:
    folder = reference(6, 1)
    journal = usn(reference(7, 1), folder, "a.zip", DELETE) + usn(folder, _ROOT, "stage", DELETE | CLOSE, folder=True)
    mft = volume(_6=file(6, 3, "another", _ROOT, flags=IN_USE | FOLDER))
    rows = read(tmp_path, journal, mft).rows
    assert [r["file_path"] for r in rows] == ["C:\\stage\\a.zip", "C:\\stage"]


def test_an_unknown_folder_is_shown_as_unknown(tmp_path: Path) -> None:
    out = read(tmp_path, usn(reference(7, 1), reference(6, 1), "a", CREATE))
    assert out.rows[0]["file_path"] == "C:\\<orphan 6-1>\\a"
    assert [i.grade for i in out.issues] == ["odd"]


def test_times_numbers_and_reasons_are_exact(tmp_path: Path) -> None:
    row = read(tmp_path, bytes(4096) + usn(reference(7, 1), _ROOT, "a", CREATE | CLOSE, at=1 << 40)).rows[0]
    assert (row["ts"], row["ts_ns"]) == (datetime(2021, 3, 1, 19, 20, tzinfo=UTC), 100)
    assert row["offset"] == 4096
    about = said(row)
    assert (about["usn"], about["record"], about["seq"], about["parent"], about["parent_seq"]) == (1 << 40, 7, 1, 5, 5)
    assert about["reason"] == ["FILE_CREATE", "CLOSE"]


def test_rows_of_a_snapshot_are_not_live(tmp_path: Path) -> None:
    written = write_source(tmp_path, usn(reference(7, 1), _ROOT, "a", CREATE), _J)
    source = FileSource(written.local_path(), _J, "snapshot:1")
    assert {r["state"] for r in answer(usnjrnl.parse, Job(source=source)).rows} == {"snapshot:1"}


def test_version_3_is_read_like_version_2(tmp_path: Path) -> None:
    one = read(tmp_path, usn(reference(7, 1), _ROOT, "a", CREATE)).rows[0]
    two = read(tmp_path, usn3(reference(7, 1), _ROOT, "a", CREATE)).rows[0]
    assert (one["file_path"], one["ts"]) == (two["file_path"], two["ts"])
    assert said(one) | {"crc": ""} == said(two) | {"crc": ""}


def test_who_says_that_a_change_is_none_of_a_user_is_told(tmp_path: Path) -> None:
    raw = bytearray(usn(reference(7, 1), _ROOT, "a", CREATE))
    raw[44] = 0x44
    assert said(read(tmp_path, bytes(raw)).rows[0])["source"] == ["REPLICATION_MANAGEMENT", "0x00000040"]


def test_version_4_without_a_time_is_kept(tmp_path: Path) -> None:
    raw = struct.pack("<IHHQQQQqIIIHH", 64, 4, 0, reference(7, 1), 0, _ROOT, 0, 9, 2, 0, 0, 0, 16)
    out = read(tmp_path, raw + usn(reference(7, 1), _ROOT, "a", CREATE))
    assert [r["ts"] is None for r in out.rows] == [True, False]
    assert out.ledger.found == 2


def test_a_damaged_record_costs_only_itself(tmp_path: Path) -> None:
    parts = [usn(reference(7 + i, 1), _ROOT, f"file{i}", CREATE) for i in range(3)]
    raw = bytearray(b"".join(parts))
    raw[len(parts[0])] = 0xEE  # the length of the second
    out = read(tmp_path, bytes(raw))
    assert [said(r)["name"] for r in out.rows] == ["file0", "file2"]
    assert out.ledger.failed_ranges == ((len(parts[0]), len(parts[1])),)
    assert (out.ledger.found, out.ledger.parsed, out.ledger.failed) == (3, 2, 1)


def test_records_after_a_long_hole_and_across_windows_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parsers.ntfs.usnwalk.WINDOW", 0x11000)
    one = usn(reference(7, 1), _ROOT, "name of some length", CREATE)
    raw = bytes(3 << 20) + one * 3000 + bytes(1 << 20) + one
    out = read(tmp_path, raw)
    assert (out.ledger.found, out.ledger.failed, len(out.rows)) == (3001, 0, 3001)
    assert out.rows[0]["offset"] in (3 << 20, (3 << 20) + 3000 * len(one) + (1 << 20))


def test_it_takes_a_journal_and_nothing_else() -> None:
    assert usnjrnl.recognises(usn(7, 5, "a", CREATE).ljust(4096, b"\0"), _J)
    assert usnjrnl.recognises(bytes(4096), _J)
    assert not usnjrnl.recognises(bytes(4096), "C:\\pagefile.sys")
    assert usnjrnl.recognises(usn(7, 5, "a", CREATE).ljust(4096, b"\0"), "vol1\\C_J.bin")
    assert not usnjrnl.recognises(b"a" * 4096, "C:\\notes.txt")


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_no_bytes_break_it_and_the_ledger_adds_up(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    raw = bytearray(b"".join(usn(reference(7, 1), _ROOT, f"file{i}", 1 << i) for i in range(9)))
    for at in data.draw(st.lists(st.integers(0, len(raw) - 1), max_size=30)):
        raw[at] = data.draw(st.integers(0, 255))
    out = read(tmp_path_factory.mktemp("fuzz"), bytes(raw[: data.draw(st.integers(0, len(raw)))]))
    assert out.ledger.found == out.ledger.parsed + out.ledger.failed
    assert len(out.rows) == out.ledger.parsed


@pytest.mark.skipif(not _RAW.exists(), reason="needs ../shared/corpora (UsnJrnl.raw)")
def test_the_known_journal_gives_its_known_records() -> None:
    out = answer(usnjrnl.parse, Job(source=FileSource(_RAW, _J)))
    assert len(out.rows) == 19
    assert out.rows[0]["ts"] == datetime(2015, 11, 30, 21, 15, 27, 203125, UTC)
    assert out.rows[-1]["ts"] == datetime(2015, 11, 30, 21, 16, 2, 31248 + 2, UTC)


@pytest.mark.real
@pytest.mark.skipif(not _XP.exists() or not shutil.which("7z"), reason="needs ../shared/corpora (winxp.7z) and 7z")
def test_all_paths_of_a_real_journal_are_found_through_its_mft(tmp_path: Path) -> None:
    subprocess.run(["7z", "x", "-y", f"-o{tmp_path}", str(_XP)], check=True, capture_output=True)
    mft = FileSource(tmp_path / "mft_winxp", "C:\\$MFT")
    job = Job(source=FileSource(tmp_path / "usnjrnl_winxp", _J), companions={"mft": mft})
    out = answer(usnjrnl.parse, job)
    assert len(out.rows) == 62
    assert not [r["file_path"] for r in out.rows if "<" in str(r["file_path"])]
    assert "C:\\Documents and Settings\\BAI\\Desktop\\New Folder\\essai.txt" in {r["file_path"] for r in out.rows}
