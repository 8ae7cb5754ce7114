"""Exchange's further logs: panel activity, cmdlets, audit queue, mail flow, setup, and what mitigation tools left."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import parsers
from parsers.exchange import eomt, httpproxy, msert, setup_log, textlog
from shellcase.model import Job
from tests.parsers import samples_exchange as samples
from tests.parsers.one_byte import check_one_byte, read
from tests.parsers.stub import FileSource, answer, corpora
from tests.tools import need_shared

Form = Callable[[Callable[[], bytes]], Callable[[], bytes]]
_QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
_LOGS = corpora() / "derived/artefacts-help-exchange"
# file: kind, rows, and what the first row must show
_PUBLISHED: dict[str, tuple[str, int, dict[str, object]]] = {
    "AgentLog20220913-1.LOG": ("exchange.agent.action", 2, {"src_ip": "95.11.22.33"}),
    "ECPActivity_11500_20230111-1.LOG": ("exchange.ecp.activity", 2, {"user": "HealthMailboxXXX@domain.com"}),
    "Ews_2023010616-1.LOG": ("exchange.ews.request", 1, {"http_status": 200, "src_ip": "::1"}),
    "MSGTRKMS2022091915-1.LOG": ("exchange.tracking.event", 2, {"user": "user.name1@domain.com"}),
    "RECV2023011116-1.LOG": ("exchange.smtp.receive", 16, {"src_ip": "95.10.20.33"}),
    "Rps_Cmdlet_2023011116-1.LOG": ("exchange.cmdletinfra.cmdlet", 1, {"command": 'Get-Mailbox -ResultSize "1"'}),
    "audit20230111-1.LOG": ("exchange.audit.record", 1, {"user": "AUTORITE NT\\Système (MSExchangeHMHost)"}),
}


def data(row: dict[str, object]) -> dict[str, Any]:
    return dict(json.loads(str(row["data"])))


@pytest.mark.real
@pytest.mark.parametrize("name", _PUBLISHED)
def test_published_samples_are_told_apart_and_read_whole(name: str) -> None:
    """Each by one parser, every row by its columns, the timeline's own columns filled."""
    need_shared((_LOGS / name).is_file(), _LOGS / name)
    kind, rows, shown = _PUBLISHED[name]
    path, first = "C:\\Logging\\" + name, (_LOGS / name).read_bytes()[:4096]
    takers = [p.name for p in parsers.load() if p.name.startswith("exchange") and p.recognises(first, path)]
    said = answer(textlog.PARSER.parse, Job(source=FileSource(_LOGS / name, path)))
    assert takers == ["exchange.textlog"]
    assert (said.ledger.found, said.ledger.parsed, said.ledger.raw_lines) == (rows, rows, 0)
    assert {row["kind"] for row in said.rows} == {kind}
    assert {column: said.rows[0][column] for column in shown} == shown


@pytest.mark.real
@pytest.mark.parametrize("name", ["Autodiscover", "Eas", "Ecp", "Ews", "Mapi", "Owa", "PowerShell", "RpcHttp"])
def test_every_protocol_has_both_ends_of_its_requests(name: str) -> None:
    """End from DateTime, begin from GenericInfo, in the order of time."""
    files = sorted((_LOGS / name).glob("*.LOG"))
    need_shared(files, _LOGS / name)
    for file in files:
        path = f"C:\\Logging\\HttpProxy\\{name}\\{file.name}"
        assert httpproxy.PARSER.recognises(file.read_bytes()[:4096], path)
        for row in answer(httpproxy.PARSER.parse, Job(source=FileSource(file, path))).rows:
            assert row["ts_means"] == "end"
            assert data(row)["begin"] <= data(row)["DateTime"]


def test_a_log_of_unknown_type_is_read_by_its_header(tmp_path: Path) -> None:
    path = "C:\\Logging\\CmdletInfra\\Powershell-Proxy\\AuthZ\\a.LOG"
    said = read(textlog.PARSER, samples.OTHER(), path, tmp_path)
    row = said.rows[0]
    assert (row["kind"], data(row)["Function"], row["ts_text"]) == (
        "exchange.log.row",
        "AuthorizeUser",
        "2021-03-03T06:49:00.162Z",
    )


