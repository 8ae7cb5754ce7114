"""Logs packed beside the live ones, the folders of Advanced Logging, and logs nothing can be read from."""

from __future__ import annotations

import gzip
from pathlib import Path

from shellcase.case import Case
from shellcase.ledger import read_ledger
from shellcase.passedover import passed_over
from shellcase.run import ledger_alarms
from tests.conftest import make_case

_LOG = (
    b"#Software: Microsoft Internet Information Services 10.0\r\n#Version: 1.0\r\n"
    b"#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) sc-status\r\n"
    b"2021-03-03 06:00:00 10.0.0.5 GET /owa/ - 443 - 198.51.100.3 Mozilla/5.0 200\r\n"
)


def test_packed_logs_are_told_and_those_of_advanced_logging_are_read(tmp_path: Path) -> None:
    """A month that lies packed in the log folder was taken and passed over; the other folder was not taken at all."""
    logs = tmp_path / "found" / "C" / "inetpub" / "logs"
    for folder, name, data in (
        ("LogFiles/W3SVC1", "u_ex210303.log", _LOG),
        ("LogFiles/W3SVC1", "u_ex210302.log.gz", gzip.compress(_LOG, mtime=0)),
        ("AdvancedLogs/Default Web Site", "MAIL7_D20210303.log", _LOG.replace(b"06:00:00", b"07:00:00")),
    ):
        (logs / folder).mkdir(parents=True, exist_ok=True)
        (logs / folder / name).write_bytes(data)
    case, code = make_case(tmp_path / "found", tmp_path / "case", jobs=1)
    said = ledger_alarms(case)
    assert code == 5
    assert [a for a in said if "packed among the logs" in a] == [
        r"C:\inetpub\logs\LogFiles\W3SVC1\u_ex210302.log.gz: packed among the logs and not read; "
        "unpack it and add it to the case"
    ]
    assert {e.path.rsplit("\\", 1)[-1]: e.ledger.parsed for e in read_ledger(case)} == {
        "u_ex210303.log": 1,
        "MAIL7_D20210303.log": 1,
    }


def test_binary_logs_and_logs_of_zeros_are_told(tmp_path: Path) -> None:
    """Both were passed over without a word; a log that only begins with zeros, or is only headers, is none of them."""
    logs = tmp_path / "found" / "C" / "inetpub" / "logs" / "LogFiles"
    for name, data in (
        ("W3SVC/raw210303.ibl", b"\x01\0\0\0" + bytes(range(200))),
        ("W3SVC1/u_ex210303.log", bytes(9000)),
        ("W3SVC1/u_ex210304.log", bytes(9000) + b"\r\n" + _LOG),
        ("W3SVC1/u_ex210305.log", _LOG[: _LOG.index(b"2021-")]),
    ):
        (logs / name).parent.mkdir(parents=True, exist_ok=True)
        (logs / name).write_bytes(data)
    case, code = make_case(tmp_path / "found", tmp_path / "case", jobs=1)
    said = [a for a in ledger_alarms(case) if "LogFiles" in a]
    assert code == 5
    assert [a.partition(": ")[0].rpartition("\\")[2] for a in said] == ["raw210303.ibl", "u_ex210303.log"]
    assert "binary format" in said[0]
    assert "9000 bytes, all of them zero" in said[1]


def test_tasks_and_compiled_pages_of_zeros_are_told(tmp_path: Path) -> None:
    """They are written at once, so zeros are a crash or a wipe; of a picture or an empty file nothing is said."""
    windows = tmp_path / "found" / "C" / "Windows"
    folder = "Microsoft.NET/Framework64/v4.0.30319/Temporary ASP.NET Files/root/e22c2559/92c7e946"
    for name, data in (
        ("System32/Tasks/Winnet", bytes(3000)),
        ("System32/Tasks/Known", b"<Task><Actions><Exec><Command>a</Command></Exec></Actions></Task>"),
        (f"{folder}/x.aspx.cdcab7d2.compiled", bytes(5000)),
    ):
        (windows / name).parent.mkdir(parents=True, exist_ok=True)
        (windows / name).write_bytes(data)
    case, code = make_case(tmp_path / "found", tmp_path / "case", jobs=1)
    said = ledger_alarms(case)
    assert code == 5
    assert sorted(a.partition(": ")[0].rpartition("\\")[2] for a in said) == ["Winnet", "x.aspx.cdcab7d2.compiled"]
    assert "3000 bytes, all of them zero" in str(said)


def test_logs_that_could_not_be_read_are_not_called_zeros(tmp_path: Path) -> None:
    """Bytes the source does not give are put in as zeros; nobody wiped them."""
    logs = tmp_path / "found" / "C" / "inetpub" / "logs" / "LogFiles" / "W3SVC1"
    logs.mkdir(parents=True)
    (logs / "u_ex210303.log").write_bytes(bytes(9000))
    case, _code = make_case(tmp_path / "found", tmp_path / "case", jobs=1)
    listing = case.evidence / "collected.jsonl"
    assert len(passed_over(case)) == 1
    listing.write_text(listing.read_text().replace('"read_errors":[]', '"read_errors":["0+9000"]'))
    assert passed_over(Case.open(case.root)) == []


def test_files_whose_bytes_lie_elsewhere_are_told(tmp_path: Path) -> None:
    """Deduplicated logs were one line each among hundreds of files that are not there, with exit code 0."""
    logs = tmp_path / "found" / "C" / "inetpub" / "logs" / "LogFiles" / "W3SVC1"
    logs.mkdir(parents=True)
    (logs / "u_ex210303.log").write_bytes(_LOG)
    case, code = make_case(tmp_path / "found", tmp_path / "case", jobs=1)
    assert (code, passed_over(case)) == (0, [])
    left = case.evidence / "not_collected.jsonl"
    line = '{"definition":"IisLogs","outcome":"excluded","path":"C:\\\\%s","reason":"%s","source":"","volume":""}\n'
    for name, reason in (
        ("b", "deduplicated, not followed"),
        ("a", "deduplicated, not followed"),
        ("c", "mount point"),
    ):
        left.write_text(left.read_text() + line % (name, reason))
    listing = case.evidence / "collected.jsonl"
    listing.write_text(listing.read_text().replace('"flags":[]', '"flags":["encrypted"]'))
    said = passed_over(Case.open(case.root))
    assert len(said) == 2
    assert said[0].startswith("2 files cannot be read where they lie (deduplicated), the first is C:\\a; copy")
    assert said[1].startswith("1 file encrypted by Windows (EFS) and not read, the first is C:\\inetpub")
