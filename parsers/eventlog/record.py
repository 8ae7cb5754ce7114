"""One event record as a row of the timeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from parsers.eventlog.cmdlet import PROVIDER as CMDLET_PROVIDER
from parsers.eventlog.cmdlet import cmdlet_fields, cmdlet_subject
from parsers.eventlog.frame import HEADER, Record
from parsers.eventlog.instants import exact_filetime
from parsers.eventlog.pivots import pivots
from parsers.eventlog.subjects import subject
from parsers.eventlog.xmltree import Content, Node, child, event_data, flatten
from parsers.rows import Cell, ts_cells
from parsers.times import FILETIME_1970, filetime_ns, filetime_text, iso_ns

KIND, CMDLET_KIND = "windows.evtx.record", "exchange.management.cmdlet"
COLUMNS = (
    *("ts", "ts_ns", "ts_text", "ts_resolution_ns", "kind", "offset", "length", "locator", "state", "subject"),
    *("user", "src_ip", "process", "command", "file_path", "url", "event_code", "channel", "provider", "sha256"),
    "data",
)
_SYSTEM_TEXTS = ("EventRecordID", "Level", "Version", "Task", "Opcode", "Keywords", "Computer")
_SYSTEM_ATTRIBUTES = (
    ("Execution", ("ProcessID", "ThreadID")),
    ("Security", ("UserID",)),
    ("EventID", ("Qualifiers",)),
    ("Correlation", ("ActivityID", "RelatedActivityID")),
    ("Provider", ("Guid", "EventSourceName")),
)
_PYTHON_EVTX = "+00:00"  # it prints the offset, and goes over floating point: a microsecond more or less
_EMPTY = Node("", {}, "", [])

Data = dict[str, str | list[str] | dict[str, str]]


@dataclass(frozen=True, slots=True)
class Stamp:
    """TimeCreated: nanoseconds (None for none or a sentinel), what is known of the digits, and the text."""

    ns: int | None
    resolution_ns: int
    text: str


class BadRecordError(ValueError):
    """The reader gave an event without a System part."""


class Told(NamedTuple):
    """What an event says of itself; `named` are the values pivots and subjects ask for, `data` is not yet complete."""

    provider: str
    code: str
    channel: str
    system_time: str
    named: dict[str, str]
    unnamed: list[str]
    data: Data
    is_cmdlet: bool


def told(tree: Node) -> Told:
    """What the tree of an event says; `BadRecordError` for one without a System part."""
    system = child(tree, "System")
    if system is None:
        msg = "an event without a System part"
        raise BadRecordError(msg)
    parts = {kid.name: kid for kid in system.kids}
    provider = parts.get("Provider", _EMPTY).attributes.get("Name", "")
    content = _content(tree)
    data, is_cmdlet = _system(parts), provider == CMDLET_PROVIDER and bool(content.unnamed)
    if is_cmdlet:
        data |= cmdlet_fields(content.unnamed)
    _add_content(data, content, tree)
    return Told(
        provider=provider,
        code=parts.get("EventID", _EMPTY).text,
        channel=parts.get("Channel", _EMPTY).text,
        system_time=parts.get("TimeCreated", _EMPTY).attributes.get("SystemTime", ""),
        named=content.named or flatten_user(tree),
        unnamed=content.unnamed,
        data=data,
        is_cmdlet=is_cmdlet,
    )


def row(
    tree: Node, record: Record, raw: bytes, offset: int, state: str, extra: Mapping[str, str]
) -> tuple[int | None, tuple[Cell, ...]]:
    """The instant and the cells of a record. `raw` is the chunk, `offset` where the record lies in the file.

    `extra` is what is to be told of the reading itself.
    """
    said = told(tree)
    provider, code, data = said.provider, said.code, said.data
    stamp = time_created(said.system_time, record, raw)
    _add_header(data, record, stamp)
    data |= extra
    seen = pivots(provider, code, said.named, said.unnamed, data)
    line = cmdlet_subject(code, data) if said.is_cmdlet else subject(provider, code, said.named, said.unnamed)
    kind, locator = CMDLET_KIND if said.is_cmdlet else KIND, f"record {data.get('EventRecordID', '?')}"
    return stamp.ns, (
        *ts_cells(stamp.ns),
        *(stamp.text, stamp.resolution_ns, kind, offset, record.size, locator),
        *(state, line, *seen[:6], code or None, said.channel or None, provider or None, seen[6]),
        msgspec.json.encode(data).decode(),
    )


def time_created(text: str, record: Record, raw: bytes) -> Stamp:
    """TimeCreated to 100 ns: the readers print whole microseconds (cut off, not rounded), the record has the rest.

    The FILETIME is looked for among the record's own bytes, wherever its template put it; then in the header.
    """
    read = iso_ns(text.replace(" ", "T", 1).removesuffix(_PYTHON_EVTX))
    if read is None:
        return Stamp(None, 0, text)
    filetime = read[0] // 100 + FILETIME_1970
    near = (0, 10, -10) if text.endswith(_PYTHON_EVTX) else (0,)
    begin, end = record.offset + HEADER, record.offset + record.size
    exacts = (exact_filetime(filetime + step, raw, begin, end, record.written) for step in near)
    exact = next((found for found in exacts if found is not None), None)
    if exact is None:
        return Stamp(filetime_ns(filetime), min(max(read[1], 100), 1000), text)
    return Stamp(filetime_ns(exact), 100, filetime_text(exact))


def _system(parts: Mapping[str, Node]) -> Data:
    data: Data = {name: parts[name].text for name in _SYSTEM_TEXTS if name in parts and parts[name].text}
    for name, wanted in _SYSTEM_ATTRIBUTES:
        if name in parts and parts[name].attributes:
            attributes = parts[name].attributes
            data |= {key: attributes[key] for key in wanted if attributes.get(key)}
    return data


def _content(tree: Node) -> Content:
    node = child(tree, "EventData")
    return event_data(node) if node else Content({}, [], "")


def flatten_user(tree: Node) -> dict[str, str]:
    """The UserData part under dotted names."""
    node = child(tree, "UserData")
    return flatten(node.kids) if node else {}


def _add_content(data: Data, content: Content, tree: Node) -> None:
    called = (child(tree, "EventData") or _EMPTY).attributes.get("Name")
    if called:
        data["EventDataName"] = called
    if content.named:
        data["EventData"] = content.named
    if content.unnamed:
        data["Data"] = content.unnamed
    if content.binary:
        data["Binary"] = content.binary
    rest = [kid for kid in tree.kids if kid.name not in {"System", "EventData", "UserData"}]
    user = flatten_user(tree)
    if user:
        data["UserData"] = user
    if rest:
        data["Other"] = flatten(rest)


def _add_header(data: Data, record: Record, stamp: Stamp) -> None:
    data["header_record_id"] = str(record.number)
    if stamp.ns is None or filetime_ns(record.written) != stamp.ns:
        data["written"] = filetime_text(record.written)
