"""One record of an EVT file as an event.

Little endian: size, `LfLe`, number, generated and written (seconds since 1970 UTC), event id (u32 each), type, number
of strings, category, flags (u16 each), closing number, offset of the strings, length and offset of the SID, length and
offset of the data (u32 each); then source and computer as UTF-16 with NUL. Source: [MS-EVEN] 2.2.3, EVENTLOGRECORD.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import PureWindowsPath

from parsers.eventlog.evtwalk import LEAST_RECORD
from parsers.eventlog.said_2003 import SAID, USERS
from parsers.eventlog.subjects import filled, subject
from parsers.times import ns_text
from shellcase.model import Event, Moment, Origin, Value

_TYPES = {0: "Success", 1: "Error", 2: "Warning", 4: "Information", 8: "Success audit", 16: "Failure audit"}
_CHANNELS = {"secevent": "Security", "appevent": "Application", "sysevent": "System"}
_HEAD = struct.Struct("<II4H6I")  # from the time of writing on


def read_record(raw: bytes, origin: Origin, path: str) -> tuple[Event, bool]:
    """The event of a record's bytes, and whether all of its parts lie inside of it."""
    number, generated = struct.unpack_from("<II", raw, 8)
    written, code, kind, count, category, _flags, _closing, *places = _HEAD.unpack_from(raw, 16)
    strings_at, sid_length, sid_at, data_length, data_at = places
    names, fits = _strings(raw, LEAST_RECORD, 2)
    texts, all_texts = _strings(raw, strings_at, count) if count else ([], True)
    sid, all_sid = _part(raw, sid_at, sid_length)
    binary, all_data = _part(raw, data_at, data_length)
    provider, computer = names
    data: dict[str, Value] = {
        "RecordNumber": str(number),
        "EventID": f"0x{code:08x}",
        "Type": _TYPES.get(kind, str(kind)),
        "Category": str(category),
        "Computer": computer,
        "UserID": _sid(sid),
        "Data": texts,
        "Binary": binary.hex(),
        **({"written": ns_text(written * 10**9, 0)} if written != generated else {}),
        "record_crc32": f"{zlib.crc32(raw):08x}",
    }
    event = Event(
        when=Moment(ns=generated * 10**9, resolution_ns=10**9, text=ns_text(generated * 10**9, 0)),
        act="logged",
        kind="windows.evt.record",
        subject=_subject(provider, str(code & 0xFFFF), texts),
        origin=origin,
        data={key: value for key, value in data.items() if value not in ("", [])},
        event_code=str(code & 0xFFFF),
        channel=_channel(path),
        provider=provider or None,
        user=_user(provider, str(code & 0xFFFF), texts),
    )
    return event, fits and all_texts and all_sid and all_data


def _strings(raw: bytes, at: int, count: int) -> tuple[list[str], bool]:
    """So many texts, each up to its NUL; what is missing is empty, with False."""
    found = list[str]()
    end = len(raw) - 4
    while len(found) < count and at < end:
        stop = at
        while stop + 1 < end and raw[stop : stop + 2] != b"\0\0":
            stop += 2
        found.append(raw[at:stop].decode("utf-16-le", "backslashreplace"))
        if stop + 1 >= end:
            return _padded(found, count), False
        at = stop + 2
    return _padded(found, count), len(found) == count


def _padded(found: list[str], count: int) -> list[str]:
    return found + [""] * (min(count, 2) - len(found))


def _part(raw: bytes, at: int, length: int) -> tuple[bytes, bool]:
    inside = not length or LEAST_RECORD <= at <= at + length <= len(raw) - 4
    return (raw[at : at + length] if inside else b""), inside


def _sid(raw: bytes) -> str:
    if not raw:
        return ""
    if len(raw) < 8 or len(raw) < 8 + 4 * raw[1]:
        return raw.hex()
    parts = struct.unpack_from(f"<{raw[1]}I", raw, 8)
    return "-".join(["S", str(raw[0]), str(int.from_bytes(raw[2:8], "big")), *map(str, parts)])


def _channel(path: str) -> str | None:
    stem = PureWindowsPath(path).stem
    return _CHANNELS.get(stem.lower(), stem) or None


def _subject(provider: str, code: str, texts: list[str]) -> str:
    template = SAID.get(provider, {}).get(code)
    if template:
        return filled(template, {}, texts)
    return subject(provider, code, {f"param{place}": text for place, text in enumerate(texts, 1)}, texts)


def _user(provider: str, code: str, texts: list[str]) -> str | None:
    domain, name = USERS.get(code, (0, 0)) if provider == "Security" else (0, 0)
    if domain >= len(texts) or name >= len(texts) or domain == name or not texts[name]:
        return None
    return f"{texts[domain]}\\{texts[name]}" if texts[domain] else texts[name]
