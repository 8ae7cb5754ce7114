"""Exchange's text logs under headers and times of another form than usual."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from parsers.exchange import ecp_server, httpproxy, oabgenerator, setup_log
from shellcase.model import Job, Span
from tests.parsers.stub import Answer, answer, write_source

PATH = "C:\\Program Files\\Microsoft\\Exchange Server\\V15\\Logging\\HttpProxy\\Ecp\\HttpProxy_2021030306-1.LOG"
NAMES = "DateTime,RequestId,UrlStem,AuthenticatedUser,ClientIpAddress,HttpStatus,Method,MajorVersion"
OTHER = "MajorVersion,Method,DateTime,RequestId,UrlStem,ClientIpAddress,HttpStatus"
ROW = "2021-03-03T06:49:42.162Z,8a1f,/ecp/y.js,,86.105.18.116,241,POST,15"
TURNED = "15,POST,2021-03-03T06:49:43.000Z,8a20,/ecp/y.js,86.105.18.116,241"


def read(lines: list[str], folder: Path, span: Span | None = None) -> Answer:
    raw = "".join(f"{line}\r\n" for line in lines).encode()
    return answer(httpproxy.PARSER.parse, Job(source=write_source(folder, raw, PATH), span=span))


def data(row: dict[str, object]) -> dict[str, Any]:
    return dict(json.loads(str(row["data"])))


@pytest.mark.parametrize("few", [1, 80], ids=["line by line", "by columns"])
def test_a_bare_header_in_another_order_holds_from_its_line_on(few: int, tmp_path: Path) -> None:
    """A build that was set up anew goes on in the same file; its rows had the columns of the old one."""
    said = read([NAMES, *[ROW] * few, OTHER, *[TURNED] * few], tmp_path)
    assert said.ledger.found == said.ledger.parsed == 2 * few
    assert said.ledger.raw_lines == 0
    assert not said.issues
    assert {(r["http_method"], r["url"], r["src_ip"]) for r in said.rows} == {("POST", "/ecp/y.js", "86.105.18.116")}
    assert data(said.rows[-1])["RequestId"] == "8a20"


def test_a_part_of_a_log_knows_the_header_in_another_order_in_front_of_it(tmp_path: Path) -> None:
    before = sum(len(line) + 2 for line in (NAMES, ROW, OTHER))
    said = read([NAMES, ROW, OTHER, TURNED], tmp_path, Span(before, len(TURNED) + 2))
    assert [(r["http_method"], r["locator"]) for r in said.rows] == [("POST", "line 4")]


def test_a_row_whose_first_value_is_named_like_a_column_is_no_header(tmp_path: Path) -> None:
    said = read([NAMES, "Method,GET,/x,,10.0.0.1,200,GET,15", "Method,DateTime,a b"], tmp_path)
    assert (said.ledger.found, said.ledger.raw_lines) == (2, 2)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2021-03-03T08:49:42.162+02:00", "2021-03-03 06:49:42.162000+00:00"),
        ("2021-03-03T01:19:42.162-0530", "2021-03-03 06:49:42.162000+00:00"),
        ("2021-03-04T00:49:42+14:00", "2021-03-03 10:49:42+00:00"),
    ],
)
@pytest.mark.parametrize("few", [1, 80], ids=["line by line", "by columns"])
def test_a_time_that_names_its_offset_is_told_in_utc(text: str, wanted: str, few: int, tmp_path: Path) -> None:
    """Such rows stood at no place of the timeline."""
    said = read([NAMES, *[ROW] * few, ROW.replace("2021-03-03T06:49:42.162Z", text)], tmp_path)
    row = said.rows[-1]
    assert (str(row["ts"]), row["ts_text"]) == (wanted, text)
    assert str(row["ts_zone"]).startswith("UTC by the offset ")
    assert {r["ts_zone"] for r in said.rows[:-1]} == {"UTC by format"}
    assert (said.ledger.raw_lines, row["url"]) == (0, "/ecp/y.js")


@pytest.mark.parametrize("text", ["2021-03-03T08:49:42.162+25:00", "2021-03-03+02:00", "x2021-03-03T08:49:42+02:00"])
def test_no_instant_is_made_of_a_time_that_is_none(text: str, tmp_path: Path) -> None:
    said = read([NAMES, ROW.replace("2021-03-03T06:49:42.162Z", text)], tmp_path)
    assert (said.rows[0]["ts"], said.ledger.raw_lines) == (None, 1)


def test_other_logs_read_offsets_too(tmp_path: Path) -> None:
    head = b"#Log-type: ECP Server Log\r\n#Fields: TimeStamp,ServerName,EventId,EventData\r\n"
    raw = head + b"2021-03-03T08:49:42+02:00,EX01,x,\r\n"
    said = answer(ecp_server.PARSER.parse, Job(source=write_source(tmp_path, raw, "C:\\ECPServer20210303-1.LOG")))
    assert str(said.rows[0]["ts"]) == "2021-03-03 06:49:42+00:00"


def test_a_build_that_calls_the_time_otherwise_is_read(tmp_path: Path) -> None:
    """Every row was kept as raw text, the file left behind was not named."""
    left = "C:\\inetpub\\wwwroot\\aspnet_client\\x.aspx"
    raw = (
        "#Log-type: OAB Generator Log\r\n#Fields: DateTime,Thread,Level,Data\r\n"
        f"2021-03-03T06:00:00.100Z,5,Info,Download failed and temporary file '{left}' needs to be removed\r\n"
    )
    source = write_source(tmp_path, raw.encode(), "C:\\Logging\\OABGeneratorLog\\a.log")
    said = answer(oabgenerator.PARSER.parse, Job(source=source))
    assert (str(said.rows[0]["ts"]), said.rows[0]["file_path"]) == ("2021-03-03 06:00:00.100000+00:00", left)
    assert said.ledger.raw_lines == 0


@pytest.mark.parametrize("text", ["03/08/2025 14:05:06.0123", "03.08.2025 14:05:06.0123", "03-08-2025 14.05.06.0123"])
def test_setup_writes_its_stamps_with_the_signs_of_the_region(text: str, tmp_path: Path) -> None:
    """On a German server no step had a time."""
    raw = f"[{text}] [0] Starting Microsoft Exchange Server Subscription Edition Setup\r\n".encode()
    assert setup_log.PARSER.recognises(raw, "C:\\copy.txt")
    said = answer(setup_log.PARSER.parse, Job(source=write_source(tmp_path, raw, "C:\\ExchangeSetup.log")))
    assert (str(said.rows[0]["ts"])[:19], said.rows[0]["ts_text"]) == ("2025-03-08 14:05:06", text)


def test_a_setup_stamp_that_has_the_day_first_is_not_turned_round(tmp_path: Path) -> None:
    raw = b"[13.02.2021 04:05:06.0123] [0] Starten\r\n"
    said = answer(setup_log.PARSER.parse, Job(source=write_source(tmp_path, raw, "C:\\ExchangeSetup.log")))
    assert (said.rows[0]["ts"], said.ledger.raw_lines) == (None, 1)
