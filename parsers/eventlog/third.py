"""The third reader: dissect.eventlog, for records that the fast one and python-evtx refuse. Same shape of answer.

It gives flat names (`Provider_Name`, `Data`): what is not of the System part is taken for the record's own values, so a
`UserData` part comes as named values here. The field `reader` of the event says that it was asked.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from datetime import datetime

from parsers.eventlog.frame import CHUNK_HEADER, CHUNK_MAGIC, Record
from parsers.eventlog.xmltree import Node, scalar

_SYSTEM: Mapping[str, tuple[str, ...]] = {
    "Provider": ("Name", "Guid", "EventSourceName"),
    "EventID": ("Qualifiers",),
    "TimeCreated": ("SystemTime",),
    "Correlation": ("ActivityID", "RelatedActivityID"),
    "Execution": ("ProcessID", "ThreadID"),
    "Security": ("UserID",),
    **dict.fromkeys(("Version", "Level", "Task", "Opcode", "Keywords", "EventRecordID", "Channel", "Computer"), ()),
}
_OF_SYSTEM = {*_SYSTEM, *(f"{name}_{part}" for name, parts in _SYSTEM.items() for part in parts)}


def third_reading(chunk: bytes, record: Record) -> Node | None:
    """The record as a tree, None when this reader cannot read it either."""
    from dissect.eventlog.evtx import ElfChnk
    from dissect.eventlog.exceptions import Error

    try:
        reader = ElfChnk(_bare(chunk, record))
        reader.stream.seek(record.offset)
        flat = {str(name): _text(value) for name, value in next(iter(reader.read())).items()}
    except (Error, StopIteration, struct.error, *_ANYTHING):
        return None
    return Node("Event", {}, "", [_system(flat), _own(flat)]) if flat.get("EventID") else None


_ANYTHING = (RuntimeError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, EOFError, OSError)


def _bare(chunk: bytes, record: Record) -> bytes:
    """The chunk with an empty header, and with nothing that can be read behind the record."""
    bare = bytearray(chunk)
    bare[:CHUNK_HEADER] = CHUNK_MAGIC.ljust(CHUNK_HEADER, b"\0")
    end = record.offset + record.size
    struct.pack_into("<4sI", bare, record.offset, b"**\0\0", record.size)
    struct.pack_into("<I", bare, end - 4, record.size)
    return bytes(bare)


def _text(value: object) -> str | list[str]:
    if isinstance(value, list):
        return [str(_text(item)) for item in value]
    get = getattr(value, "get", None)
    if callable(get) and not isinstance(value, dict):
        value = get()
    if isinstance(value, bytes):
        return value.decode("ascii", "replace")
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return scalar(value) if value is None or isinstance(value, (str, bool, int, float)) else str(value)


def _system(flat: Mapping[str, str | list[str]]) -> Node:
    kids = []
    for name, parts in _SYSTEM.items():
        attributes = {part: str(flat.get(f"{name}_{part}") or "") for part in parts}
        kids.append(Node(name, attributes, str(flat.get(name) or ""), ()))
    return Node("System", {}, "", kids)


def _own(flat: Mapping[str, str | list[str]]) -> Node:
    kids = [
        Node(name, {}, "", [Node("Data", {}, item, ()) for item in value])
        if isinstance(value, list)
        else Node(name, {}, value, ())
        for name, value in flat.items()
        if name not in _OF_SYSTEM
    ]
    return Node("EventData", {}, "", kids)
