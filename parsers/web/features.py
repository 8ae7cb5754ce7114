"""What a server script can do and what it listens to: the words that web shells cannot do without.

A sink runs code, starts programs, loads assemblies or writes files; a source is what the caller sends. Neither alone
says much: Exchange's own pages read requests too.
"""

from __future__ import annotations

import re

from msgspec import Struct

from parsers.web.decode import plain, runs_on_server, script_tags, server_script
from parsers.web.disguise import seven_bits

_SINKS: tuple[tuple[str, str], ...] = (
    (
        "eval",
        r"\beval(?:_r)?\s*(?:\(|\brequest\b)|\[\s*[\"']eval[\"']\s*\]|\bJScriptEvaluate\b",
    ),  # VBScript needs no bracket
    ("encoded script", r"#@~\^[\w+/]{6}=="),
    ("execute", r"\b(?:ExecuteGlobal|ExecuteStatement|Execute)\b\s*[(\s\"]"),
    (
        "Process.Start",
        r"\bProcess\.Start\b|[\"']System\.Diagnostics\.Process\b|\bnew\s+(?:System\.Diagnostics\.)?Process\b|\bProcessStartInfo\b",
    ),
    ("WScript.Shell", r"WScript\.Shell"),
    ("Shell.Application", r"Shell\.Application"),
    ("CreateObject", r"\bCreateObject\s*\(|\bActiveXObject\b"),
    ("Assembly.Load", r"\bAssembly\.Load\w*|\.Load\s*\([^)]{0,200}\)\s*\.\s*CreateInstance"),
    ("Assembly.Load", r"\bAppDomain\b[^;\n]{0,80}\.Load\s*\("),
    ("reflection", r"\.InvokeMember\s*\(|\bCallByName\s*\(|\bDynamicInvoke\s*\("),
    ("reflection", r"\bGetMethods?\s*\([^;\n]{0,300}\)\s*(?:\[\d{1,3}\]\s*)?\.\s*Invoke\s*\("),
    ("object from data", r"\b(?:Binary|Los|ObjectState|Soap)Formatter\b|\bNetDataContractSerializer\b"),
    ("object from data", r"\bXamlReader\s*\.\s*(?:Parse|Load)\b"),
    ("native call", r"\b(?:WinExec|ShellExecute(?:Ex)?[AW]?|CreateProcess(?:AsUser|WithToken|WithLogon)?[AW]?)\b"),
    ("WMI process", r"\bWin32_Process\b"),
    ("xp_cmdshell", r"\bxp_cmdshell\b"),
    ("powershell", r"\bRunspaceFactory\b|\bAddScript\s*\("),
    ("CreateInstance", r"\bCreateInstance\s*\("),
    ("CompileAssemblyFromSource", r"CompileAssemblyFrom(?:Source|Dom|File)"),
    (
        "file write",
        r"\bStreamWriter\b|\bWriteAll(?:Text|Bytes|Lines)\b|\bFile\.(?:Create|AppendAllText|Open(?:Write)?)\b",
    ),
    ("file write", r"\bFileStream\b|\bFileSystemObject\b|\bSaveToFile\b"),
    ("SaveAs", r"\.SaveAs\s*\("),
    ("file delete", r"\b(?:File|Directory)\.(?:Delete|Move)\b"),
    ("cmd", r"(?<!name=[\"'])(?<!id=[\"'])\bcmd(?:\.exe)?\s*[\"']|\bcmd(?:\.exe)?\s+/c\b"),
    ("powershell", r"\bpowershell\b"),
    ("socket", r"\bSystem\.Net\.Sockets\b|\bnew\s+(?:Tcp)?(?:Socket|Client)\b|\bTcpClient\b"),
    ("decrypt", r"\bCreateDecryptor\b|\bRijndaelManaged\b"),
    ("xsl script", r"<msxsl:script|\bXslCompiledTransform\b|\bXslTransform\b"),
    ("drives", r"\bDriveInfo\.GetDrives\b"),
    ("security software probe", r"\bFile\.Exists\s*\([^)]{0,200}(?:xagt|csfalcon|carbonblack|fireeye|crowdstrike)"),
    ("VirtualAlloc", r"\bVirtualAlloc(?:Ex)?\b|\bCreateThread\b"),
)
_SOURCES: tuple[tuple[str, str], ...] = (
    ("Request.Item", r"\bRequest\s*\.\s*Item\b"),
    ("Request.Form", r"\bRequest\s*\.\s*Form\b"),
    ("Request.QueryString", r"\bRequest\s*\.\s*QueryString\b"),
    ("Request.Params", r"\bRequest\s*\.\s*Params\b"),
    ("Request.Headers", r"\bRequest\s*\.\s*(?:Headers|ServerVariables|UserAgent)\b"),
    ("Request.Cookies", r"\bRequest\s*\.\s*Cookies\b"),
    ("Request.Files", r"\bRequest\s*\.\s*Files\b|\bHttpPostedFile\b|\bPostedFile\b"),
    ("Request body", r"\bRequest\s*\.\s*(?:InputStream|BinaryRead|GetBufferlessInputStream|TotalBytes)\b"),
    ("Request", r"\bRequest\s*[\[(]|\[\s*[\"']Request[\"']\s*\]|\bRequest\s*\.\s*Unvalidated\b"),
)
# What many a harmless page does: it counts only where the script also runs something.
_QUIET_SOURCES: tuple[tuple[str, str], ...] = (
    ("Request.Url", r"\bRequest\s*\.\s*(?:Url|RawUrl|PathInfo|UrlReferrer|ContentType)\b"),
    ("Request", r"\bRequest\s*[;,)]"),
    (
        "argument of a web method",
        r"\[\s*(?:System\.Web\.Services\.)?WebMethod|\bWebMethodAttribute\b|<WebMethod|\bOperationContract\b",
    ),
)
_RUNNING = frozenset(
    [
        "eval", "execute", "Process.Start", "WScript.Shell", "Shell.Application", "Assembly.Load", "reflection",
        "CompileAssemblyFromSource", "object from data", "native call", "WMI process", "xp_cmdshell", "VirtualAlloc",
        "SaveAs",
    ]
)  # fmt: skip
_FIELD = re.compile(r"(?i)<asp:(?:TextBox|FileUpload|HiddenField)\b|<(?:input|textarea)\b[^>]{0,400}\brunat\s*=")
_FIELD_READ = re.compile(r"(?i)\.\s*(?:Text|Value|FileName|PostedFile|FileBytes|FileContent)\b")
# Binding of data to a page is called Eval too; it takes the name of a property.
_BINDING = re.compile(
    r"(?i)\bDataBinder\s*\.\s*Eval\s*\(|\bEval\s*\(\s*([\"'])[\w.\[\]]{0,128}\1\s*(?:\)|,\s*[\"'][^\"'\n]{0,128}[\"']\s*\))"
)
_KEY = re.compile(
    r"(?i)\bRequest\s*(?:\.\s*\w{1,24}\s*)?(?:\.\s*(?:Get|GetValues|get_Item)\s*)?[\[(]\s*([\"'])([^\"'\r\n]{1,64})\1\s*[\])]"
)
_DIRECTIVE = re.compile(r"<%@([^%]{0,1024})")
_LANGUAGE = re.compile(r"(?i)\blanguage\s*=\s*[\"']?([\w#.]{1,16})")

