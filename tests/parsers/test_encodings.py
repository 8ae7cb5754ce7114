"""Text whose encoding nothing announces: the mark is lost with the file's front, or was never written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from parsers.defender import mplog
from parsers.exchange import textlog
from parsers.execution import tasks
from parsers.iis import w3c
from parsers.lines import SPAN, split
from shellcase.model import Job
from tests.parsers import execution_build as build
from tests.parsers.stub import answer, write_source

LOG = "C:\\inetpub\\logs\\LogFiles\\W3SVC1\\u_ex210303.log"
TEXT = "#Fields: date time cs-method cs-uri-stem\r\n2021-03-03 06:49:42 POST /ecp/y.js\r\n"


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_a_log_in_utf16_without_a_mark_is_read(codec: str, tmp_path: Path) -> None:
    """It was one line nobody could read."""
    raw = TEXT.encode(codec)
    said = answer(w3c.PARSER.parse, Job(source=write_source(tmp_path, raw, LOG)))
    (row,) = said.rows
    assert (row["url"], said.ledger.raw_lines, said.ledger.bytes_seen) == ("/ecp/y.js", 0, len(raw))
    offset, length = int(str(row["offset"])), int(str(row["length"]))
    assert raw[offset : offset + length].decode(codec) == TEXT.splitlines()[1]


def test_the_antiviruss_log_of_detections_is_read_without_its_mark(tmp_path: Path) -> None:
    raw = "2021-03-03T06:00:01.123Z DETECTION_ADD Backdoor:ASP/X file:C:\\x.aspx\r\n".encode("utf-16-le")
    said = answer(mplog.PARSER.parse, Job(source=write_source(tmp_path, raw, "C:\\MPDetection-20210303-060000.log")))
    assert [row["ts_text"] for row in said.rows] == ["2021-03-03T06:00:01.123Z"]
    assert said.ledger.raw_lines == 0


def test_bytes_that_only_hold_zeros_are_no_utf16(tmp_path: Path) -> None:
    raw = b"\0\0\0\0" + TEXT.encode()
    said = answer(w3c.PARSER.parse, Job(source=write_source(tmp_path, raw, LOG)))
    assert [row["url"] for row in said.rows] == ["/ecp/y.js"]


def test_a_big_log_in_utf16_stays_whole(tmp_path: Path) -> None:
    raw = (TEXT + "x" * 78 + "\r\n").encode("utf-16-le") * (SPAN // 320 + 20_000)
    assert len(raw) > SPAN
    assert len(split(write_source(tmp_path, raw, LOG))) == 1


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_a_task_in_utf16_without_a_mark_is_read(codec: str, tmp_path: Path) -> None:
    raw = build.task("cmd.exe", "/c whoami").decode("utf-16").encode(codec)
    source = write_source(tmp_path, raw, "C:\\Windows\\System32\\Tasks\\Winnet")
    assert tasks.PARSER.recognises(raw[:4096], source.path)
    said = answer(tasks.PARSER.parse, Job(source=source))
    (action,) = [e for e in said.events if e.kind == tasks.ACTION]
    assert action.command == "cmd.exe /c whoami"
    assert said.ledger.failed == 0


def test_the_client_of_a_mailbox_protocol_is_an_address_to_filter_by(tmp_path: Path) -> None:
    head = "#Log-type: POP3 Log\r\n#Fields: dateTime,sessionId,seqNumber,sIp,cIp,user,command,context\r\n"
    row = "2021-03-03T06:00:01.123Z,01,1,10.0.0.5:995,203.0.113.7:50124,anna,pass,Msg=AuthFailed\r\n"
    source = write_source(tmp_path, (head + row).encode(), "C:\\POP320210303-1.LOG")
    (told,) = answer(textlog.PARSER.parse, Job(source=source)).rows
    assert (told["src_ip"], told["user"]) == ("203.0.113.7", "anna")
    assert json.loads(str(told["data"]))["cIp"] == "203.0.113.7:50124"
