"""A collection in an archive that is not opened here must not pass for one without traces."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.image import open_source
from shellcase.errors import EvidenceError, UsageError
from shellcase.run import ledger_alarms
from tests.collector import gathering as g
from tests.conftest import make_case

MARKS = {"x.7z": b"7z\xbc\xaf\x27\x1c\0\4", "x.rar": b"Rar!\x1a\x07\x01\0", "x.cab": b"MSCF\0\0\0\0"}
LOG = (
    b"#Fields: date time s-ip cs-method cs-uri-stem c-ip sc-status\r\n"
    b"2021-03-03 06:00:00 10.0.0.5 GET /owa/ 198.51.100.3 200\r\n"
)


@pytest.mark.parametrize("name", MARKS)
def test_a_single_archive_of_another_kind_is_refused(name: str, tmp_path: Path) -> None:
    """A 7z of a whole collection gave a report without findings, and exit code 0."""
    (tmp_path / name).write_bytes(MARKS[name] + bytes(600))
    with pytest.raises(EvidenceError, match="not read") as refused:
        open_source(tmp_path / name)
    assert "npack" in refused.value.todo


@pytest.mark.parametrize("name", ["x.7z", "x.rar"])
def test_a_folder_with_nothing_but_such_archives_is_refused_by_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"kind that is not read: {name}"):
        open_source(g.as_folder({name: MARKS[name] + bytes(600), "notes.txt": b"from EX01"}, tmp_path / "c"))


def test_an_archive_or_image_beside_loose_logs_is_an_alarm(tmp_path: Path) -> None:
    files = {
        "u_ex210303.log": LOG,
        "ex01.7z": MARKS["x.7z"] + bytes(600),
        "disk.E01": b"EVF\x09\r\n\xff\0" + bytes(600),
    }
    case, code = make_case(g.as_folder(files, tmp_path / "c"), tmp_path / "case", jobs=1)
    said = [a for a in ledger_alarms(case) if "ex01.7z: an archive" in a or "disk.E01: a disk image" in a]
    assert (len(said), code) == (2, 5)


def test_an_archive_that_lay_on_the_machine_is_no_alarm(tmp_path: Path) -> None:
    """What an intruder packed is read for the names in it."""
    files = {"C/inetpub/logs/LogFiles/W3SVC1/u_ex210303.log": LOG, "C/ProgramData/it.7z": MARKS["x.7z"] + bytes(600)}
    case, _code = make_case(g.as_folder(files, tmp_path / "c"), tmp_path / "case", jobs=1)
    assert not [a for a in ledger_alarms(case) if "not opened" in a]
