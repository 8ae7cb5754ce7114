"""The Exchange logs that show ProxyLogon: rows by their header, quoting undone, nothing swallowed."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from parsers.exchange import ecp_server, httpproxy, oabgenerator
from parsers.exchange.csvline import cells
from parsers.exchange.ecp_server import items
from shellcase.model import Job, Parser
from tests.parsers.stub import Answer, FileSource, answer, write_source

FIELDS = (
    "DateTime,RequestId,UrlStem,AuthenticatedUser,AnchorMailbox,UserAgent,ClientIpAddress,HttpStatus,Method,UrlQuery"
    ",GenericInfo"
)
HEAD = f"#Software: Microsoft Exchange Server\r\n#Log-type: HttpProxy Logs\r\n#Fields: {FIELDS}\r\n"
ROW = (
    "2021-03-03T06:49:42.162Z,id-1,/ecp/y.js,,ServerInfo~a]@ex01:444/ecp/proxyLogon.ecp?#,python-requests/2.25.1,"
    "86.105.18.116,241,POST,,BeginRequest=2021-03-03T06:49:42.100Z;CorrelationID=<empty>;"
)
QUOTED = '2021-03-03T06:49:43.000Z,id-2,/ecp/y.js,,"ServerInfo~a]@ex01:444/x?a=""1"",2\r\n#",UA,::1,200,POST,a=b,Begin'


def read(parser: Parser, raw: str | bytes, folder: Path) -> Answer:
    encoded = raw.encode() if isinstance(raw, str) else raw
    return answer(parser.parse, Job(source=write_source(folder, encoded, "C:\\Logging\\x.LOG")))


def data(row: dict[str, object]) -> dict[str, Any]:
    return dict(json.loads(str(row["data"])))


def by_id(rows: Sequence[dict[str, object]]) -> dict[str, dict[str, object]]:
    return {str(data(row).get("RequestId")): row for row in rows}


def test_a_forged_request_shows_its_anchor_and_both_times(tmp_path: Path) -> None:
    row = read(httpproxy.PARSER, HEAD + ROW + "\r\n", tmp_path).rows[0]
    assert (row["ts_text"], row["ts_means"]) == ("2021-03-03T06:49:42.162Z", "end")
    assert data(row)["begin"] == "2021-03-03T06:49:42.100Z"
    assert data(row)["AnchorMailbox"] == "ServerInfo~a]@ex01:444/ecp/proxyLogon.ecp?#"
    assert (row["http_status"], row["src_ip"], row["user"]) == (241, "86.105.18.116", None)
    assert "ServerInfo~" in str(row["subject"])


def test_the_slow_way_tells_the_same_as_the_fast_one(tmp_path: Path) -> None:
    """A quoted cell must not change what the columns of a row hold."""
    fast = read(httpproxy.PARSER, HEAD + ROW + "\r\n", tmp_path).rows[0]
    slow = read(httpproxy.PARSER, HEAD + ROW.replace("id-1", '"id-1"') + "\r\n", tmp_path).rows[0]
    assert {k: v for k, v in fast.items() if k != "length"} == {k: v for k, v in slow.items() if k != "length"}


def test_a_quoted_cell_may_hold_commas_quotes_and_line_ends(tmp_path: Path) -> None:
    said = read(httpproxy.PARSER, f"{HEAD}{ROW}\r\n{QUOTED}\r\n{ROW}\r\n", tmp_path)
    row = by_id(said.rows)["id-2"]
    assert data(row)["AnchorMailbox"] == 'ServerInfo~a]@ex01:444/x?a="1",2\r\n#'
    assert row["url"] == "/ecp/y.js?a=b"
    assert len(said.rows) == 3
    assert said.ledger.found == said.ledger.parsed


def test_a_row_cut_off_inside_quotes_swallows_no_other_row(tmp_path: Path) -> None:
    """After a crash the log goes on; the row after it must not vanish into an open quote."""
    cut = QUOTED.partition("\r\n")[0]
    said = read(httpproxy.PARSER, f"{HEAD}{ROW}\r\n{cut}\r\n{ROW}\r\n{QUOTED}\r\n{ROW}\r\n", tmp_path)
    ids = [data(row).get("RequestId") for row in said.rows]
    assert ids.count("id-1") == 3
    assert ids.count("id-2") == 1
    assert said.ledger.raw_lines == 1
    assert any(data(row).get("raw") == cut for row in said.rows)


def test_a_line_end_inside_a_cell_forges_no_row(tmp_path: Path) -> None:
    """The attacker's own words hold a line that looks like a row of its own."""
    forged = QUOTED.replace("\r\n#", f"\r\n{ROW}\r\n#")
    said = read(httpproxy.PARSER, f"{HEAD}{forged}\r\n", tmp_path)
    assert [data(row)["RequestId"] for row in said.rows] == ["id-2"]


