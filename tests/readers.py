"""Readers of event logs that are not ours, behind one face: what each of them sees in a log, in its own spelling."""

from __future__ import annotations

import importlib
import io
import sys
import tempfile
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring

_NS = "{http://schemas.microsoft.com/win/2004/08/events/event}"
Pairs = list[tuple[str | None, str | None]]


class Seen(NamedTuple):
    """One record as a reader shows it; `time` is TimeCreated as text, `pairs` are the payload's names and values."""

    number: int
    time: str
    provider: str
    event_id: int
    pairs: Pairs


def python_evtx() -> types.ModuleType:
    """The module Evtx.Evtx. It imports `hexdump`, which we leave out of the lock files, for a debug print only."""
    if "hexdump" not in sys.modules:
        stand_in = types.ModuleType("hexdump")
        vars(stand_in)["hexdump"] = lambda *_args, **_kwargs: None
        sys.modules["hexdump"] = stand_in
    with warnings.catch_warnings():
        # Its sources hold invalid escapes, which the compiler reports when no byte code is cached yet.
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        return importlib.import_module("Evtx.Evtx")


def payload(event: Element) -> Pairs:
    """Names and values below EventData, or below the one child of UserData."""
    data = event.find(f"{_NS}EventData")
    if data is not None:
        return [(item.get("Name"), _text(item)) for item in data if item.tag == f"{_NS}Data"]
    user = event.find(f"{_NS}UserData")
    return [] if user is None else [(item.tag.rpartition("}")[2], _text(item)) for item in user[0]]


def _text(item: Element) -> str:
    text = "".join(item.itertext())
    # The Rust reader pretty-prints: an empty element becomes a line break and an indent.
    return "" if not text.strip() else text


def seen_in_xml(xml: str) -> Seen:
    """What the XML form of a record says."""
    event = fromstring(xml)
    system = event.find(f"{_NS}System")
    assert system is not None

    def field(name: str) -> Element:
        found = system.find(f"{_NS}{name}")
        assert found is not None, name
        return found

    return Seen(
        int(field("EventRecordID").text or ""),
        field("TimeCreated").get("SystemTime", ""),
        field("Provider").get("Name", ""),
        int(field("EventID").text or ""),
        payload(event),
    )


def read_rust(log: bytes) -> list[Seen]:
    """The `evtx` package. Its XML cuts times to microseconds."""
    return [seen_in_xml(record["data"]) for record in rust_records(log)]


def rust_records(log: bytes) -> list[dict[str, Any]]:
    """What the `evtx` package itself gives: event_record_id, timestamp (of the record header, 7 digits), data (XML)."""
    import evtx

    # Its type stubs know neither streams nor the shape of a record.
    return [cast("dict[str, Any]", record) for record in evtx.PyEvtxParser(cast("Any", io.BytesIO(log))).records()]


def read_libevtx(log: bytes) -> list[Seen]:
    """libevtx; it must find the file sound and nothing to recover."""
    import pyevtx

    file = pyevtx.file()
    file.open_file_object(io.BytesIO(log))
    assert file.number_of_recovered_records == 0
    return [seen_in_xml(file.get_record(n).xml_string) for n in range(file.number_of_records)]


def read_python_evtx(log: bytes) -> list[Seen]:
    """python-evtx; the checksums of the file and of every chunk must hold."""
    with opened_by_python_evtx(log) as file:
        assert file.get_file_header().verify()
        assert all(chunk.verify() for chunk in file.chunks())
        return [seen_in_xml(record.xml()) for record in file.records()]


@contextmanager
def opened_by_python_evtx(log: bytes) -> Iterator[Any]:
    """A log opened by python-evtx, which insists on a file with a name."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.evtx"
        path.write_bytes(log)
        with python_evtx().Evtx(str(path)) as file:
            yield file


_SYSTEM = ("Provider_", "Correlation_", "Execution_", "Security_", "TimeCreated_", "EventID")
_SYSTEM_NAMES = {"Version", "Level", "Task", "Opcode", "Keywords", "EventRecordID", "Channel", "Computer", "Binary"}


def read_dissect(log: bytes) -> list[Seen]:
    """dissect.eventlog: a flat mapping whose repeated names are numbered (Data, Data_1), values as Python objects."""
    from dissect.eventlog.evtx import Evtx

    return [_flat(record) for record in Evtx(io.BytesIO(log))]


def _flat(record: dict[str, Any]) -> Seen:
    values = {name: value.get() if hasattr(value, "get") else value for name, value in record.items()}
    when = values["TimeCreated_SystemTime"].isoformat()
    pairs = [pair for name, value in values.items() if not _is_system(name) for pair in _dissect_pairs(name, value)]
    return Seen(int(values["EventRecordID"]), when, values["Provider_Name"], int(values["EventID"]), pairs)


def _is_system(name: str) -> bool:
    return name.startswith(_SYSTEM) or name in _SYSTEM_NAMES or name.endswith("_xmlns")


def _dissect_pairs(name: str, value: object) -> Iterator[tuple[str | None, str | None]]:
    plain = None if name.rstrip("0123456789_") == "Data" else name.removeprefix("LogFileCleared_")
    for item in value if isinstance(value, list) else [value]:
        yield plain, None if item is None else str(item)


READERS = {
    "evtx": read_rust,
    "libevtx": read_libevtx,
    "python-evtx": read_python_evtx,
    "dissect.eventlog": read_dissect,
}
