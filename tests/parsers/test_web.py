"""Web pages: what a script can do is seen through its disguises, and Microsoft's own files are known."""

from __future__ import annotations

import base64
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.web import compiled, page, vdir_export
from parsers.web.allowlist import exposed, known_good, known_virtual
from parsers.web.decode import text_of
from parsers.web.features import Features, features
from shellcase.model import Event, HostFacts, IisSite, Job
from shellcase.zones import SystemTime, Zone, ZoneRule
from tests.parsers.stub import Answer, FileSource, answer, corpora, write_source

_WWWROOT = "C:\\inetpub\\wwwroot\\aspnet_client\\"
_FRONT = "C:\\Program Files\\Microsoft\\Exchange Server\\V15\\FrontEnd\\HttpProxy\\"
_SERVED = corpora() / "derived/exchange-ioc-scan/shell.aspx.served-response.txt"
_PACIFIC = Zone(
    key="Pacific Standard Time",
    how="registry",
    default=ZoneRule(480, 0, -60, SystemTime(11, 0, 1, 2, 0), SystemTime(3, 0, 2, 2, 0)),
)


def read(tmp_path: Path, text: str | bytes, path: str = _WWWROOT + "x.aspx", zone: Zone | None = None) -> Answer:
    raw = text.encode() if isinstance(text, str) else text
    return answer(page.parse, Job(source=write_source(tmp_path, raw, path), host=HostFacts(zone=zone)))


def seen(text: str, extension: str = "aspx") -> Features:
    return features(text, extension)


def export(script: str = "http://f/", **changed: str) -> str:
    """A reset virtual directory as Exchange prints it."""
    values = {
        "Name": "OAB (Default Web Site)",
        "PollInterval": "480",
        "MetabasePath": "IIS://ex01.corp.example/W3SVC/1/ROOT/OAB",
        "Path": "C:\\Program Files\\Microsoft\\Exchange Server\\V15\\FrontEnd\\HttpProxy\\OAB",
        "ExtendedProtectionTokenChecking": "None",
        "Server": "EX01",
        "InternalUrl": "https://ex01.corp.example/OAB",
        "InternalAuthenticationMethods": "WindowsIntegrated",
        "ExternalUrl": script,
        "Identity": "EX01\\OAB (Default Web Site)",
        "Guid": "0c1d2e3f-0000-4000-8000-000000000001",
        "ObjectClass": "top\r\n" + " " * 34 + "msExchVirtualDirectory",
        "WhenChanged": "3/3/2021 10:49:42 PM",
        "WhenChangedUTC": "3/4/2021 6:49:42 AM",
        "IsValid": "True",
    } | changed
    return "".join(f"{name:32}: {value}\r\n" for name, value in values.items())


_SHELL = '<script language="JScript" runat="server">function Page_Load(){eval(Request["%s"],"unsafe");}</script>'


@pytest.mark.parametrize(
    ("text", "sink", "source", "key"),
    [
        ('<%@ Page Language="Jscript"%><%eval(Request.Item["k1"],"unsafe");%>', "eval", "Request.Item", "k1"),
        (_SHELL % "orange", "eval", "Request", "orange"),
        ("<%eval(Request('k2'))%>", "eval", "Request", "k2"),
        ('<%ev\\u0061l(Request["\\x6b3"])%>', "eval", "Request", "k3"),
        ('<%eval(Request["a"+"b"+"c"])%>', "eval", "Request", "abc"),
        ("<%eval(Request[String.fromCharCode(107,52)])%>", "eval", "Request", "k4"),
        ('<%var q="k5";eval(Request[q])%>', "eval", "Request", "k5"),
        ('<%var _0x1f=["x","k6"];eval(Request[_0x1f[0x1]])%>', "eval", "Request", "k6"),
        ("<%eval(Request[&quot;k7&quot;])%>", "eval", "Request", "k7"),
        ('<%eval(X("' + base64.b64encode(b'eval(Request["k8"])').decode() + '"))%>', "eval", "Request", "k8"),
        ('<%new System.IO.StreamWriter(Request.Form["p"])%>', "file write", "Request.Form", "p"),
        ('<%Process.Start("cmd.exe", Request.QueryString["c"])%>', "Process.Start", "Request.QueryString", "c"),
    ],
)
def test_a_shell_is_seen_through_its_disguise(text: str, sink: str, source: str, key: str) -> None:
    found = seen(text)
    assert sink in found.sinks
    assert source in found.sources
    assert found.keys == (key,)
    assert found.runs_input


def test_script_for_the_browser_is_not_taken_for_server_script() -> None:
    found = seen('<html><script>eval(Request["k"])</script></html>')
    assert (found.sinks, found.sources, found.script_bytes) == ((), (), 0)


def test_a_handler_is_script_from_its_first_line() -> None:
    assert seen('<%@ WebHandler Language="C#" Class="H" %>\nProcess.Start("x")', "ashx").sinks == ("Process.Start",)


