"""Defender's quarantine, the contents (Quarantine\\ResourceData\\xx\\ID): the file that was locked away, recovered.

Under the key stream lies what Windows' BackupRead gives: streams with a head of 20 bytes (type, attributes, size, size
of the name). The first data stream is the file: it is hashed and, where it is text, looked at as a web page would be.
Nothing of it is written to a disk. Path and threat come from the entries that are given as companions.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from typing import BinaryIO

from msgspec import Struct

from parsers import times
from parsers.crc import sha256_of
from parsers.defender.entry import Entry, Resource, read
from parsers.defender.rc4 import Rc4, turn
from parsers.web.allowlist import exposed, known_good
from parsers.web.decode import text_of
from parsers.web.features import features
from shellcase.model import (
    Companion,
    Event,
    Issue,
    Job,
    Kind,
    Ledger,
    Moment,
    Origin,
    Parser,
    ParserOutput,
    Span,
    Value,
)

_STREAM = struct.Struct("<IIQI")
_DATA, _ALTERNATE = 1, 4
_NAMES = {
    1: "data",
    2: "extended attributes",
    3: "security descriptor",
    4: "alternate data",
    5: "link",
    6: "property data",
    7: "object id",
    8: "reparse data",
    9: "sparse block",
    10: "transaction data",
    11: "ghosted extents",
}
_PIECE = 1 << 20
_MOST_DATA = 256 << 20  # one file of the quarantine; undoing RC4 here takes about a third of a second per MiB
_MOST_NAME = 4096
_MOST_STREAMS = 256
_MOST_TEXT = 1 << 20
_MOST_ALTERNATE = 4096
_MOST_ENTRY = 32 << 20
_KEY_OF_HEAD = turn(bytes(_STREAM.size))


class Stream(Struct, frozen=True, kw_only=True):
    """One stream: `whole` says whether all its bytes are there; `start` are its first bytes."""

    kind: int
    name: str
    size: int
    offset: int
    whole: bool
    sha256: str = ""
    start: bytes = b""


def streams(source: BinaryIO, size: int) -> Iterator[Stream | Issue]:
    """The streams one after the other, in bounded memory; an issue where they break off."""
    key, at = Rc4(), 0
    for _ in range(_MOST_STREAMS):
        head = key.turn(source.read(_STREAM.size))
        if not head:
            return
        kind, _, length, named = _STREAM.unpack(head.ljust(_STREAM.size, b"\0"))
        if len(head) < _STREAM.size or kind not in _NAMES or named > _MOST_NAME:
            what = "no stream begins here"
            yield Issue(grade="damaged", what=what, offset=at, length=size - at, expected="the head of a stream")
            return
        name = key.turn(source.read(named)).decode("utf-16-le", "backslashreplace")
        begin = at + _STREAM.size + named
        digest, start, got = _take(source, key, min(length, max(0, size - begin)))
        whole = got == length
        yield Stream(kind=kind, name=name, size=length, offset=begin, whole=whole, sha256=digest, start=start)
        if not whole:
            what = "a stream is cut off"
            yield Issue(grade="damaged", what=what, offset=at, length=size - at, expected=f"{length} bytes")
            return
        at = begin + length


def _take(source: BinaryIO, key: Rc4, length: int) -> tuple[str, bytes, int]:
    """SHA-256, first bytes and number of the next `length` bytes."""
    digest, start, got = hashlib.sha256(), b"", 0
    while got < min(length, _MOST_DATA):
        piece = key.turn(source.read(min(_PIECE, length - got)))
        if not piece:
            break
        digest.update(piece)
        start = start or piece[:_MOST_TEXT]
        got += len(piece)
    return digest.hexdigest(), start, got


def parse(job: Job) -> Iterator[ParserOutput]:
    """One event for the recovered file, issues, and the ledger; the file is the record."""
    size = job.source.size
    found: list[Stream] = []
    with job.source.open() as stream:
        for item in streams(stream, size):
            if isinstance(item, Issue):
                yield item
            else:
                found.append(item)
    content = next((s for s in found if s.kind == _DATA), None)
    if content is None and size:
        yield Issue(grade="lost", what="no content can be recovered", offset=0, length=size, expected="a data stream")
    if content is not None:
        yield _event(job, content, found)
    parsed, there = int(content is not None), int(bool(size))
    yield Ledger(
        bytes_seen=size,
        found=there,
        parsed=parsed,
        failed=there - parsed,
        failed_ranges=((0, size),) if there > parsed else (),
    )


def _entry(job: Job, resource_id: str) -> tuple[Entry, Resource] | None:
    """The entry that names this content, among the companions whose role begins with `entry`."""
    for role in sorted(r for r in job.companions if r.startswith("entry")):
        with job.companions[role].open() as stream:
            entry = read(stream.read(_MOST_ENTRY))
        for resource in entry.resources if entry else ():
            if resource.resource_id == resource_id and entry:
                return entry, resource
    return None


def _event(job: Job, content: Stream, found: list[Stream]) -> Event:
    resource_id = job.source.path.rpartition("\\")[2].upper()
    known = _entry(job, resource_id)
    path = known[1].path.removeprefix("\\\\?\\") if known else None
    threat = known[0].threat if known else None
    data: dict[str, Value] = {
        "resource_id": resource_id,
        "path": path,
        "threat": threat,
        "detection_type": known[1].kind if known else None,
        "size": content.size,
        "content_offset": content.offset,
        "complete": content.whole,
        "streams": [f"{_NAMES[s.kind]}{' ' + s.name if s.name else ''}: {s.size} bytes, {s.sha256}" for s in found],
        "alternate": [_shown(s) for s in found if s.kind == _ALTERNATE],
        "file_sha256": _digest(job),
        **_page(content, path, job),
    }
    when = times.filetime_moment(known[0].ticks) if known else Moment(None, 100, "")
    what = f"{path or 'a file'} recovered from quarantine ({threat or 'its entry is not known'})"
    return Event(
        when=when,
        act="recovered",
        kind="windows.defender.content",
        subject=f"{what}: {content.size} bytes",
        origin=Origin((Span(0, job.source.size),), "whole file", job.source.state),
        data=data,
        file_path=path,
        sha256=content.sha256 if content.whole else None,
    )


def _digest(job: Job) -> str:
    """SHA-256 of the file in the quarantine as it lies there: it covers the bytes that no stream is made of."""
    with job.source.open() as stream:
        return sha256_of(stream)


def _shown(stream: Stream) -> str:
    return f"{stream.name} {stream.start[:_MOST_ALTERNATE].decode('utf-8', 'backslashreplace')}"


def _page(content: Stream, path: str | None, job: Job) -> dict[str, Value]:
    """Features of a web page, where the content is text, as `web.page` has them of a page in its place."""
    start = content.start
    if b"\0" in start[:512] and not start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return {}
    name = path.rpartition("\\")[2].casefold() if path else ""
    extension = name.rpartition(".")[2] if "." in name else "aspx"
    seen = features(text_of(start), extension)
    if not (seen.script_bytes or seen.language):
        return {}
    return {
        "language": seen.language,
        "runat": seen.runat,
        "sinks": list(seen.sinks),
        "sources": list(seen.sources),
        "keys": list(seen.keys),
        "script_bytes": seen.script_bytes,
        "known_good": known_good(path or "", content.sha256),
        "exposed": exposed(path or "", job.host.sites),
    }


def recognises(head: bytes, path: str) -> bool:
    """By the head of the first stream under the key stream; or by its folder, when that is damaged."""
    if len(head) >= _STREAM.size:
        plain = bytes(a ^ b for a, b in zip(head, _KEY_OF_HEAD, strict=False))
        kind, attributes, size, named = _STREAM.unpack(plain)
        if kind in _NAMES and attributes < 0x20 and size < 1 << 40 and named <= _MOST_NAME:
            return True
    return bool(head.strip(b"\0")) and "\\quarantine\\resourcedata\\" in path.casefold()


PARSER = Parser(
    name="windows.defender.content",
    version=1,
    definitions=("DefenderFiles",),
    companions=(Companion(role="entry", pattern="..\\..\\Entries\\*"),),
    yields=(
        Kind(
            name="windows.defender.content",
            fields={
                "resource_id": "name of the content's file, the same in its entry",
                "path": "where the file was, by its entry",
                "threat": "name of the threat, by its entry",
                "detection_type": "kind of resource, by its entry",
                "size": "bytes of the recovered file",
                "content_offset": "where its bytes begin in this file (under the key stream)",
                "complete": "whether all its bytes are there",
                "streams": "every stream: kind, name, bytes, SHA-256",
                "alternate": "alternate data streams (Zone.Identifier …) as text",
                "file_sha256": "SHA-256 of this file, under the key stream",
                "language": "language of the server script",
                "runat": "server where a script tag says so",
                "sinks": "what the script can do: run code, start programs, write files",
                "sources": "what of the request it reads",
                "keys": "names of request parameters it reads",
                "script_bytes": "characters of server script",
                "known_good": "of a page: hash, name or no, by its bytes and where it was",
                "exposed": "of a page: whether the folder it was in can be reached from outside",
            },
        ),
    ),
    recognises=recognises,
    parse=parse,
    tier=1,
)
