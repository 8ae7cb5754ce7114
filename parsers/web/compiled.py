"""`.compiled` files below Temporary ASP.NET Files: a page existed and was compiled, even if it is gone.

The file is a small XML document that ASP.NET writes for each page it compiles. A request to another page of the same
folder may have caused it (batch compilation): it does not show that this page was called.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from msgspec import Struct

from parsers.crc import sha256_of
from parsers.web.allowlist import known_virtual
from parsers.web.decode import text_of
from shellcase.model import Event, Issue, Job, Kind, Ledger, Moment, Origin, Parser, ParserOutput, Span

MOST_READ = 1 << 20
_FILE_NAME = re.compile(r"(?i)^(.+?)\.[0-9a-f]{6,8}\.compiled$")
_ATTRIBUTE = re.compile(r"\b(virtualPath|assembly|type)\s*=\s*\"([^\"<]{0,2048})\"")
_DEPENDENCY = re.compile(r"<filedep\s+name\s*=\s*\"([^\"<]{0,2048})\"")


class Compiled(Struct, frozen=True):
    """What such a file says of its page."""

    virtual_path: str = ""
    assembly: str = ""
    type: str = ""
    dependencies: tuple[str, ...] = ()

    def page(self, path: str) -> str:
        """The name of the page: from the virtual path, else from the name of the file."""
        named = _FILE_NAME.match(path.rpartition("\\")[2])
        return self.virtual_path.rpartition("/")[2] or (named[1] if named else "")


def parse(job: Job) -> Iterator[ParserOutput]:
    """One event, an Issue where the XML is broken, and the ledger."""
    with job.source.open() as stream:
        raw = stream.read(MOST_READ)
        stream.seek(0)
        digest = sha256_of(stream)
    found, problem = read_compiled(raw)
    if problem:
        yield Issue(
            grade="damaged",
            what="this record of a compiled page is no whole XML document",
            offset=0,
            length=len(raw),
            expected="<preserve …>",
            found=problem,
        )
    page = found.page(job.source.path)
    failed = not page
    if not failed:
        yield _event(job, found, page, len(raw), digest)
    ranges = ((0, len(raw)),) if failed else ()
    yield Ledger(
        bytes_seen=len(raw), found=1, parsed=int(not failed), failed=int(failed), failed_ranges=ranges, announced=None
    )


def read_compiled(raw: bytes) -> tuple[Compiled, str]:
    """What the document says; where it is broken, what its attributes still show, and what is wrong."""
    try:
        root = fromstring(raw, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        return _salvage(text_of(raw)), str(error)[:200] or "broken"
    if root.tag != "preserve":
        return _from_element(root), f"<{root.tag[:100]}>"
    return _from_element(root), ""


def _from_element(root: Element) -> Compiled:
    names = tuple(dep.get("name", "") for dep in root.iter("filedep"))
    return Compiled(root.get("virtualPath", ""), root.get("assembly", ""), root.get("type", ""), names)


def _salvage(text: str) -> Compiled:
    found = dict(reversed(_ATTRIBUTE.findall(text)))
    names = tuple(_DEPENDENCY.findall(text))
    return Compiled(found.get("virtualPath", ""), found.get("assembly", ""), found.get("type", ""), names)


def _event(job: Job, found: Compiled, page: str, size: int, digest: str) -> Event:
    return Event(
        when=Moment(None, 10**9, ""),
        act="compiled",
        kind="web.compiled",
        subject=f"{found.virtual_path or page}: this page existed and was compiled",
        origin=Origin((Span(0, size),), "whole file", job.source.state),
        file_path=job.source.path,
        url=found.virtual_path or None,
        sha256=digest,
        data={
            "virtualPath": found.virtual_path or None,
            "assembly": found.assembly or None,
            "type": found.type or None,
            "filedeps": list(found.dependencies),
            "page": page,
            "allow_listed": known_virtual(found.virtual_path),
        },
    )


def recognises(head: bytes, path: str) -> bool:
    """Only `.compiled` files that hold text (XML, or what is left of it)."""
    return path.casefold().endswith(".compiled") and b"<" in head[:512]


PARSER = Parser(
    name="web.compiled",
    version=1,
    definitions=("AspNetTemporaryFiles",),
    yields=(
        Kind(
            name="web.compiled",
            fields={
                "virtualPath": "the page's path below the web site",
                "assembly": "name of the DLL it was compiled to",
                "type": "class of the page",
                "filedeps": "files it was compiled from",
                "page": "name of the page",
                "allow_listed": "whether Exchange has a page of this name there",
            },
        ),
    ),
    recognises=recognises,
    parse=parse,
    tier=0,
)