def test_a_line_end_inside_a_cell_forges_no_header(tmp_path: Path) -> None:
    """Else an attacker could rename the columns of all rows after his own."""
    forged = QUOTED.replace("\r\n#", "\r\n#Fields: DateTime,x,y,z\r\n#")
    said = read(httpproxy.PARSER, f"{HEAD}{forged}\r\n{ROW}\r\n", tmp_path)
    assert {data(row)["RequestId"] for row in said.rows} == {"id-1", "id-2"}
    assert said.ledger.raw_lines == 0


def test_a_row_cut_off_at_the_end_keeps_the_columns_it_has(tmp_path: Path) -> None:
    said = read(httpproxy.PARSER, HEAD + ROW[:90], tmp_path)
    row = said.rows[0]
    assert data(row)["truncated"] is True
    assert data(row)["raw"] == ROW[:90]
    assert str(data(row)["AnchorMailbox"]).startswith("ServerInfo~")
    assert row["ts_text"] == "2021-03-03T06:49:42.162Z"
    assert (said.ledger.found, said.ledger.raw_lines) == (1, 1)


def test_rows_whose_header_is_lost_keep_the_columns_of_every_build(tmp_path: Path) -> None:
    """The first cluster of a log is gone: anchor, client and answer are still told, and so is the loss."""
    cells = [
        "2021-03-03T06:49:42.162Z",
        "id-1",
        "15",
        "1",
        "2106",
        "2",
        "",
        "Ecp",
        "h",
        "/ecp/y.js",
        "",
        "FBA",
        "false",
    ]
    cells += ["", "", "ServerInfo~a]@ex01:444/x?#", "UA", "86.105.18.116", "EX01", "241", "241", "", "POST", "Proxy"]
    said = read(httpproxy.PARSER, ",".join(cells) + "\r\n", tmp_path)
    assert (said.rows[0]["http_status"], said.rows[0]["src_ip"]) == (241, "86.105.18.116")
    assert data(said.rows[0])["AnchorMailbox"] == "ServerInfo~a]@ex01:444/x?#"
    assert data(said.rows[0])["columns"] == "assumed"
    assert [issue.grade for issue in said.issues] == ["odd"]


def test_columns_go_by_the_header_in_force(tmp_path: Path) -> None:
    """A service restart after an update writes another header into the same file; a bare one counts as well."""
    later = "#Fields: DateTime,HttpStatus,UrlStem\r\n2021-03-03T07:00:00.000Z,200,/owa/\r\n"
    bare = "DateTime,UrlStem,HttpStatus\r\n2021-03-03T08:00:00.000Z,/bare/,302\r\n"
    said = read(httpproxy.PARSER, HEAD + ROW + "\r\n" + later + bare, tmp_path)
    assert [(row["url"], row["http_status"]) for row in said.rows] == [
        ("/ecp/y.js", 241),
        ("/owa/", 200),
        ("/bare/", 302),
    ]
    assert said.ledger.found == 3


def test_a_mark_before_a_bare_header_is_no_part_of_it(tmp_path: Path) -> None:
    raw = b"\xef\xbb\xbf" + f"{FIELDS}\r\n#Log-type: HttpProxy Logs\r\n{ROW}\r\n".encode()
    said = read(httpproxy.PARSER, raw, tmp_path)
    assert [row["http_status"] for row in said.rows] == [241]
    assert said.ledger.found == 1


def test_rows_know_where_they_lie(tmp_path: Path) -> None:
    raw = f"{HEAD}{ROW}\r\n{QUOTED}\r\n".encode()
    for row in read(httpproxy.PARSER, raw, tmp_path).rows:
        offset, length = int(str(row["offset"])), int(str(row["length"]))
        assert raw[offset : offset + length].decode() in {ROW, QUOTED}


ECP_HEAD = "#Log-type: ECP Server Log\r\n#Fields: TimeStamp,ServerName,EventId,EventData\r\n"
ECP_ROW = (
    "2021-03-03T06:49:44.000Z,EX01,ECP.Request,\"S:TIME=240;S:SID=aa;'S:CMD=Set-OabVirtualDirectory.ExternalUrl="
    '\'\'http://f/<script language=""JScript"">eval(Request[""x""],""unsafe"");</script>\'\'.Identity=\'\'b;S:c\'\'\''
    ';S:REQID=;S:URL=/ecp/DDI/DDIService.svc/SetObject?msExchEcpCanary=Xy.&schema=OABVirtualDirectory;S:EX="'
)