def test_language_and_runat_are_those_of_the_server_script() -> None:
    found = seen('<script language="javascript"></script>' + _SHELL % "k")
    assert (found.language, found.runat) == ("JScript", "server")


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16"])
def test_a_page_in_another_encoding_is_read(tmp_path: Path, codec: str) -> None:
    assert read(tmp_path, (_SHELL % "k").encode(codec)).events[0].data["keys"] == ["k"]
    assert text_of((_SHELL % "k").encode("utf-16-le")) == _SHELL % "k"


@pytest.mark.parametrize(
    "text",
    [
        "<script " * 20_000,
        "<%@" * 200_000,
        '<%a=["' + '"," ' * 30_000,
        "<%Chr(" + "1" * 150_000,
        '<%"' + '"+ "' * 30_000,
    ],
)
def test_no_page_can_hold_up_the_run(text: str) -> None:
    """A page made to send patterns into endless retries is done in seconds."""
    start = time.process_time()
    features(text, "aspx")
    features(text, "ashx")
    assert time.process_time() - start < 3


def test_a_page_event_says_what_people_need(tmp_path: Path) -> None:
    event = read(tmp_path, _SHELL % "orange").events[0]
    assert event.kind == "web.page"
    assert event.when.ns is None
    assert (event.data["exposed"], event.data["known_good"]) == (True, "no")
    assert event.subject == f"{_WWWROOT}x.aspx: a web file whose script uses eval, reads Request (orange)"
    assert event.sha256
    assert event.file_path == _WWWROOT + "x.aspx"


def test_a_reset_virtual_directory_with_a_shell_gives_two_events(tmp_path: Path) -> None:
    out = read(tmp_path, export("http://f/" + _SHELL % "klk123456"), zone=_PACIFIC)
    first, second = out.events
    assert (first.kind, second.kind) == ("web.page", "exchange.vdir.export")
    assert second.data["keys"] == ["klk123456"]
    assert second.data["Guid"] == "0c1d2e3f-0000-4000-8000-000000000001"
    assert second.data["ObjectClass"] == "top\nmsExchVirtualDirectory"
    assert second.when.ns == 1_614_840_582 * 10**9
    assert (second.ordinal, out.issues) == (1, [])


def test_another_machines_zone_is_noticed(tmp_path: Path) -> None:
    out = read(tmp_path, export(WhenChanged="3/4/2021 6:49:42 AM"), zone=_PACIFIC)
    assert ["time zone" in i.what for i in out.issues] == [True]


def test_without_utc_the_local_time_is_converted_by_the_hosts_zone(tmp_path: Path) -> None:
    out = read(tmp_path, export(WhenChangedUTC=""), zone=_PACIFIC)
    assert out.events[1].when.ns == 1_614_840_582 * 10**9
    assert out.events[1].when.zone == "Pacific Standard Time (registry)"
    unknown = read(tmp_path, export(WhenChangedUTC=""))
    assert unknown.events[1].when.ns is None
    assert [i.grade for i in unknown.issues] == ["odd"]


def test_month_comes_first_where_both_readings_are_possible() -> None:
    found = {"WhenChangedUTC": "3/4/2021 6:49:42 AM", "WhenChanged": "3/3/2021 10:49:42 PM"}
    assert vdir_export.when(found, None)[0].ns == 1_614_840_582 * 10**9


def test_the_pair_of_times_decides_where_only_day_first_fits() -> None:
    """1 April: read month first, the two times would lie a month apart."""
    found = {"WhenChangedUTC": "1/4/2021 06:49:42", "WhenChanged": "31/3/2021 22:49:42"}
    assert vdir_export.when(found, None)[0].ns == 1_617_259_782 * 10**9


def test_a_day_above_twelve_is_a_day() -> None:
    found = {"WhenChangedUTC": "13/03/2021 06:49:42", "WhenChanged": "13/03/2021 07:49:42"}
    assert vdir_export.when(found, None)[0].ns == (1_614_840_582 + 9 * 86400) * 10**9


@pytest.mark.skipif(not _SERVED.exists(), reason="needs ../shared/corpora (served export)")
def test_a_real_export_is_read_with_its_time() -> None:
    event = answer(page.parse, Job(source=FileSource(_SERVED, _WWWROOT + "x.aspx"))).events[1]
    assert event.when.ns == 1_614_874_041 * 10**9
    assert event.data["AdminDisplayVersion"] == "Version 15.1 (Build 2106.2)"


@pytest.mark.parametrize(
    ("path", "answer_"),
    [
        (_FRONT + "owa\\auth\\logon.aspx", "name"),
        (_FRONT + "owa\\auth\\RedirSuiteServiceProxy.aspx", "name"),
        (_FRONT + "owa\\auth\\RedirSuiteServerProxy.aspx", "no"),
        (_FRONT + "owa\\auth\\Current\\logon.aspx", "no"),
        (_FRONT + "ecp\\auth\\TimeoutLogout.aspx", "name"),
        (_FRONT + "OAB\\web.config", "name"),
        (_WWWROOT + "poc.aspx", "no"),
        ("D:\\ex\\FrontEnd\\HttpProxy\\owa\\auth\\logon.aspx", "name"),
        ("C:\\inetpub\\wwwroot\\web.config", "name"),
        (_WWWROOT + "web.config", "no"),
    ],
)
def test_names_are_known_only_in_their_own_folder(path: str, answer_: str) -> None:
    assert known_good(path, "0" * 64) == answer_