@pytest.mark.parametrize(
    ("raw", "kind", "found"),
    [
        (b"#Software: Microsoft Exchange Server\r\n#Date: 2021-03-02T00:00:00Z\r\n", None, 0),
        (b"DateTime,ProcessId,Note\r\n2021-03-02T00:00:00.000Z,1,x\r\n", "exchange.log.row", 1),
    ],
    ids=["no columns", "bare columns"],
)
def test_a_log_with_half_a_header_is_read_too(raw: bytes, kind: str | None, found: int, tmp_path: Path) -> None:
    path = "C:\\Program Files\\Microsoft\\Exchange Server\\V15\\Logging\\ADDriver\\ADDriver_20210302.log"
    assert textlog.PARSER.recognises(raw, path)
    said = read(textlog.PARSER, raw, path, tmp_path)
    assert (said.ledger.found, said.ledger.raw_lines, [r["kind"] for r in said.rows]) == (found, 0, [kind] * found)


def test_a_log_whose_header_is_lost_is_known_by_its_name(tmp_path: Path) -> None:
    path = "C:\\TransportRoles\\Logs\\RECV2021030306-1.LOG"
    body = b"\r\n".join(samples.RECEIVE().splitlines()[5:])
    assert textlog.PARSER.recognises(body[:4096], path)
    row = read(textlog.PARSER, body, path, tmp_path).rows[0]
    assert (row["kind"], row["src_ip"], data(row)["columns"]) == ("exchange.smtp.receive", "fe80::1%3", "assumed")


def test_an_audit_record_shows_the_command_and_that_its_inner_time_is_local(tmp_path: Path) -> None:
    said = read(textlog.PARSER, samples.AUDIT(), "C:\\Logging\\LocalQueue\\Exchange\\audit20210303-1.LOG", tmp_path)
    row = said.rows[0]
    assert row["command"] == 'Set-OabVirtualDirectory -Identity "x"'
    assert (row["ts_text"], data(row)["creation_local"]) == ("2021-03-03T06:49:00.162Z", "2021-03-03T07:49:00")


def test_setup_says_what_was_installed_by_whom_and_both_readings_of_its_clock(tmp_path: Path) -> None:
    said = read(setup_log.PARSER, samples.SETUP(), "C:\\ExchangeSetupLogs\\ExchangeSetup.log", tmp_path)
    version, user, last = said.rows[2], said.rows[3], said.rows[5]
    assert (data(version)["version"], user["user"]) == ("15.1.2176.2", "EXAMPLE\\admin")
    assert (str(version["ts"]), str(version["ts_low"])) == (
        "2021-03-02 19:08:11.391000+00:00",
        "2021-03-02 18:08:11.391000+00:00",
    )
    assert (last["ts"], data(last)) == (None, {"raw": "          Write-ExchangeSetupLog -Info 'x'"})
    assert (said.ledger.found, said.ledger.raw_lines, said.issues) == (6, 1, [])


@pytest.mark.parametrize("form", [lambda m: m, samples.wide], ids=["bytes", "utf-16"])
def test_the_mitigation_tools_times_are_the_servers(form: Form, tmp_path: Path) -> None:
    said = read(eomt.PARSER, form(samples.EOMT)(), "C:\\Windows\\Temp\\msert\\EOMT.log", tmp_path)
    row = said.rows[1]
    assert (str(row["ts"]), data(row)["level"], data(row)["text"]) == (
        "2021-03-15 13:02:12+00:00",
        "WARNING",
        "EX01 is vulnerable",
    )


@pytest.mark.parametrize("form", [lambda m: m, samples.wide], ids=["bytes", "utf-16"])
def test_the_scanner_names_the_shell_it_removed_and_when_at_the_latest(form: Form, tmp_path: Path) -> None:
    said = read(msert.PARSER, form(samples.MSERT)(), "C:\\Windows\\debug\\msert.log", tmp_path)
    found = next(e for e in said.events if e.file_path)
    assert found.file_path == "C:\\inetpub\\wwwroot\\aspnet_client\\discover.aspx"
    assert found.data["threat"] == "Exploit:Script/Exmann.A!dha"
    assert (found.when.ns, found.when.high, found.when.means) == (1615297357 * 10**9, 1615298562 * 10**9, "bucket")
    assert [s.role for s in found.origin.spans] == ["record", "context", "context", "context"]
    assert (said.ledger.found, said.ledger.parsed) == (10, 10)


_EACH = [
    (textlog.PARSER, path, make) for path, make in samples.SAMPLES["exchange.textlog"]
] + [
    (parser, path, make)
    for parser in (setup_log.PARSER, eomt.PARSER, msert.PARSER)
    for path, make in samples.SAMPLES[parser.name]
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(_EACH)))
@given(chance=st.data())
@_QUICK
def test_one_changed_byte_costs_one_row_at_most(number: int, chance: st.DataObject, tmp_path: Path) -> None:
    parser, path, make = _EACH[number]
    check_one_byte(parser, make(), path, tmp_path, chance)
