"""Registry hives: every key with its last change and its values, and what certain keys mean.

Keys are found cell by cell and placed by the parent each of them names, so that a broken list or a broken key costs
nothing but itself. A key that no list leads to any more is told as recovered. A hive that was not closed cleanly is
told as it is after its transaction logs.
"""

from __future__ import annotations

from collections.abc import Iterator

from parsers.crc import CRC
from parsers.leaning import whole
from parsers.ntfs import filetime
from parsers.registry.cells import header
from parsers.registry.keys import MOST_TEXT, MOST_VALUES, BadValue, Node, Value, values
from parsers.registry.logfile import header_holds
from parsers.registry.meaning import meanings
from parsers.registry.places import origin
from parsers.registry.plugins import PLUGINS
from parsers.registry.replay import replay
from parsers.registry.secrets import HIDDEN, secret
from parsers.registry.tree import Hive, load
from shellcase.model import Companion, Event, Issue, Job, Kind, Ledger, Parser, ParserOutput
from shellcase.model import Value as Field
from shellcase.zones import Zone

_KNOWN = frozenset(
    ["SYSTEM", "SOFTWARE", "SAM", "SECURITY", "DEFAULT", "COMPONENTS", "NTUSER.DAT", "USRCLASS.DAT", "AMCACHE.HVE"]
)


def parse(job: Job) -> Iterator[ParserOutput]:
    """Events of all keys in the order of their cells, issues, and the ledger."""
    with job.source.open() as stream:
        raw = stream.read()
    replayed = replay(raw, job)
    yield from replayed.issues
    yield from _cut(replayed.raw)
    hive = yield from load(replayed.raw, replayed, job.source.path, job.source.state)
    times: list[int] = []
    for node in hive.nodes.values():
        ns = filetime.to_ns(node.ticks)
        times += [ns] if ns is not None and not hive.left(node) else []
        yield from _key(hive, node, job.host.zone)
    for node in sorted(hive.gone.values(), key=lambda node: node.offset):
        yield from _key(hive, node, job.host.zone)
    yield Ledger(
        bytes_seen=len(raw),
        found=len(hive.nodes) + len(hive.failed),
        parsed=len(hive.nodes),
        failed=len(hive.failed),
        recovered=sum(map(hive.left, hive.nodes.values())) + len(hive.gone),
        announced=hive.links.announced + 1 if hive.links.above else None,
        failed_ranges=tuple(hive.failed),
        first_ns=min(times, default=None),
        last_ns=max(times, default=None),
    )


def _cut(raw: bytes) -> Iterator[Issue]:
    """A hive that is shorter than its sound header says has lost the keys behind its end."""
    head = header(raw)
    if head.valid and head.end > len(raw) and header_holds(raw):
        what = "the hive ends before its last bin: the keys and values behind are gone"
        expected, found = f"{head.end} bytes", f"{len(raw)} bytes"
        yield Issue(grade="lost", what=what, offset=len(raw), length=0, expected=expected, found=found)


def _key(hive: Hive, node: Node, zone: Zone | None) -> Iterator[ParserOutput]:
    """The events of one key, and issues for values that cannot be read; a deleted key is told as far as it goes."""
    path = hive.path(node.offset)
    good: list[Value] = []
    lost = 0
    for value in values(hive.raw, node):
        if not isinstance(value, BadValue):
            good.append(value)
        elif node.offset in hive.gone:
            lost += 1
        else:
            where = f"{hive.name}\\{path}"
            found = f"{value.what} (at byte {value.offset})"
            yield Issue(grade="damaged", what="a value cannot be read", offset=node.offset, found=found, locator=where)
    if filetime.to_ns(node.ticks) is None:
        yield Issue(grade="odd", what="a key without a time", offset=node.offset, found=str(node.ticks), locator=path)
    generic = _generic(hive, node, path, good, lost)
    yield generic
    yield from meanings(hive, path, good, generic, zone)


def _generic(hive: Hive, node: Node, path: str, good: list[Value], lost: int) -> Event:
    data: dict[str, Field] = {"hive": hive.name, "key": path, "values": _shown(hive.role, path, good)}
    if len(good) > MOST_VALUES:
        data["values_not_shown"] = len(good) - MOST_VALUES
    if lost:
        data["values_lost"] = lost
    where, data["crc"] = origin(hive, node, path, good, _state(hive, node))
    deleted = "deleted " if node.offset in hive.gone else ""
    return Event(
        when=filetime.moment(node.ticks, "written"),
        act="modified",
        kind="windows.registry.key",
        subject=f"{deleted}registry key {hive.name}\\{path} was changed",
        origin=where,
        data=data,
    )


def _state(hive: Hive, node: Node) -> str:
    if not hive.left(node):
        return hive.state
    return "recovered" if hive.state == "live" else f"{hive.state}+recovered"


def _shown(name: str, path: str, good: list[Value]) -> dict[str, str]:
    """Values as text, cut to what a person would read; secrets by their name only."""
    out: dict[str, str] = {}
    for value in good[:MOST_VALUES]:
        label = value.name or "(default)"
        label = label if label not in out else f"{label}#{len(out)}"
        text = HIDDEN if secret(name, path, value.name, value.type) else value.text
        out[label] = text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}… (cut)"
    return out


def recognises(head: bytes, path: str) -> bool:
    r"""A hive by its header (logs carry another type); or one of Windows' own hives whose header is damaged."""
    if head[:4] == b"regf":
        return header(head).kind == 0
    folder, _, name = path.upper().rpartition("\\")
    return bool(head.strip(b"\0")) and name in _KNOWN and folder.endswith("\\SYSTEM32\\CONFIG")


PARSER = Parser(
    name="windows.registry",
    version=2,
    definitions=("WindowsRegistryHives", "WindowsUserHives", "AmcacheAndPrefetch"),
    companions=(
        Companion(role="log", pattern="{name}.LOG"),
        Companion(role="log1", pattern="{name}.LOG1"),
        Companion(role="log2", pattern="{name}.LOG2"),
    ),
    yields=(
        Kind(
            name="windows.registry.key",
            fields={
                "hive": "name of the hive's file",
                "key": "path below the hive's root",
                "values": "values by name, as text",
                "values_not_shown": "how many more there are",
                "crc": CRC,
                "values_lost": "values of a deleted key whose bytes are used for something else now",
            },
        ),
        *(Kind(name=k, fields={**fields, "crc": CRC}) for k, fields in {p.kind: p.fields for p in PLUGINS}.items()),
    ),
    recognises=recognises,
    context=whole,
    parse=parse,
    tier=1,
)