def test_bytes_that_exchange_shipped_are_known_wherever_they_lie() -> None:
    shipped = "28391c1e68dd083c41c5916e5a67024f39756b395e19278578b111e6a0d1c03b"
    assert known_good("C:\\x\\global.asax", shipped) == "hash"


def test_folders_that_the_web_offers_are_exposed() -> None:
    hidden = (IisSite(id=1, name="Default Web Site", log_directory="", roots=(("/x", "C:\\ProgramData\\COM"),)),)
    back = (IisSite(id=2, name="Exchange Back End", log_directory="", roots=(("/x", "C:\\ProgramData\\COM"),)),)
    assert exposed(_FRONT + "OAB\\x.aspx")
    assert exposed("C:\\ProgramData\\COM\\x.aspx", hidden)
    assert not exposed("C:\\ProgramData\\COM\\x.aspx", back)
    assert not exposed("C:\\ProgramData\\COM\\x.aspx")


def test_it_takes_pages_and_leaves_the_rest() -> None:
    assert page.recognises(b"", _WWWROOT + "x.aspx")
    assert page.recognises(export().encode()[:4096], _WWWROOT + "x.txt")
    assert page.recognises((_SHELL % "k").encode(), _WWWROOT + "logo.js")
    assert not page.recognises(b"<script>alert(1)</script>", _WWWROOT + "a.js")
    assert not page.recognises(b"MDMP" + bytes(4092), _WWWROOT + "x.aspx")
    assert not page.recognises(b"GIF89a", _WWWROOT + "x.gif")
    assert not page.recognises(b"<%@", _WWWROOT + "x.aspx.0123abcd.compiled")


_COMPILED = (
    "C:\\Windows\\Microsoft.NET\\Framework64\\v4.0.30319\\Temporary ASP.NET Files\\root\\1\\2\\{}.cdcab7d2.compiled"
)
_XML = (
    '<?xml version="1.0" encoding="utf-8"?>\n<preserve resultType="3" virtualPath="{}" hash="1" filehash="2" '
    'flags="110000" assembly="App_Web_a1b2c3d4" type="ASP.x_aspx"><filedeps><filedep name="{}" /></filedeps></preserve>'
)


def _compiled(tmp_path: Path, text: str, name: str) -> tuple[Answer, Event]:
    out = answer(compiled.parse, Job(source=write_source(tmp_path, text.encode(), _COMPILED.format(name))))
    return out, out.events[0]


def test_a_compiled_page_is_told_with_its_virtual_path(tmp_path: Path) -> None:
    out, event = _compiled(tmp_path, _XML.format("/aspnet_client/x.aspx", "/aspnet_client/x.aspx"), "x.aspx")
    assert (event.data["page"], event.data["allow_listed"]) == ("x.aspx", False)
    assert event.data["filedeps"] == ["/aspnet_client/x.aspx"]
    assert (event.when.ns, out.issues) == (None, [])


def test_pages_of_exchange_are_allowed_by_their_virtual_path() -> None:
    assert known_virtual("/owa/auth/logon.aspx")
    assert known_virtual("/ecp/auth/TimeoutLogout.aspx")
    assert not known_virtual("/owa/auth/current/logon.aspx")
    assert not known_virtual("/aspnet_client/logon.aspx")


def test_broken_xml_still_gives_the_page(tmp_path: Path) -> None:
    out, event = _compiled(tmp_path, _XML.format("/aspnet_client/x.aspx", "/y")[:-30], "x.aspx")
    assert (event.data["virtualPath"], event.data["assembly"]) == ("/aspnet_client/x.aspx", "App_Web_a1b2c3d4")
    assert [i.grade for i in out.issues] == ["damaged"]
    assert _compiled(tmp_path, "<preserve", "y.aspx")[1].data["page"] == "y.aspx"


def test_entities_are_not_expanded(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]>' + _XML.format("/&c;", "/y")[39:]
    out, event = _compiled(tmp_path, bomb, "x.aspx")
    assert "bbbb" not in str(event.data)
    assert len(out.issues) == 1


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_bytes_break_a_page(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    raw = bytearray(export("http://f/" + _SHELL % "k").encode())
    for at in data.draw(st.lists(st.integers(0, len(raw) - 1), max_size=30)):
        raw[at] = data.draw(st.integers(0, 255))
    out = read(tmp_path_factory.mktemp("fuzz"), bytes(raw[: data.draw(st.integers(0, len(raw)))]), zone=_PACIFIC)
    assert out.ledger.found == out.ledger.parsed == len(out.events)
