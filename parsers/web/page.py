"""Web pages and what their server script can do; and virtual directories exported as pages.

A page is one record: it is read, described and never run. Nothing is accused here; rules weigh the features together
with the place, the name and the times of the file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from parsers.web import vdir_export
from parsers.web.allowlist import exposed, known_good
from parsers.web.decode import SOURCES, runs_on_server, script_tags, text_of
from parsers.web.features import Features, features
from shellcase.model import Event, Issue, Job, Kind, Ledger, Moment, Origin, Parser, ParserOutput, Span, Value

MOST_READ = 1 << 20  # bytes looked at; the longest page of an Exchange build is a tenth of that
PAGES = frozenset(["aspx", "ashx", "asmx", "soap", "asp", "ascx", "asax", "svc", "cshtml", "vbhtml", "master"])
_TEXTS = frozenset(["js", "htm", "html", "txt", "css", "inc", "cer", "cdx", "asa", "config", "xml"])
_DUMP = b"MDMP"
_GENERATED = re.compile(r"(?i)\\App_(?:Web|Code|global)[^\\]*\.\w+$")
_SERVER_WORDS = re.compile(r"WScript\.Shell|\bRequest\s*(?:\.\s*Item\s*)?\[\s*[\"']|\bHttpContext\.Current\b")


def parse(job: Job) -> Iterator[ParserOutput]:
    """One event for the page, one more if it is an exported virtual directory, and the ledger."""
    with job.source.open() as stream:
        head, sha256, size = _read(stream)
    if size > MOST_READ:
        yield Issue(
            grade="odd",
            what=f"only the first {MOST_READ} bytes of this page were looked at",
            offset=MOST_READ,
            length=size - MOST_READ,
        )
    text = text_of(head)
    data = _data(job, features(text, _extension(job.source.path)), sha256, size)
    yield _page(job, data, sha256, size)
    found = vdir_export.fields(text)
    times: list[int] = []
    if found:
        moment, issues = vdir_export.when(found, job.host.zone)
        yield from issues
        yield _export(job, found, data, sha256, size, moment)
        times = [moment.ns] if moment.ns is not None else []
    count = 2 if found else 1
    yield Ledger(
        bytes_seen=size, found=count, parsed=count, first_ns=min(times, default=None), last_ns=max(times, default=None)
    )


def _read(stream: BinaryIO) -> tuple[bytes, str, int]:
    """The start of the file, the hash of all of it, its size."""
    head = stream.read(MOST_READ)
    digest, size = hashlib.sha256(head), len(head)
    while piece := stream.read(MOST_READ):
        digest.update(piece)
        size += len(piece)
    return head, digest.hexdigest(), size


def _data(job: Job, seen: Features, sha256: str, size: int) -> dict[str, Value]:
    path = job.source.path
    return {
        "language": seen.language,
        "runat": seen.runat,
        "sinks": list(seen.sinks),
        "sources": list(seen.sources),
        "keys": list(seen.keys),
        "size": size,
        "script_bytes": seen.script_bytes,
        "known_good": known_good(path, sha256),
        "exposed": exposed(path, job.host.sites),
    }


def _origin(job: Job, size: int) -> Origin:
    return Origin((Span(0, size),), "whole file", job.source.state)


def _page(job: Job, data: Mapping[str, Value], sha256: str, size: int) -> Event:
    return Event(
        when=Moment(None, _SECOND, ""),
        act="found",
        kind="web.page",
        subject=f"{job.source.path}: {_said(data)}",
        origin=_origin(job, size),
        file_path=job.source.path,
        sha256=sha256,
        data=data,
    )


_SECOND = 10**9
_SHIPPED = {"hash": "a file that Exchange shipped", "name": "a name that Exchange has here", "no": "a web file"}


def _said(data: Mapping[str, Value]) -> str:
    """One line on the page for people."""
    sinks, sources, keys = (data[name] for name in ("sinks", "sources", "keys"))
    what = _SHIPPED[str(data["known_good"])]
    if not (isinstance(sinks, list) and isinstance(sources, list) and isinstance(keys, list) and sinks):
        return what
    reads = f", reads {', '.join(sources)}" if sources else ""
    named = f" ({', '.join(keys[:4])})" if keys else ""
    return f"{what} whose script uses {', '.join(sinks)}{reads}{named}"


def _export(
    job: Job, found: dict[str, str], data: Mapping[str, Value], sha256: str, size: int, moment: Moment
) -> Event:
    name = found.get("Name", "").strip() or "a virtual directory"
    return Event(
        when=moment,
        act="exported",
        kind="exchange.vdir.export",
        subject=f"{job.source.path}: settings of {name} of server {found.get('Server', '').strip() or 'unknown'}",
        origin=_origin(job, size),
        ordinal=1,
        file_path=job.source.path,
        url=found.get("ExternalUrl", "").strip() or None,
        sha256=sha256,
        data={**found, **data},
    )


def _extension(path: str) -> str:
    name = path.rpartition("\\")[2]
    return name.rpartition(".")[2].casefold() if "." in name else ""


def recognises(head: bytes, path: str) -> bool:
    """Pages by extension; other web text where a server would run something in it; exports by their text."""
    extension = _extension(path)
    if head.startswith(_DUMP) or extension == "compiled":
        return False
    if extension in PAGES or path.casefold().endswith("\\web.config"):
        return True
    if vdir_export.is_export(head):
        return True
    text = text_of(head)
    if extension in SOURCES and (_GENERATED.search(path) or _SERVER_WORDS.search(text)):
        return True
    return (extension in _TEXTS or not extension) and _scripted(text)


def _scripted(text: str) -> bool:
    return "<%@" in text or any(runs_on_server(attributes) for attributes, _ in script_tags(text))


_FEATURES = {
    "language": "language of the server script",
    "runat": "server where a script tag says so",
    "sinks": "what the script can do: run code, start programs, write files",
    "sources": "what of the request it reads",
    "keys": "names of request parameters it reads",
    "size": "bytes",
    "script_bytes": "characters of server script",
    "known_good": "hash, name or no",
    "exposed": "whether the folder can be reached from outside",
}

PARSER = Parser(
    name="web.page",
    version=3,
    definitions=("ExchangeWebFolders", "WebRoots", "AspNetTemporaryFiles", "DeletedFiles", "DroppedScripts"),
    yields=(
        Kind(name="web.page", fields=_FEATURES),
        Kind(
            name="exchange.vdir.export",
            fields=_FEATURES | {"*": "every property of the virtual directory under its printed name"},
        ),
    ),
    recognises=recognises,
    parse=parse,
    tier=0,
)