_COMPILED_SINKS = tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in _SINKS)
_COMPILED_QUIET = tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in _QUIET_SOURCES)
_COMPILED_SOURCES = tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in _SOURCES)


class Features(Struct, frozen=True, kw_only=True):
    """What was found in the server script of one page; `script_bytes` is its length in characters."""

    language: str | None
    runat: str | None
    sinks: tuple[str, ...]
    sources: tuple[str, ...]
    keys: tuple[str, ...]
    script_bytes: int

    @property
    def runs_input(self) -> bool:
        """Whether it both listens and acts."""
        return bool(self.sinks and self.sources)


def features(text: str, extension: str) -> Features:
    """Look at a page's server script, as written and with its disguises undone."""
    text = seven_bits(text)
    script = server_script(text, extension)
    decoded = plain(script) if script else ""
    both = f"{script}\n{decoded}"
    tags = [attributes for attributes, _ in script_tags(text)]
    sinks = _names(_COMPILED_SINKS, _BINDING.sub("", _KEY.sub("Request[]", both)))  # Request["cmd"] is no program
    sources = _names(_COMPILED_SOURCES, both)
    return Features(
        language=_language([m[1] for m in _DIRECTIVE.finditer(text)] + list(filter(runs_on_server, tags))),
        runat="server" if any(map(runs_on_server, tags)) else None,
        sinks=sinks,
        sources=sources if sources or _RUNNING.isdisjoint(sinks) else _quiet(text, both),
        keys=tuple(dict.fromkeys(m[2] for m in _KEY.finditer(decoded)))[:64],
        script_bytes=len(script),
    )


def _quiet(text: str, script: str) -> tuple[str, ...]:
    """Ways of listening beside the usual ones: the request as a whole, arguments, fields of a form."""
    field = bool(_FIELD.search(text) and _FIELD_READ.search(script))
    return _names(_COMPILED_QUIET, script) + (("form field",) if field else ())


def _names(table: tuple[tuple[str, re.Pattern[str]], ...], text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name, pattern in table if pattern.search(text)))


def _language(tags: list[str]) -> str | None:
    """The first language that a directive or a server-side script tag names."""
    return next((m[1] for tag in tags if (m := _LANGUAGE.search(tag))), None)
