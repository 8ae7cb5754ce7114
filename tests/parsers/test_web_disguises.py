"""Web shells in less usual spellings, and harmless pages with the same words."""

from __future__ import annotations

import time

import pytest

from parsers.web.decode import text_of
from parsers.web.features import features


@pytest.mark.parametrize(
    ("text", "sink", "source", "key"),
    [
        ('<%eval/*a*/(Request/**/.Item/*b*/["k9"],"unsafe")%>', "eval", "Request.Item", "k9"),
        ('<%\\U00000050rocess.\\U00000053tart("a",\\U00000052equest["l1"])%>', "Process.Start", "Request", "l1"),
        ('<%Pro\u200dcess.Start("a",Requ\u200dest["l2"])%>', "Process.Start", "Request", "l2"),
        ('<% @Process.@Start("a",@Request["l3"])%>', "Process.Start", "Request", "l3"),
        ('<%Process\n  .Start("a",Request\n["l4"])%>', "Process.Start", "Request", "l4"),
        ('<%this["ev"+"al"](this["Req"+"uest"].Item["l5"])%>', "eval", "Request", ""),
        ('<%X("' + b'eval(Request["l6"])'.hex() + '")%>', "eval", "Request", "l6"),
        ("<%X({" + ",".join(map(str, b'eval(Request["l7"])')) + "})%>", "eval", "Request", "l7"),
        ("<%X(new[]{" + ",".join(f"0x{n ^ 90:x}" for n in b'eval(Request["l8"])') + "})%>", "eval", "Request", "l8"),
        ('<%@ Page CodePage="65000"%><%+AGU-val(Request["l9"])%>', "eval", "Request", "l9"),
        ('<%AppDomain.CurrentDomain.Load(X(Request.Form["m1"]))%>', "Assembly.Load", "Request.Form", "m1"),
        ('<%t.GetMethod("L").Invoke(null,X(Request["m2"]))%>', "reflection", "Request", "m2"),
        ('<%new LosFormatter().Deserialize(Request["m3"])%>', "object from data", "Request", "m3"),
        ('<%WinExec(Request["m4"],0)%>', "native call", "Request", "m4"),
    ],
)
def test_a_shell_is_seen_through_a_rare_disguise(text: str, sink: str, source: str, key: str) -> None:
    """Comments, escapes of eight digits, unseen characters, packed literals: the server sees through all of them."""
    found = features(text, "aspx")
    assert sink in found.sinks
    assert source in found.sources
    assert found.keys == ((key,) if key else ())
    assert found.runs_input


_BOX = '<form runat="server"><asp:TextBox id="box" runat="server"/></form>'


@pytest.mark.parametrize(
    ("text", "extension", "source"),
    [
        (
            '<script runat="server">void Go(){Process.Start("cmd.exe", "/c " + box.Text);}</script>' + _BOX,
            "aspx",
            "form field",
        ),
        ('class S{[WebMethod] string T(string z){return Process.Start("cmd",z);}}', "asmx", "argument of a web method"),
        ('var q = HttpContext.Current.Request; Process.Start("cmd", q["x"]);', "ashx", "Request"),
        ('Process.Start("cmd", Request.Unvalidated["x"]);', "ashx", "Request"),
        ('Process.Start("cmd", Server.UrlDecode(Request.Url.Query));', "ashx", "Request.Url"),
        ('class S extends MarshalByRefObject {function C(){eval(Request["x"],"unsafe");}}', "soap", "Request"),
    ],
)
def test_a_shell_that_takes_its_commands_another_way_is_seen(text: str, extension: str, source: str) -> None:
    """Fields of a form, arguments of a service and the request as a whole are input as well."""
    found = features(text, extension)
    assert found.runs_input
    assert source in found.sources


@pytest.mark.parametrize(
    "text",
    [
        '<%# Eval("Name") %><%# DataBinder.Eval(Container.DataItem, "Size", "{0:n}") %><%=Request["x"]%>',
        '<script runat="server">void Load(){new StreamWriter(log).Write(Request.Url); box.Text="";}</script>' + _BOX,
        '<script runat="server">void Load(){new SqlCommand("select 1").ExecuteReader(); out.Text=box.Text;}</script>'
        + _BOX,
    ],
)
def test_harmless_pages_with_the_same_words_are_no_shells(text: str) -> None:
    """Binding data, writing a log and reading a form are what pages are for."""
    assert not features(text, "aspx").runs_input


@pytest.mark.parametrize("codec", ["utf-16-be", "utf-32"])
def test_a_page_in_a_rare_encoding_is_read(codec: str) -> None:
    """With a mark or by its zeros."""
    page = '<%eval(Request["k"])%>'
    assert text_of(page.encode(codec)) == page


@pytest.mark.parametrize(
    "text",
    [
        "<%" + "/*" * 200_000,
        "<%" + " " * 400_000 + ".",
        "<%{" + "1," * 200_000,
        "<%" + "x.GetMethod(" * 30_000,
        "<%" + "<input runat " * 30_000 + "Process.Start(a.Text)",
    ],
)
def test_no_disguise_can_hold_up_the_run(text: str) -> None:
    """A page made to send patterns into endless retries is done in seconds."""
    start = time.process_time()
    features(text, "aspx")
    assert time.process_time() - start < 5
