"""IIS logs: every line a client could cause comes out, with its fields where they belong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parsers.iis.repair import repair
from parsers.iis.w3c import PARSER
from parsers.lines import SPAN, split
from shellcase.model import Job
from tests.parsers.samples import IIS_FIELDS
from tests.parsers.stub import Answer, FileSource, answer, write_source

PATH = "C:\\inetpub\\logs\\LogFiles\\W3SVC1\\u_ex210303.log"
HEAD = f"#Software: Microsoft Internet Information Services 10.0\r\n#Fields: {IIS_FIELDS}\r\n"
PLAIN = "2021-03-03 06:49:42 10.0.0.5 POST /ecp/y.js - 443 - 86.105.18.116 python-requests/2.25.1 - 241 0 0 31"
# Each line and what must stand in it: user, path, status, user agent.
STRANGE = {
    "space in user": (
        "2021-03-03 06:49:42 10.0.0.5 GET /ews/ - 443 CORP\\anna b smith 10.1.1.1 UA - 200 0 0 3",
        ("CORP\\anna b smith", "/ews/", 200, "UA"),
    ),
    "marks in the user agent": (
        "2021-03-03 06:49:42 10.0.0.5 GET /owa/ - 443 - 10.1.1.1 {~*'!}#\"<x> - 302 0 0 3",
        (None, "/owa/", 302, "{~*'!}#\"<x>"),
    ),
    "marks in the path": (
        "2021-03-03 06:49:42 10.0.0.5 GET /a~!`|^[]{}\\b - 443 - 10.1.1.1 UA - 404 0 0 3",
        (None, "/a~!`|^[]{}\\b", 404, "UA"),
    ),
    "spaces in user agent and user": (
        "2021-03-03 06:49:42 10.0.0.5 GET /x - 443 CORP\\a b 10.1.1.1 Two words - 200 0 0 3",
        ("CORP\\a b", "/x", 200, "Two words"),
    ),
    "unicode in the path": (
        "2021-03-03 06:49:42 10.0.0.5 GET /ä\u202etxt - 443 - 10.1.1.1 UA - 200 0 0 3",
        (None, "/ä\u202etxt", 200, "UA"),
    ),
}


def read(raw: bytes, folder: Path, path: str = PATH) -> Answer:
    return answer(PARSER.parse, Job(source=write_source(folder, raw, path)))


def data(row: dict[str, object]) -> dict[str, Any]:
    return dict(json.loads(str(row["data"])))


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_line_is_read_field_by_field(name: str, tmp_path: Path) -> None:
    line, wanted = STRANGE[name]
    said = read((HEAD + PLAIN + "\r\n" + line + "\r\n").encode(), tmp_path)
    row = next(row for row in said.rows if row["locator"] == "line 4")
    assert (row["user"], row["url"], row["http_status"], row["user_agent"]) == wanted
    assert said.ledger.raw_lines == 0
    assert data(row).get("repaired") is (True if "space" in name else None)


def test_a_field_of_one_character_is_empty_only_where_that_is_a_dash(tmp_path: Path) -> None:
    """Enough lines to be cut by columns: a user, a query or an agent of one character would be lost among them."""
    pair = (PLAIN, "2021-03-03 06:49:42 10.0.0.5 GET /x 1 443 a 10.1.1.1 b - 200 0 0 3")
    rows = read((HEAD + "\r\n".join(pair * 100) + "\r\n").encode(), tmp_path).rows
    said = [(row["user"], row["url"], row["user_agent"]) for row in rows]
    assert said == [(None, "/ecp/y.js", "python-requests/2.25.1"), ("a", "/x?1", "b")] * 100


def test_a_plain_line_fills_every_column(tmp_path: Path) -> None:
    query = "CorrelationID=<empty>;&cafeReqId=8a1f;&encoding=;"
    row = read((HEAD + PLAIN.replace("y.js -", f"y.js {query}") + "\r\n").encode(), tmp_path).rows[0]
    assert row["ts_text"] == "2021-03-03 06:49:42"
    assert (row["ts_means"], row["ts_resolution_ns"]) == ("end", 10**9)
    assert row["url"] == f"/ecp/y.js?{query}"
    assert (row["src_ip"], row["http_method"], row["http_status"]) == ("86.105.18.116", "POST", 241)
    assert row["user"] is None
    assert data(row)["cafeReqId"] == "8a1f"
    assert data(row)["site"] == "W3SVC1"
    assert data(row)["time-taken"] == "31"


def test_bytes_that_are_no_text_are_shown_not_lost(tmp_path: Path) -> None:
    raw = (HEAD + PLAIN).encode().replace(b"y.js", b"y\xff\x00\xfe.js")
    assert read(raw, tmp_path).rows[0]["url"] == "/ecp/y\\xff\\x00\\xfe.js"


def test_a_line_that_fits_nothing_is_kept_as_it_is(tmp_path: Path) -> None:
    said = read((HEAD + PLAIN + "\r\nwhat is this\r\n" + PLAIN[:40]).encode(), tmp_path)
    raw = [row for row in said.rows if "raw" in data(row)]
    assert [data(row)["raw"] for row in raw] == ["what is this", PLAIN[:40]]
    assert [row["ts_text"] for row in raw] == ["", "2021-03-03 06:49:42"]
    assert (said.ledger.found, said.ledger.parsed, said.ledger.raw_lines) == (3, 3, 2)
    assert [issue.grade for issue in said.issues] == ["odd", "odd"]


def test_lines_whose_header_is_lost_are_read_as_iis_writes_by_default(tmp_path: Path) -> None:
    """The first cluster of a log is gone: the requests in the rest are still requests, and the loss is said."""
    said = read(b"2021-03-03 06:49:42 10.0.0.5 POST /a.aspx x=1 443 - 86.105.18.116 UA - 200 0 0 31\r\n", tmp_path)
    row = said.rows[0]
    assert (row["url"], row["src_ip"], row["http_status"]) == ("/a.aspx?x=1", "86.105.18.116", 200)
    assert json.loads(str(row["data"]))["columns"] == "assumed"
    assert [issue.grade for issue in said.issues] == ["odd"]


def test_a_date_no_clock_shows_is_no_date(tmp_path: Path) -> None:
    said = read((HEAD + PLAIN.replace("2021", "9999", 1) + "\r\n" + PLAIN + "\r\n").encode(), tmp_path)
    assert sorted(bool(row["ts"]) for row in said.rows) == [False, True]
    assert said.ledger.raw_lines == 1


def test_the_header_may_change_inside_a_file(tmp_path: Path) -> None:
    short = "#Fields: date time c-ip cs-uri-stem sc-status\r\n2021-03-03 07:00:00 10.9.9.9 /later 404\r\n"
    rows = read((HEAD + PLAIN + "\r\n" + short + HEAD + PLAIN + "\r\n").encode(), tmp_path).rows
    assert [row["url"] for row in rows] == ["/ecp/y.js", "/later", "/ecp/y.js"]


def test_mark_nul_padding_and_line_ends_do_not_matter(tmp_path: Path) -> None:
    """A byte order mark, LF for CRLF, a preallocated tail: the same row."""
    plain = (HEAD + PLAIN + "\r\n").encode()
    wanted = {k: v for k, v in read(plain, tmp_path).rows[0].items() if k != "offset"}
    for other in (b"\xef\xbb\xbf" + plain, plain.replace(b"\r\n", b"\n"), plain + b"\0" * 70_000, plain.rstrip()):
        said = read(other, tmp_path)
        assert [{k: v for k, v in row.items() if k != "offset"} for row in said.rows] == [wanted]
        offset, length = int(str(said.rows[0]["offset"])), int(str(said.rows[0]["length"]))
        assert other[offset : offset + length] == PLAIN.encode()
        assert said.ledger.found == 1


def test_utf16_lines_keep_their_own_offsets(tmp_path: Path) -> None:
    raw = b"\xff\xfe" + (HEAD + PLAIN + "\r\n").encode("utf-16-le")
    row = read(raw, tmp_path).rows[0]
    offset, length = int(str(row["offset"])), int(str(row["length"]))
    assert raw[offset : offset + length].decode("utf-16-le").rstrip("\r") == PLAIN


@given(raw=st.binary(min_size=1, max_size=60).filter(lambda b: not {10, 13, 32} & set(b)))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("field", [b"/ecp/y.js", b"python-requests/2.25.1"])
def test_no_bytes_a_client_sends_move_the_other_fields(field: bytes, raw: bytes, tmp_path: Path) -> None:
    """In the path and in the user agent; the line before and the line behind stay as they are."""
    line = PLAIN.encode().replace(field, b"/" + raw)
    said = read(b"\r\n".join([HEAD.encode() + PLAIN.encode(), line, PLAIN.encode(), b""]), tmp_path)
    rows = sorted(said.rows, key=lambda row: int(str(row["offset"])))
    assert (len(rows), said.ledger.raw_lines) == (3, 0)
    assert (rows[1]["src_ip"], rows[1]["http_status"], rows[1]["http_method"]) == ("86.105.18.116", 241, "POST")
    assert data(rows[0]) == data(rows[2]) != data(rows[1])


@given(
    words=st.lists(st.text(st.characters(codec="ascii", exclude_characters=" \r\n\0#"), min_size=1), min_size=1),
    status=st.integers(100, 599),
)
@settings(max_examples=150, deadline=None)
def test_any_user_name_between_port_and_address_is_given_back(words: list[str], status: int) -> None:
    user = " ".join(words)[:400]
    fields = IIS_FIELDS.split(" ")
    line = f"2021-03-03 06:49:42 10.0.0.5 GET /x - 443 {user} 10.1.1.1 UA - {status} 0 0 3"
    values = repair(fields, line.split(" "))
    assert values is not None
    assert " ".join(values) == line
    assert dict(zip(fields, values, strict=True))["sc-status"] == str(status)


def test_parts_of_a_big_file_know_their_header_and_line_numbers(tmp_path: Path) -> None:
    count = (SPAN + (1 << 20)) // (len(PLAIN) + 2)
    file = tmp_path / "big.log"
    file.write_bytes((HEAD + (PLAIN + "\r\n") * count).encode())
    source = FileSource(file, PATH)
    spans = split(source)
    assert len(spans) == 2
    part = answer(PARSER.parse, Job(source=source, span=spans[1]))
    assert part.ledger.raw_lines == 0
    assert part.rows[-1]["locator"] == f"line {count + 2}"
    assert part.rows[0]["offset"] == spans[1].offset


def test_real_logs_that_lose_lines_elsewhere_lose_none_here(shared_dir: Path) -> None:
    """Of these, other parsers drop the lines with a space before the user name."""
    folder = shared_dir / "corpora" / "plaso" / "test_data" / "iis"
    wanted = {
        "iis10_edge_cases.log": 15,
        "iis6.log": 12,
        "iis7_sqli.log": 2,
        "iis_without_date.log": 11,
        "iis10.log": 1,
        "iis10_cookies.log": 3,
        "iis7_owa.log": 3,
    }
    for name, count in wanted.items():
        said = answer(PARSER.parse, Job(source=FileSource(folder / name)))
        assert (len(said.rows), said.ledger.raw_lines) == (count, 0), name
        assert all(row["ts"] for row in said.rows)


def test_the_day_of_a_log_without_dates_comes_from_its_header(shared_dir: Path) -> None:
    file = shared_dir / "corpora" / "plaso" / "test_data" / "iis" / "iis_without_date.log"
    row = answer(PARSER.parse, Job(source=FileSource(file))).rows[-1]
    assert row["ts_text"] == "2013-07-30 00:00:13"
    assert row["ts_zone"] == "UTC by format, day from #Date"
