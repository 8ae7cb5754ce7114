"""IIS logs in other forms than W3C, and the kernel's own: every line comes out, local times by the server's zone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import parsers
from parsers.iis import httperr, native, ncsa, w3c
from shellcase.model import HostFacts, Job, Parser
from shellcase.zones import Zone
from tests.parsers import samples_exchange as samples
from tests.parsers.one_byte import BERLIN, check_one_byte
from tests.parsers.stub import Answer, FileSource, answer, corpora, write_source
from tests.tools import need_shared

FOLDER = "C:\\inetpub\\logs\\LogFiles\\W3SVC1\\"
_QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(parser: Parser, raw: bytes, folder: Path, zone: Zone | None = None) -> Answer:
    job = Job(source=write_source(folder, raw, FOLDER + "x.log"), host=HostFacts(zone=zone))
    return answer(parser.parse, job)


def data(row: dict[str, object]) -> dict[str, Any]:
    return dict(json.loads(str(row["data"])))


def test_a_refused_request_says_why_and_by_which_pool(tmp_path: Path) -> None:
    said = read(httperr.PARSER, samples.HTTPERR(), tmp_path)
    first, idle = said.rows
    assert (first["src_ip"], first["url"], first["http_status"]) == ("86.105.18.116", "/ecp/y.js", 503)
    assert first["subject"] == "POST /ecp/y.js 503 AppOffline"
    assert data(first)["s-queuename"] == "PoolECP"
    assert (idle["url"], idle["http_status"], data(idle)["s-reason"]) == (None, None, "Timer_ConnectionIdle")
    assert (said.ledger.found, said.ledger.raw_lines, said.issues) == (2, 0, [])


def test_a_kernel_log_whose_header_is_lost_is_read_by_the_usual_fields(tmp_path: Path) -> None:
    body = b"\r\n".join(samples.HTTPERR().splitlines()[3:])
    row = read(httperr.PARSER, body, tmp_path).rows[0]
    assert (data(row)["columns"], row["http_status"], data(row)["s-reason"]) == ("assumed", 503, "AppOffline")


def test_the_offset_in_an_ncsa_line_makes_its_time_utc(tmp_path: Path) -> None:
    row = read(ncsa.PARSER, samples.NCSA(), tmp_path).rows[0]
    assert (str(row["ts"]), row["ts_text"]) == ("2021-03-03 06:49:00+00:00", "03/Mar/2021:07:49:00 +0100")
    assert (row["user"], row["url"], row["http_status"]) == ("EXAMPLE\\a b", '/ecp/y.js?a="b', 241)


def test_a_combined_line_gives_referrer_and_agent_too(tmp_path: Path) -> None:
    line = samples.NCSA().splitlines()[0] + b' "https://a/" "python-requests/2.25.1"'
    row = read(ncsa.PARSER, line, tmp_path).rows[0]
    assert (row["user_agent"], data(row)["referer"], row["http_status"]) == (
        "python-requests/2.25.1",
        "https://a/",
        241,
    )


def test_a_native_line_is_local_time_of_the_server(tmp_path: Path) -> None:
    row = read(native.PARSER, samples.NATIVE(), tmp_path, BERLIN).rows[0]
    assert (str(row["ts"]), row["ts_zone"]) == ("2021-03-03 06:49:00+00:00", "W. Europe Standard Time (test)")
    assert (row["url"], row["http_method"], row["http_status"]) == ("/ecp/y.js?a=b", "POST", 241)


def test_a_native_line_without_a_known_zone_has_bounds_only(tmp_path: Path) -> None:
    row = read(native.PARSER, samples.NATIVE(), tmp_path).rows[0]
    assert row["ts"] is None
    assert (str(row["ts_low"]), str(row["ts_high"])) == ("2021-03-02 17:49:00+00:00", "2021-03-03 19:49:00+00:00")


def test_a_native_line_of_the_repeated_hour_carries_both_instants(tmp_path: Path) -> None:
    line = samples.NATIVE().splitlines()[0].replace(b"03/03/21, 7:49", b"10/31/21, 2:30") + b"\r\n"
    row = read(native.PARSER, line, tmp_path, BERLIN).rows[0]
    assert (str(row["ts_low"]), str(row["ts_high"])) == ("2021-10-31 00:30:00+00:00", "2021-10-31 01:30:00+00:00")


@pytest.mark.real
@pytest.mark.parametrize(
    ("file", "parser", "rows"),
    [
        ("iis_access/iis.log", native.PARSER, 2),
        ("iis_access_ncsa/iis_ncsa.log", ncsa.PARSER, 4),
        ("iis_access_w3c/iis_w3c.log", w3c.PARSER, 5),
    ],
)
def test_published_samples_are_known_by_their_content_and_read_whole(file: str, parser: Parser, rows: int) -> None:
    path = corpora() / "gulp/samples" / file
    need_shared(path.is_file(), path)
    first = path.read_bytes()[:4096]
    takers = [p.name for p in parsers.load() if "IisLogs" in p.definitions and p.recognises(first, FOLDER + "x.log")]
    said = answer(parser.parse, Job(source=FileSource(path, FOLDER + "x.log"), host=HostFacts(zone=BERLIN)))
    assert takers == [parser.name]
    assert (said.ledger.found, said.ledger.parsed, said.ledger.raw_lines, len(said.rows)) == (rows, rows, 0, rows)


_SOUND = [(httperr.PARSER, samples.HTTPERR), (ncsa.PARSER, samples.NCSA), (native.PARSER, samples.NATIVE)]


@pytest.mark.parametrize(("parser", "make"), _SOUND, ids=lambda v: getattr(v, "name", ""))
@given(chance=st.data())
@_QUICK
def test_one_changed_byte_costs_one_line_at_most(
    parser: Parser, make: Callable[[], bytes], chance: st.DataObject, tmp_path: Path
) -> None:
    check_one_byte(parser, make(), FOLDER + "x.log", tmp_path, chance)
