"""Prefetch: the real files say what the manifest says of them, damaged ones say what is left and what is lost."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from dissect.util.compression import lzxpress_huffman
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parsers.execution import prefetch, unpack
from parsers.small import Damage
from shellcase.model import HostFacts, Job, Volume
from tests.parsers.one_byte import check_one_byte
from tests.parsers.stub import Answer, FileSource, answer, corpora, write_source
from tests.tools import need_shared

_QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _read(file: Path, host: HostFacts | None = None) -> Answer:
    source = FileSource(file, f"C:\\Windows\\Prefetch\\{file.name}")
    return answer(prefetch.parse, Job(source=source, host=host or HostFacts()))


def _files() -> list[tuple[Path, dict[str, object]]]:
    manifest = corpora() / "MANIFEST.csv"
    need_shared(manifest.is_file())
    with manifest.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["kind"] == "prefetch"]
    return [(corpora() / row["path"], json.loads(row["expectation"])) for row in rows]


def test_all_real_files_say_what_libscca_said_of_them() -> None:
    """Version, name, hash, counter and every last run, to the microsecond, of the 27 good files; the bad one fails."""
    files = _files()
    assert len(files) == 28
    for file, expected in files:
        said = _read(file)
        if "error" in expected:
            assert (said.ledger.found, said.ledger.failed, len(said.issues)) == (1, 1, 1)
            continue
        runs = [event for event in said.events if event.kind == prefetch.RUN]
        data = runs[0].data
        assert data["version"] == expected["version"]
        assert (data["executable"], data["hash"]) == (expected["exe"], expected["hash"])
        assert data["run_count"] == expected["run_count"]
        assert [e.when.text[:26] + "Z" for e in runs] == expected["last_runs"]
        assert (said.ledger.found, said.ledger.parsed) == (1, 1)
        assert not said.issues


@pytest.mark.parametrize("name", ["CALC.EXE-3FBEF7FD", "MSMSGS.EXE-2B6052DE", "PING.EXE-B29F6629"])
def test_loaded_files_are_those_another_tool_lists(name: str) -> None:
    golden = corpora() / f"go-prefetch/fixtures/{name}.pf.golden"
    need_shared(golden.is_file())
    want = json.loads(golden.read_text(encoding="utf-8"))["FilesAccessed"]
    [file] = [f for f, _ in _files() if f.stem == name]
    [program] = [e for e in _read(file).events if e.kind == prefetch.PROGRAM]
    assert program.data["files"] == want


def test_unpacked_bytes_equal_those_of_another_reader() -> None:
    """dissect as referee; it stops one byte early where the last symbol ends with the file."""
    packed = [raw for f, _ in _files() if (raw := f.read_bytes())[:3] == b"MAM"]
    assert len(packed) > 8
    for raw in packed:
        size = int.from_bytes(raw[4:8], "little")
        plain, wrong = unpack.unpack(raw)
        theirs = lzxpress_huffman.decompress(raw[8:])[:size]
        assert (len(plain), wrong) == (size, "")
        assert plain[: len(theirs)] == theirs
        assert len(theirs) >= size - 1


def test_the_program_gets_the_drive_of_the_volume_with_that_serial() -> None:
    [file] = [f for f, _ in _files() if f.name == "CALC.EXE-3FBEF7FD.pf"]
    volume = Volume(key="0-1", number=1, offset=0, size=1, fs="NTFS", serial="1234ABCD8C9F49EC", letter="C:")
    events = _read(file, HostFacts(volumes=(volume,))).events
    assert {e.file_path for e in events if e.kind == prefetch.RUN} == {"C:\\WINDOWS\\SYSTEM32\\CALC.EXE"}


def test_a_packed_file_that_breaks_off_still_tells_its_runs(tmp_path: Path) -> None:
    """The times stand in front, so half of the packed bytes are enough for them."""
    [file] = [f for f, _ in _files() if f.name == "CHROME.EXE-B3BA7868.pf"]
    raw = file.read_bytes()
    source = write_source(tmp_path, raw[: len(raw) // 2], f"C:\\Windows\\Prefetch\\{file.name}")
    said = answer(prefetch.parse, Job(source=source))
    assert len([e for e in said.events if e.kind == prefetch.RUN]) == 8
    assert any(issue.grade == "damaged" for issue in said.issues)


def test_a_file_that_announces_gigabytes_is_refused() -> None:
    plain, wrong = unpack.unpack(b"MAM\x04\xff\xff\xff\xff" + bytes(400))
    assert not plain
    assert "4294967295" in wrong


def test_a_renamed_file_is_noticed(tmp_path: Path) -> None:
    [file] = [f for f, _ in _files() if f.name == "CMD.EXE-087B4001.pf"]
    source = write_source(tmp_path, file.read_bytes(), "C:\\Windows\\Prefetch\\NET.EXE-087B4001.pf")
    [issue] = answer(prefetch.parse, Job(source=source)).issues
    assert "another name" in issue.what


@given(raw=st.binary(max_size=2000))
@_QUICK
def test_any_packed_bytes_end_in_bytes_or_damage(raw: bytes) -> None:
    try:
        plain, _ = unpack.unpack(b"MAM\x04\x00\x00\x10\x00" + raw)
    except Damage:
        return
    assert len(plain) <= 1 << 20


@given(data=st.data())
@_QUICK
def test_one_changed_byte_shows(data: st.DataObject, tmp_path: Path) -> None:
    for name in ("CMD.EXE-087B4001.pf", "AM_DELTA_PATCH_1.443.990.0.EX-7037CF86.pf"):
        [file] = [f for f, _ in _files() if f.name == name]
        check_one_byte(prefetch.PARSER, file.read_bytes(), f"C:\\Windows\\Prefetch\\{name}", tmp_path, data)
