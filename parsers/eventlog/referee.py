"""Every record of an EVTX file as four readers tell it: ours, python-evtx, dissect.eventlog and libevtx.

Compared are number, event id, provider, channel, computer, time and the values in order. Each
reader prints numbers, GUIDs, times and binary data in its own way, so of those only the words are compared.
libevtx is asked where it is installed; it is no part of what we ship.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException

from parsers.eventlog.decode import decode
from parsers.eventlog.fallback import OtherReaders, from_xml
from parsers.eventlog.frame import Record
from parsers.eventlog.record import COLUMNS, BadRecordError, row
from parsers.eventlog.walk import Chunk, chunks
from parsers.eventlog.xmltree import Node, from_json
from parsers.referee import Difference
from shellcase.model import Job, Source

_FLOATING = 4000  # nanoseconds that python-evtx and dissect are off, which go over floating point
_FIELDS = ("event_code", "provider", "channel")
_HEX = re.compile(r"(?:[0-9a-f]{2})+")
_WORD = re.compile(r"[^\W\d_]{3,}")
_NO_WORD = re.compile(
    r"0x[0-9a-f]+|[0-9a-f]{16,}|\{?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?|\d{4}-\d\d-\d\d.*|true|false|null|\[.*\]"
)


def compare(source: Source) -> Iterator[Difference]:
    """Where the readers of one file do not say the same, record by record in the file's order."""
    known = _libevtx(source)
    with source.open() as stream:
        for chunk in chunks(stream, Job(source=source)):
            others = OtherReaders(chunk.raw, chunk.records)
            referees = {"python-evtx": others.second, "dissect.eventlog": others.third}
            if known is not None:
                referees["libevtx"] = lambda record: next(known.get(record.number, iter(())), None)
            for record, text in zip(chunk.records, decode(chunk.raw, chunk.records), strict=True):
                ours = _told(from_json(text) if text else None, chunk, record)
                for name, reading in referees.items():
                    theirs = _told(reading(record), chunk, record)
                    yield from _differences(name, chunk.offset + record.offset, ours, theirs)


def _libevtx(source: Source) -> dict[int, Iterator[Node]] | None:
    """Its live records by number (it gives no places), those of one number in its order; None where it is missing."""
    try:
        pyevtx: Any = import_module("pyevtx")
    except ImportError:
        return None
    known = defaultdict[int, list[Node]](list)
    file = pyevtx.file()
    with suppress(OSError):
        file.open(str(source.local_path()))
        for index in range(file.number_of_records):
            with suppress(OSError, ParseError, DefusedXmlException, ValueError):
                record = file.get_record(index)
                known[record.identifier].append(from_xml(record.xml_string))
    return {number: iter(nodes) for number, nodes in known.items()}


def _told(tree: Node | None, chunk: Chunk, record: Record) -> Mapping[str, object] | None:
    """What a reading says in the terms of the timeline."""
    if tree is None:
        return None
    try:
        ns, cells = row(tree, record, chunk.raw, chunk.offset + record.offset, "live", {})
    except BadRecordError:
        return None
    told = dict(zip(COLUMNS, cells, strict=True))
    return {**told, "ns": ns, "data": json.loads(str(told["data"]))}


def _differences(
    name: str, offset: int, ours: Mapping[str, Any] | None, theirs: Mapping[str, Any] | None
) -> Iterator[Difference]:
    if ours is None or theirs is None:
        if ours is not theirs:
            told, other = ("read", "cannot read it") if ours else ("cannot read it", "read")
            yield Difference(name, offset, "record", told, other, unread=theirs is None)
        return
    off = 0 if name == "libevtx" else _FLOATING
    if (ours["ns"] is None) != (theirs["ns"] is None) or abs((ours["ns"] or 0) - (theirs["ns"] or 0)) > off:
        yield Difference(name, offset, "time", str(ours["ts_text"]), str(theirs["ts_text"]))
    for field, mine, other in (
        *((field, ours[field], theirs[field]) for field in _FIELDS),
        *((field, ours["data"].get(field), theirs["data"].get(field)) for field in ("EventRecordID", "Computer")),
        ("values", *_words(_texts(ours["data"]), _texts(theirs["data"]))),
    ):
        if mine != other:
            yield Difference(name, offset, field, str(mine), str(other))


def _texts(data: Mapping[str, Any]) -> list[str]:
    """The record's own values in order, without what readers space differently."""
    texts = [*data.get("EventData", {}).values(), *data.get("Data", []), *data.get("UserData", {}).values()]
    return [" ".join(text.split()).lower() for text in texts]


def _words(mine: list[str], other: list[str]) -> tuple[list[str], list[str]]:
    """Both as far as all readers print them alike; python-evtx prints in base64 what we print in hexadecimal."""
    packed = {b64encode(bytes.fromhex(text)).decode().lower(): text for text in mine if _HEX.fullmatch(text)}
    same = packed.keys() & set(other)
    left = same | {packed[text] for text in same}
    return _plain(mine, left), _plain(other, left)


def _plain(texts: list[str], left: set[str]) -> list[str]:
    return [text for text in texts if _WORD.search(text) and not _NO_WORD.fullmatch(text) and text not in left]
