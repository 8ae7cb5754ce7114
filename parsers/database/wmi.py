"""WMI persistence (OBJECTS.DATA): event filters, their consumers, and what binds them, live and left over.

The texts of an instance are told in their order; which of them is the query, the command or the script is known by its
form, not by the class's own layout, which is not read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from parsers import times
from parsers.account import Account
from parsers.database.cimpages import PAGE, Instance, Place, places, read
from parsers.database.sid import sid_text
from shellcase.model import Event, Issue, Job, Kind, Moment, Origin, Parser, ParserOutput, Span, Value

_MOST_READ = 256 << 20
_QUERY = re.compile(r"\s*select\s", re.IGNORECASE)
_NAMED = re.compile(r'(?:\\\\[^"]{0,256}:)?(\w{1,128})\.Name\s*=\s*"([^"]{0,1024})"')
_NAMESPACE = re.compile(r"(?i)(?:\\\\[^\\]+\\)?root(?:[\\/]\w+)*")
_ENGINES = frozenset(["vbscript", "jscript", "javascript"])
_KINDS = {
    "__EventFilter": "windows.wmi.filter",
    "__FilterToConsumerBinding": "windows.wmi.binding",
}
_CONSUMER = "windows.wmi.consumer"


def parse(job: Job) -> Iterator[ParserOutput]:
    """One event for each filter, consumer and binding, issues, and the ledger."""
    size = job.source.size
    with job.source.open() as stream:
        raw = stream.read(_MOST_READ)
    account = Account(bytes_seen=len(raw))
    if size > len(raw):
        what = f"only the first {len(raw)} bytes of the repository were looked at"
        yield Issue(grade="lost", what=what, offset=len(raw), length=size - len(raw))
    for place in places(raw):
        account.found += 1
        instance = read(raw, place)
        if instance is None:
            account.lost(place.offset, place.length)
            what = f"an instance of {place.name} cannot be read"
            yield Issue(
                grade="damaged", what=what, offset=place.offset, length=place.length, expected="two times, then texts"
            )
            continue
        account.parsed += 1
        account.recovered += not place.listed
        event = _event(job, place, instance, raw)
        if place.listed:
            account.saw(event.when.ns)
        yield event
    yield account.close()


def _fields(instance: Instance) -> dict[str, str]:
    """What the texts are, by their form."""
    out: dict[str, str] = {}
    texts = [t for t in instance.texts if t.casefold() != instance.name.casefold()]
    rest: list[str] = []
    for text in texts:
        named = _NAMED.fullmatch(text.strip())
        if named:
            out.setdefault("filter" if named[1].casefold() == "__eventfilter" else "consumer", text.strip())
        elif _QUERY.match(text):
            out.setdefault("query", text)
        elif text.casefold() == "wql":
            out.setdefault("query_language", text)
        elif text.casefold() in _ENGINES:
            out.setdefault("script_engine", text)
        elif _NAMESPACE.fullmatch(text):
            out.setdefault("namespace", text)
        else:
            rest.append(text)
    return out | _rest(instance.name, rest)


def _rest(name: str, rest: list[str]) -> dict[str, str]:
    """Of the remaining texts the longest is the script or command, the shortest the name."""
    if not rest:
        return {}
    longest = max(rest, key=len)
    if name == "ActiveScriptEventConsumer":
        others = [t for t in rest if t is not longest]
        return {"script": longest, **({"name": others[0]} if others else {})}
    if name == "CommandLineEventConsumer":
        commands = [t for t in rest if "\\" in t or " " in t or t.casefold().endswith((".exe", ".bat", ".cmd"))]
        names = [t for t in rest if t not in commands]
        found = {"command": max(commands, key=len)} if commands else {}
        return found | ({"name": names[-1]} if names else {})
    return {"name": rest[-1]} if name == "__EventFilter" else {}


def _event(job: Job, place: Place, instance: Instance, raw: bytes) -> Event:
    fields = _fields(instance)
    sid = next((text for one in instance.sids if (text := sid_text(one))), None)
    data: dict[str, Value] = {
        "class": instance.name,
        **fields,
        "texts": list(instance.texts),
        "creator": sid,
        "stamp1": times.filetime_text(instance.stamps[0]) if instance.stamps[0] else None,
        "stamp2": times.filetime_text(instance.stamps[1]) if instance.stamps[1] else None,
        "digest": hashlib.sha256(raw[place.offset : place.offset + place.length]).hexdigest(),
    }
    ticks = instance.stamps[0] or instance.stamps[1]
    page = place.offset - place.offset % PAGE
    head = Span(page, min(PAGE, place.offset - page), "context")
    state = job.source.state if place.listed else "recovered"
    return Event(
        when=times.filetime_moment(ticks, "written") if ticks else Moment(None, 100, ""),
        act="configured",
        kind=_KINDS.get(instance.name, _CONSUMER),
        subject=_subject(instance.name, fields)[:300],
        origin=Origin((Span(place.offset, place.length), head), f"{instance.name} at 0x{place.offset:x}", state),
        data=data,
        user=sid,
        command=fields.get("command") or fields.get("script"),
    )


def _subject(name: str, fields: dict[str, str]) -> str:
    if name == "__FilterToConsumerBinding":
        return f"WMI binds {fields.get('filter', 'a filter')} to {fields.get('consumer', 'a consumer')}"
    what = "WMI event filter" if name == "__EventFilter" else f"WMI {name}"
    named = f" {fields['name']}" if "name" in fields else ""
    says = fields.get("query") or fields.get("command") or fields.get("script") or ""
    return f"{what}{named}: {says}"


def recognises(head: bytes, path: str) -> bool:
    """By its name and folder; its pages have no signature."""
    place = path.upper()
    return place.endswith("\\OBJECTS.DATA") and bool(head.strip(b"\0"))


_FIELDS = {
    "class": "class of the instance",
    "name": "its name (by the form of its texts)",
    "query": "what a filter waits for",
    "query_language": "WQL",
    "namespace": "where the filter looks",
    "command": "what a command-line consumer runs",
    "script": "what a script consumer runs",
    "script_engine": "VBScript or JScript",
    "filter": "the filter of a binding",
    "consumer": "the consumer of a binding",
    "texts": "all texts of the instance in their order",
    "creator": "SID of who made it",
    "stamp1": "first time of the record",
    "stamp2": "second time of the record",
    "digest": "SHA-256 of the record's bytes",
}

PARSER = Parser(
    name="windows.wmi",
    version=1,
    definitions=("WmiRepository",),
    yields=tuple(Kind(name=name, fields=_FIELDS) for name in (*_KINDS.values(), _CONSUMER)),
    recognises=recognises,
    parse=parse,
    tier=2,
)