def test_a_command_of_the_panel_comes_out_as_it_was_given(tmp_path: Path) -> None:
    """The separator inside the quoted command must not end it."""
    row = read(ecp_server.PARSER, ECP_HEAD + ECP_ROW + "\r\n", tmp_path).rows[0]
    assert row["command"] == (
        'Set-OabVirtualDirectory.ExternalUrl=\'http://f/<script language="JScript">'
        'eval(Request["x"],"unsafe");</script>\'.Identity=\'b;S:c\''
    )
    assert data(row)["canary"] == "Xy."
    assert data(row)["REQID"] == ""
    assert data(row)["ServerName"] == "EX01"
    assert "EventData" not in data(row)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("S:A=1;S:B=x;y=2;S:C=", [("A", "1"), ("B", "x;y=2"), ("C", "")]),
        ("'S:A=''q'''", [("A", "'q'")]),
        ("I32:ADS.C[DC]=1;S:A=2", [("I32:ADS.C[DC]", "1"), ("A", "2")]),
        ("no form", [("", "no form")]),
        ("'S:A=never closed;S:B=1", [("", "'S:A=never closed"), ("B", "1")]),
    ],
)
def test_event_data_is_taken_apart(text: str, wanted: list[tuple[str, str]]) -> None:
    assert list(items(text)) == wanted


def test_what_is_no_item_stays_readable(tmp_path: Path) -> None:
    row = read(ecp_server.PARSER, ECP_HEAD + "2021-03-03T06:49:44.000Z,EX01,ECP.Error,went wrong\r\n", tmp_path).rows[0]
    assert data(row)["EventData"] == "went wrong"


def test_the_path_of_a_failed_download_is_named(tmp_path: Path) -> None:
    head = "#Log-type: OAB Generator Log\r\n#Fields: timestamp,recordtype,traceid,oabguid,addresslistguid,message\r\n"
    path = "C:\\Program Files\\Exchange\\FrontEnd\\HttpProxy\\owa\\auth\\a b.aspx"
    message = f"Download failed and temporary file '{path}' needs to be removed"
    row = read(oabgenerator.PARSER, f"{head}2021-03-03T06:49:44.0000001Z,Error,1,2,3,{message}\r\n", tmp_path).rows[0]
    assert row["file_path"] == path
    assert data(row)["file"] == path
    assert row["ts_resolution_ns"] == 100


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", [""]),
        ("a,,b", ["a", "", "b"]),
        ('"a,""b"""', ['a,"b"']),
        ('a"b,c', ['a"b', "c"]),
        ('"a"b', None),
        ('"open', None),
    ],
)
def test_cells_after_rfc_4180(text: str, wanted: list[str] | None) -> None:
    assert cells(text) == wanted


def test_any_short_row_has_the_cells_that_the_grammar_gives_it() -> None:
    """Every text of up to seven commas, quotes and letters, read letter by letter for comparison."""
    grammar = re.compile(r'(?:"((?:[^"]|"")*+)"|((?!")[^,]*+))(,|\Z)', re.DOTALL)

    def slowly(text: str) -> list[str] | None:
        found, at = list[str](), 0
        while match := grammar.match(text, at):
            found.append(match[2] if match[1] is None else match[1].replace('""', '"'))
            if not match[3]:
                return found
            at = match.end()
        return None

    texts = ["".join(letters) for size in range(8) for letters in product('a,"', repeat=size)]
    assert [t for t in texts if cells(t) != slowly(t)] == []


def test_published_samples_are_read_without_a_raw_row(shared_dir: Path) -> None:
    folder = shared_dir / "corpora" / "derived" / "artefacts-help-exchange"
    logs = sorted(folder.rglob("HttpProxy_*.LOG"))
    assert len(logs) == 8
    for log in logs:
        said = answer(httpproxy.PARSER.parse, Job(source=FileSource(log)))
        assert said.ledger.raw_lines == 0, log.name
        assert all(data(row)["begin"] <= str(row["ts_text"]) for row in said.rows)
    said = answer(ecp_server.PARSER.parse, Job(source=FileSource(folder / "ECPServer20230111-1.LOG")))
    assert said.rows[0]["command"] == "Get-InboxRule"
