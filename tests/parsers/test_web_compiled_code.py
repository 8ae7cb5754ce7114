"""Web shells in the forms a server leaves them: compiled, generated, encoded, in VBScript without brackets."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.web import assembly, page
from parsers.web.features import features
from shellcase.model import Job
from tests.parsers.assembly_build import TEXTS, shell
from tests.parsers.assembly_build import assembly as build
from tests.parsers.stub import answer, write_source

DLL = "C:\\Windows\\Microsoft.NET\\Framework64\\v4.0.30319\\Temporary ASP.NET Files\\root\\1\\2\\App_Web_x1y2z3.dll"


def test_a_compiled_shell_gives_its_page_its_words_and_what_it_calls(tmp_path: Path) -> None:
    said = answer(assembly.parse, Job(source=write_source(tmp_path, shell(), DLL)))
    data = said.events[0].data
    assert assembly.recognises(shell()[:4096], DLL)
    assert data["pages"] == ["~/aspnet_client/discover.aspx"]
    assert (data["texts"], data["text_count"]) == (TEXTS, 4)
    assert (data["sinks"], data["sources"]) == (["eval"], ["Request"])
    assert said.events[0].url == "/aspnet_client/discover.aspx"


def test_a_shell_in_one_literal_is_seen_with_its_key(tmp_path: Path) -> None:
    raw = build(['<script runat="server">eval(Request["cmdx"],"unsafe")</script>'], ["a"])
    said = answer(assembly.parse, Job(source=write_source(tmp_path, raw, DLL)))
    assert (said.events[0].data["sinks"], said.events[0].data["keys"]) == (["eval"], ["cmdx"])


def test_a_program_that_is_no_assembly_is_said_to_be_none(tmp_path: Path) -> None:
    said = answer(assembly.parse, Job(source=write_source(tmp_path, b"MZ" + bytes(500), DLL)))
    assert not said.events
    assert (said.ledger.found, said.ledger.failed, len(said.issues)) == (1, 1, 1)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_bytes_of_an_assembly_break_it(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    raw = bytearray(shell())
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(raw[: data.draw(st.integers(1, len(raw)))])
    said = answer(assembly.parse, Job(source=write_source(tmp_path_factory.mktemp("a"), cut, DLL)))
    assert said.ledger.found == said.ledger.parsed + said.ledger.failed == 1


@pytest.mark.parametrize(
    ("extension", "text", "sinks", "keys"),
    [
        ("asp", '<%eval request("k")%>', ("eval",), ("k",)),
        ("asp", '<script language=vbscript runat=server>eval request("l")</script>', ("eval",), ("l",)),
        ("asp", '<%@ LANGUAGE="VBSCRIPT.ENCODE"%><%#@~^EQAAAA==-mV~.;!+dYvEVE#zAYAAA==^#~@%>', ("encoded script",), ()),
        ("js", 'eval(Request.Item["klk"],"unsafe")', ("eval",), ("klk",)),
        ("js", 'new ActiveXObject("WScript.Shell").Run("x")', ("WScript.Shell", "CreateObject"), ()),
        ("ashx", '<%@ WebHandler Language="C#" %> c.Request.Files[0].SaveAs(c.Request["f"]);', ("SaveAs",), ("f",)),
        ("asmx", '<%@ WebService Language="JScript" %> function E(s){ eval(s,"unsafe"); }', ("eval",), ()),
    ],
)
def test_what_a_script_does_is_seen_in_every_kind_of_file(
    extension: str, text: str, sinks: tuple[str, ...], keys: tuple[str, ...]
) -> None:
    seen = features(text, extension)
    assert (seen.sinks, seen.keys) == (sinks, keys)


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ('x = Request["cmd"];', False),
        ("x = Request.Form.GetValues('cmd');", False),
        ("Response.Write(\"<input name='cmd'>\");", False),
        ('p.StartInfo.FileName = "cmd.exe";', True),
        ('r.Run("cmd");', True),
        ('a = "cmd /c " + Request["cmd"];', True),
    ],
)
def test_a_parameter_called_cmd_is_no_command(text: str, runs: bool) -> None:
    """A page that reads a parameter of that name does not start the command processor."""
    seen = features(f'<script runat="server">{text}</script>', "aspx")
    assert ("cmd" in seen.sinks) is runs


def test_a_name_that_reflection_calls_is_a_sink(tmp_path: Path) -> None:
    raw = build(["~/aspnet_client/a.aspx", "JScriptEvaluate"], ["get_Request"])
    said = answer(assembly.parse, Job(source=write_source(tmp_path, raw, DLL)))
    assert (said.events[0].data["sinks"], said.events[0].data["sources"]) == (["eval"], ["Request"])


@pytest.mark.parametrize(
    ("name", "head", "wanted"),
    [
        ("App_Web_a1.0.js", b"import System;", True),
        ("x.js", b'var s = Request.Item["k"];', True),
        ("owa.js", b"function a(){ return eval('(' + x + ')'); }", False),
        ("menu.js", b'var x = new ActiveXObject("Microsoft.XMLHTTP");', False),
    ],
)
def test_scripts_of_the_browser_are_left_alone(name: str, head: bytes, wanted: bool) -> None:
    assert page.recognises(head, f"C:\\inetpub\\wwwroot\\{name}") is wanted
