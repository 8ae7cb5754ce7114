"""The third reader: dissect.eventlog, for records that the fast one and python-evtx refuse. Same shape of answer.

It gives flat names (`Provider_Name`, `Data`): what is not of the System part is taken for the record's own values, so a
`UserData` part comes as named values here. The field `reader` of the event says that it was asked.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from parsers.eventlog.frame import CHUNK_HEADER, CHUNK_MAGIC, RECORD_MAGIC, Record
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


class ThirdReader:
    """dissect over one chunk. It knows a template from the record it lies in, so all records are read at once."""

    def __init__(self, chunk: bytes, records: Sequence[Record]) -> None:
        self._chunk = chunk
        self._records = records
        self._read: dict[int, Node] | None = None

    def read(self, record: Record) -> Node | None:
        """The record as a tree, None when this reader cannot read it either."""
        if self._read is None:
            self._read = dict(self._all())
        return self._read.get(record.offset)

    def _all(self) -> Iterator[tuple[int, Node]]:
        from dissect.eventlog.evtx import ElfChnk
        from dissect.eventlog.exceptions import Error

        reader = ElfChnk(_bare(self._chunk, self._records))
        for record in self._records:
            reader.stream.seek(record.offset)
            try:
                flat = {"".join(name): _text(value) for name, value in next(iter(reader.read())).items()}
            except (Error, StopIteration, struct.error, *_ANYTHING):
                continue
            if flat.get("EventID") and reader.data_offset == record.offset + 24:  # it goes on to the next by itself
                yield record.offset, Node("Event", {}, "", [_system(flat), _own(flat)])


_ANYTHING = (RuntimeError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, EOFError, OSError)


def _bare(chunk: bytes, records: Sequence[Record]) -> bytes:
    """The chunk with an empty header and with the marks of its records mended."""
    bare = bytearray(chunk)
    bare[:CHUNK_HEADER] = CHUNK_MAGIC.ljust(CHUNK_HEADER, b"\0")
    for record in records:
        struct.pack_into("<4sI", bare, record.offset, RECORD_MAGIC, record.size)
        struct.pack_into("<I", bare, record.offset + record.size - 4, record.size)
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
    if isinstance(value, str):
        return "".join(value)  # it has classes of its own for texts
    return scalar(value) if value is None or isinstance(value, (bool, int, float)) else str(value)


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
        if name not in _OF_SYSTEM and "xmlns" not in name and name != "EventData_Name"
    ]
    called = flat.get("EventData_Name")
    return Node("EventData", {"Name": called} if isinstance(called, str) else {}, "", kids)
