"""Defender's quarantine, the entries: what was locked away, from where, when, and when it had been made."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from parsers import times
from parsers.account import Account
from parsers.crc import CRC, crc
from parsers.defender.entry import HEAD, MAGIC, Entry, Resource, count, read
from shellcase.model import Event, Issue, Job, Kind, Moment, Origin, Parser, ParserOutput, Span, Value

_MOST_READ = 32 << 20
_STAMPS = (("created", "created", "start"), ("written", "written", "written"))


def parse(job: Job) -> Iterator[ParserOutput]:
    """Events of each resource of the entry, issues, and the ledger."""
    with job.source.open() as stream:
        raw = stream.read(_MOST_READ)
    account = Account(bytes_seen=len(raw))
    entry = read(raw)
    if entry is None:
        account.found = int(bool(raw))
        if raw:
            what = "the header of this quarantine entry does not fit"
            yield Issue(grade="lost", what=what, offset=0, length=len(raw), expected="sizes of two sections")
            account.lost(0, len(raw))
        yield account.close()
        return
    account.found, account.announced = count(raw), entry.announced
    yield from _issues(entry, account)
    view = memoryview(raw)
    for number, resource in enumerate(entry.resources, 1):
        account.parsed += 1
        own = crc(view[resource.offset : resource.offset + resource.length])
        for event in _events(job, entry, resource, number, own):
            account.saw(event.when.ns)
            yield event
    yield account.close()


def _issues(entry: Entry, account: Account) -> Iterator[Issue]:
    for offset, length, why in entry.problems:
        account.lost(offset, length)
        yield Issue(grade="damaged", what="a resource cannot be read", offset=offset, length=length, found=why)
    if entry.announced != account.found:
        what = "the entry announces other than it holds"
        at = HEAD + entry.sizes[0]
        found = str(entry.announced)
        yield Issue(grade="damaged", what=what, offset=at, length=4, expected=f"{account.found}", found=found)


def _events(job: Job, entry: Entry, resource: Resource, number: int, own: str) -> Iterator[Event]:
    told: list[tuple[str, Moment]] = [("quarantined", times.filetime_moment(entry.ticks))]
    for name, act, means in _STAMPS:
        when = times.filetime_moment(getattr(resource, name), means)
        told += [(act, when)] if when.ns is not None else []
    for ordinal, (act, when) in enumerate(told):
        origin = Origin(_spans(entry, resource), _where(number), job.source.state)
        event = _event(job, entry, resource, origin, act, when, ordinal)
        yield replace(event, data={**event.data, "crc": own})


def _where(number: int) -> str:
    return f"resource {number}"


def _spans(entry: Entry, resource: Resource) -> tuple[Span, ...]:
    """The resource and the entry's own section; header and list of resources lead to them."""
    first, _ = entry.sizes
    second = HEAD + first
    return (
        Span(resource.offset, resource.length),
        Span(HEAD, first, "context"),
        Span(0, HEAD, "context"),
        Span(second, resource.offset - second, "context"),
    )


def _event(job: Job, entry: Entry, resource: Resource, origin: Origin, act: str, when: Moment, ordinal: int) -> Event:
    words = {"quarantined": "was locked away", "created": "had been created", "written": "had been written"}
    data: dict[str, Value] = {
        "quarantine_id": entry.quarantine_id,
        "scan_id": entry.scan_id,
        "threat_id": str(entry.threat_id),
        "threat": entry.threat,
        "resource_type": resource.kind,
        "path": resource.path,
        "resource_id": resource.resource_id or None,
        "created": times.filetime_text(resource.created) if resource.created else None,
        "accessed": times.filetime_text(resource.accessed) if resource.accessed else None,
        "written": times.filetime_text(resource.written) if resource.written else None,
        "others": list(resource.others),
        "checksums": entry.checksums,
    }
    path = resource.path.removeprefix("\\\\?\\")
    return Event(
        when=when,
        act=act,
        kind="windows.defender.quarantine",
        subject=f"{path} {words[act]} ({entry.threat})",
        origin=origin,
        ordinal=ordinal,
        data=data,
        file_path=path if resource.kind in ("file", "containerfile", "webfile") else None,
    )


def recognises(head: bytes, path: str) -> bool:
    """By the hidden magic; or by its folder, when that is damaged."""
    return head[:4] == MAGIC or (bool(head.strip(b"\0")) and "\\quarantine\\entries\\" in path.casefold())


PARSER = Parser(
    name="windows.defender.quarantine",
    version=1,
    definitions=("DefenderFiles",),
    yields=(
        Kind(
            name="windows.defender.quarantine",
            fields={
                "quarantine_id": "number of the entry, the name of its file",
                "scan_id": "number of the scan that found it",
                "threat_id": "number of the threat",
                "threat": "name of the threat",
                "resource_type": "file, regkey …",
                "path": "where it was",
                "resource_id": "name under which the content lies in ResourceData",
                "created": "when the file had been created",
                "accessed": "when the file had been read last",
                "written": "when the file had been written last",
                "others": "fields this parser does not know: identifier, type, bytes",
                "checksums": "the header's two checksums",
                "crc": CRC,
            },
        ),
    ),
    recognises=recognises,
    parse=parse,
    tier=1,
)
