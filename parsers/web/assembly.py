"""`App_Web_*.dll` below Temporary ASP.NET Files: what a compiled page says and calls, even if the page is gone.

The texts of a page, the key of its eval among them, stand in the assembly's heap of user strings; what it calls stands
in its heap of names. A DLL may hold several pages (batch compilation).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from parsers.web.clr import NotClrError, heaps, texts, words
from parsers.web.features import features
from shellcase.model import Event, Issue, Job, Kind, Ledger, Moment, Origin, Parser, ParserOutput, Span, Value

_MOST_READ = 16 << 20
_MOST_SHOWN = 400
_LONGEST_SHOWN = 2000
_PAGE = re.compile(r"(?i)~?/[^\s\"'<>|*?]{1,255}\.(?:aspx|ashx|asmx|ascx|master|asax)")
_SINKS = {
    "JScriptEvaluate": "eval",
    "ProcessStartInfo": "Process.Start",
    "WScript": "WScript.Shell",
    "CompileAssemblyFromSource": "CompileAssemblyFromSource",
    "CreateInstance": "CreateInstance",
    "WriteAllText": "file write",
    "WriteAllBytes": "file write",
    "StreamWriter": "file write",
    "FileStream": "file write",
    "SaveAs": "SaveAs",
    "CreateDecryptor": "decrypt",
    "RijndaelManaged": "decrypt",
    "VirtualAlloc": "VirtualAlloc",
    "CreateThread": "VirtualAlloc",
    "Socket": "socket",
    "TcpClient": "socket",
}
_SOURCES = {
    "get_Request": "Request",
    "get_Form": "Request.Form",
    "get_QueryString": "Request.QueryString",
    "get_Params": "Request.Params",
    "get_Headers": "Request.Headers",
    "get_Cookies": "Request.Cookies",
    "get_Files": "Request.Files",
    "BinaryRead": "Request body",
    "get_InputStream": "Request body",
}


def parse(job: Job) -> Iterator[ParserOutput]:
    """One event for the assembly, issues, and the ledger; the file is the record."""
    size = job.source.size
    with job.source.open() as stream:
        raw = stream.read(_MOST_READ)
    if size > len(raw):
        what = f"only the first {len(raw)} bytes of this assembly were looked at"
        yield Issue(grade="odd", what=what, offset=len(raw), length=size - len(raw))
    try:
        found = heaps(raw)
    except NotClrError as error:
        if raw:
            what = "the texts of this assembly cannot be found"
            yield Issue(grade="damaged", what=what, offset=0, length=len(raw), expected="#US", found=str(error))
        yield Ledger(
            bytes_seen=len(raw), found=int(size > 0), failed=int(size > 0), failed_ranges=((0, size),) if size else ()
        )
        return
    said = [one.text for one in texts(raw, found["#US"])] if "#US" in found else []
    named = words(raw, found["#Strings"]) if "#Strings" in found else set()
    yield _event(job, raw, said, named)
    yield Ledger(bytes_seen=len(raw), found=1, parsed=1)


def _event(job: Job, raw: bytes, said: list[str], named: set[str]) -> Event:
    pages = list(dict.fromkeys(page for text in said for page in _PAGE.findall(text)))[:64]
    inside = features("\n".join(said), "asmx")
    called = named.union(said)  # a name among the texts is what reflection calls
    sinks = dict.fromkeys([*(what for name, what in _SINKS.items() if name in called), *inside.sinks])
    if {"Process", "Start"} <= named:
        sinks["Process.Start"] = None
    sources = dict.fromkeys([*(what for name, what in _SOURCES.items() if name in named), *inside.sources])
    data: dict[str, Value] = {
        "pages": pages,
        "texts": [text[:_LONGEST_SHOWN] for text in said[:_MOST_SHOWN]],
        "text_count": len(said),
        "sinks": list(sinks),
        "sources": list(sources),
        "keys": list(inside.keys),
        "size": job.source.size,
    }
    does = f" that uses {', '.join(sinks)}" if sinks else ""
    return Event(
        when=Moment(None, 10**9, ""),
        act="compiled",
        kind="web.assembly",
        subject=f"{job.source.path}: a compiled page ({', '.join(pages[:4]) or 'unnamed'}){does}",
        origin=Origin((Span(0, job.source.size),), "whole file", job.source.state),
        file_path=job.source.path,
        url=pages[0].removeprefix("~") if pages else None,
        sha256=hashlib.sha256(raw).hexdigest() if len(raw) == job.source.size else None,
        data=data,
    )


def recognises(head: bytes, path: str) -> bool:
    """A program by its first bytes, one that ASP.NET made by its name."""
    name = path.rpartition("\\")[2].casefold()
    return name.startswith(("app_web_", "app_global", "app_code", "app_theme")) and head[:2] == b"MZ"


PARSER = Parser(
    name="web.assembly",
    version=1,
    definitions=("AspNetTemporaryFiles",),
    yields=(
        Kind(
            name="web.assembly",
            fields={
                "pages": "paths of pages among its texts",
                "texts": "its texts, the first 400, each up to 2000 characters",
                "text_count": "number of its texts",
                "sinks": "what it can do, by the names it calls and by its texts",
                "sources": "what of the request it reads",
                "keys": "names of request parameters in its texts",
                "size": "bytes",
            },
        ),
    ),
    recognises=recognises,
    parse=parse,
    tier=0,
)
