"""Detection history (Scans\\History\\Service\\DetectionHistory\\xx\\{GUID}): one file is one detection.

A file is a row of values: u32 length, u32 type, the bytes, padded to eight. `Magic.Version:1.2` begins the threat and
each of its resources. The meaning of values by their place follows plaso's and the DTF project's descriptions; every
value is told in `values` too, whatever it means.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from uuid import UUID

from msgspec import Struct

from parsers import times
from parsers.defender.tracking import tracking
from shellcase.model import Event, Issue, Job, Kind, Ledger, Moment, Origin, Parser, ParserOutput, Span, Value

_MOST_READ = 4 << 20  # a real file has a few KiB
_MOST_VALUES = 4096
_NOTHING, _FLAGS, _NUMBER, _LONG, _TIME, _TEXT, _GUID, _BLOB = 0, 5, 6, 8, 0x0A, 0x15, 0x1E, 0x28
_TYPES = frozenset([_NOTHING, _FLAGS, _NUMBER, _LONG, _TIME, _TEXT, _GUID, _BLOB])
_MAGIC = "Magic.Version:"
_FILES = ("file", "containerfile", "webfile")
_MEANINGS = (("status_changed", "last"), ("detected", "first"), ("remediated", "end"))
_WORDS = {"detected": "was detected", "remediated": "was dealt with", "status_changed": "changed its state"}


class Datum(Struct, frozen=True, gc=False):
    """One value of the row: its type, its bytes, where its header begins."""

    kind: int
    raw: bytes
    offset: int

    @property
    def text(self) -> str:
        """The value for people; blobs by their hash."""
        if self.kind == _TEXT:
            return self.raw.decode("utf-16-le", "backslashreplace").rstrip("\0")
        if self.kind == _TIME and len(self.raw) == 8:
            return times.filetime_text(int.from_bytes(self.raw, "little"))
        if self.kind == _BLOB:
            return f"{len(self.raw)} bytes, SHA-256 {hashlib.sha256(self.raw).hexdigest()}"
        return self.raw.hex()


def data(raw: bytes) -> tuple[list[Datum], int]:
    """The values, and the offset where the row ends or breaks."""
    out: list[Datum] = []
    at = 0
    while at + 8 <= len(raw) and len(out) < _MOST_VALUES:
        size, kind = int.from_bytes(raw[at : at + 4], "little"), int.from_bytes(raw[at + 4 : at + 8], "little")
        if kind not in _TYPES or at + 8 + size > len(raw):
            break
        out.append(Datum(kind, raw[at + 8 : at + 8 + size], at))
        at += (8 + size + 7) // 8 * 8
    return out, min(at, len(raw))


def parse(job: Job) -> Iterator[ParserOutput]:
    """An event for each time of the detection, issues, and the ledger; the file is the record."""
    with job.source.open() as stream:
        raw = stream.read(_MOST_READ)
    row, end = data(raw)
    yield from _issues(raw, row, end)
    events = list(_events(job, row, len(raw)))
    yield from events
    stamps = [e.when.ns for e in events if e.when.ns is not None]
    found, parsed = int(bool(raw)), int(bool(events))
    yield Ledger(
        bytes_seen=len(raw),
        found=found,
        parsed=parsed,
        failed=found - parsed,
        failed_ranges=((0, len(raw)),) if found > parsed else (),
        first_ns=min(stamps, default=None),
        last_ns=max(stamps, default=None),
    )


def _issues(raw: bytes, row: list[Datum], end: int) -> Iterator[Issue]:
    if end < len(raw):
        what = "the row of values breaks off"
        yield Issue(grade="damaged", what=what, offset=end, length=len(raw) - end, expected="length and type")
    for datum in row:
        start = datum.offset + 8 + len(datum.raw)
        rest = raw[start : datum.offset + (8 + len(datum.raw) + 7) // 8 * 8]
        if rest.strip(b"\0"):
            what = "bytes between values are not zero"
            yield Issue(grade="odd", what=what, offset=start, length=len(rest), found=rest.hex())
        if datum.kind == _TEXT and datum.raw and (datum.raw.endswith(bytes(4)) or not datum.raw.endswith(bytes(2))):
            what = "a text does not end with one zero"
            yield Issue(grade="odd", what=what, offset=datum.offset, length=8, found=f"{len(datum.raw)} bytes")
    if raw and not any(d.kind == _TEXT and d.text.startswith(_MAGIC) for d in row):
        yield Issue(grade="lost", what="no threat is named here", offset=0, length=len(raw), expected=_MAGIC)


def _groups(row: list[Datum]) -> list[list[Datum]]:
    """Values before the first mark, then those of the threat, then those of each resource."""
    groups: list[list[Datum]] = [[]]
    for datum in row:
        if datum.kind == _TEXT and datum.text.startswith(_MAGIC):
            groups.append([])
        else:
            groups[-1].append(datum)
    return groups


def _events(job: Job, row: list[Datum], size: int) -> Iterator[Event]:
    groups = _groups(row)
    if len(groups) < 2:
        return
    described = _described(groups, row)
    stamps = [d for d in groups[-1] if d.kind == _TIME and len(d.raw) == 8]
    named: list[tuple[str, Moment]] = [
        (name, times.filetime_moment(int.from_bytes(d.raw, "little"), means))
        for (name, means), d in zip(_MEANINGS, stamps, strict=False)
    ]
    told = [(name, when) for name, when in named if when.ns is not None]
    for ordinal, (name, when) in enumerate(told or [("detected", Moment(None, 100, ""))]):
        yield _event(job, described, name, when, size, ordinal)


def _described(groups: list[list[Datum]], row: list[Datum]) -> dict[str, Value]:
    head, threat, *rest = groups
    out: dict[str, Value] = {
        "threat_id": next((str(int.from_bytes(d.raw, "little")) for d in head if d.kind == _LONG), None),
        "detection_id": next((_guid(d.raw) for d in head if d.kind == _GUID), None),
        "threat": next((d.text for d in threat if d.kind == _TEXT), None),
    }
    resources = [(texts[0], texts[1], g) for g in rest if len(texts := [d.text for d in g if d.kind == _TEXT]) >= 2]
    out["resources"] = [f"{kind}: {place}" for kind, place, _ in resources]
    of_file = next(((place.partition("|")[0], g) for kind, place, g in resources if kind in _FILES), None)
    out["path"] = of_file[0] if of_file else None
    out["sha256"] = _sha256(of_file[1]) if of_file else None
    out["url"] = next((_url(place) for kind, place, _ in resources if kind == "webfile"), None)
    out |= _who(groups[-1])
    for group in rest:
        for datum in group:
            if datum.kind == _BLOB:
                out |= {name: value for name, value in tracking(datum.raw).items() if name not in out}
    out["values"] = [f"0x{d.kind:02x} {d.text}" for d in row]
    return out


def _sha256(group: list[Datum]) -> str | None:
    """The hash that stands beside a file; that of another resource would be of another file."""
    tracked = (tracking(d.raw).get("ThreatTrackingSha256", "") for d in group if d.kind == _BLOB)
    return next((text.lower() for text in tracked if text), None)


def _url(place: str) -> str | None:
    parts = place.split("|")
    return parts[1] if len(parts) > 1 else None


def _who(last: list[Datum]) -> dict[str, Value]:
    """User and process stand behind the first time of the last resource."""
    start = next((i for i, d in enumerate(last) if d.kind == _TIME), len(last))
    texts = [d.text for d in last[start:] if d.kind == _TEXT]
    names = ("user", "process", "remediated_by")
    return {name: text or None for name, text in zip(names, texts, strict=False)}


def _guid(raw: bytes) -> str:
    return "{" + str(UUID(bytes_le=raw)).upper() + "}" if len(raw) == 16 else raw.hex()


def _event(job: Job, described: dict[str, Value], name: str, when: Moment, size: int, ordinal: int) -> Event:
    pivot = {k: v if isinstance(v := described.get(k), str) and v else None for k in _PIVOTS}
    where = pivot["path"] or "something"
    return Event(
        when=when,
        act=name.replace("status_", ""),
        kind="windows.defender.detection",
        subject=f"{pivot['threat'] or 'a threat'} in {where} {_WORDS[name]}",
        origin=Origin((Span(0, size),), "whole file", job.source.state),
        ordinal=ordinal,
        data={**described, "time": name},
        user=pivot["user"],
        process=pivot["process"] if pivot["process"] != "Unknown" else None,
        file_path=pivot["path"],
        url=pivot["url"],
        sha256=pivot["sha256"],
    )


_PIVOTS = ("path", "threat", "user", "process", "url", "sha256")


def recognises(head: bytes, path: str) -> bool:
    """By its first three values (a number, a GUID, the mark); or by its folder."""
    magic = "Magic.Version:".encode("utf-16-le")
    row = head[:8] == b"\x08\0\0\0\x08\0\0\0" and head[16:24] == b"\x10\0\0\0\x1e\0\0\0"
    return (row and magic in head[:128]) or (bool(head.strip(b"\0")) and "\\detectionhistory\\" in path.casefold())


PARSER = Parser(
    name="windows.defender.detection",
    version=1,
    definitions=("DefenderFiles",),
    yields=(
        Kind(
            name="windows.defender.detection",
            fields={
                "threat_id": "number of the threat",
                "detection_id": "number of this detection, the name of its file",
                "threat": "name of the threat",
                "resources": "what it was found in: kind and place",
                "path": "the first of them that is a file",
                "sha256": "SHA-256 that Defender noted for that file",
                "url": "where the file was loaded from",
                "user": "whose the process was",
                "process": "the program that touched the file",
                "remediated_by": "who dealt with it",
                "time": "which of the times this event is",
                "values": "every value of the file: type and text",
                "*": "what Defender tracked of the file, under its own names (ThreatTrackingSha256 …)",
            },
        ),
    ),
    recognises=recognises,
    parse=parse,
    tier=1,
)
