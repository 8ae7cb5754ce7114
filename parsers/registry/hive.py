"""Registry hives: every key with its last change and its values, and what certain keys mean.

Keys are found cell by cell and placed by the parent each of them names, so that a broken list or a broken key costs
nothing but itself. A key that no list leads to any more is told as recovered. A hive that was not closed cleanly is
told as it is after its transaction logs.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass

from parsers.ntfs import filetime
from parsers.registry.cells import Damage, cells, header, is_key, reachable
from parsers.registry.keys import MOST_TEXT, MOST_VALUES, BadValue, Node, Value, read_node, values
from parsers.registry.plugins import PLUGINS, Key, Said
from parsers.registry.replay import Replayed, replay
from parsers.registry.secrets import HIDDEN, secret
from shellcase.model import Companion, Event, Issue, Job, Kind, Ledger, Origin, Parser, ParserOutput, Span
from shellcase.model import Value as Field

_DEEPEST = 512  # levels, as Windows allows
_KNOWN = frozenset(
    ["SYSTEM", "SOFTWARE", "SAM", "SECURITY", "DEFAULT", "COMPONENTS", "NTUSER.DAT", "USRCLASS.DAT", "AMCACHE.HVE"]
)


@dataclass(slots=True)
class _Hive:
    """One hive while it is read. Keys by the file offset of their cell."""

    name: str
    file: str
    state: str
    raw: bytes
    replayed: Replayed
    nodes: dict[int, Node]
    linked: set[int]
    paths: dict[int, str]

    def path(self, offset: int) -> str:
        """The path of a key below the root; a parent that is not there is shown as such."""
        steps: list[Node] = []
        path = self.paths.get(offset)
        while path is None:
            node = self.nodes.get(offset)
            if node is None or len(steps) >= _DEEPEST:
                path = f"<lost parent 0x{offset:x}>" if node is None else "<too deep>"
            elif node.root:
                path = ""
            else:
                steps.append(node)
                offset = node.parent
                path = self.paths.get(offset)
        for node in reversed(steps):
            path = f"{path}\\{node.name}" if path else node.name
            self.paths[node.offset] = path
        return path


def parse(job: Job) -> Iterator[ParserOutput]:
    """Events of all keys in the order of their cells, issues, and the ledger."""
    with job.source.open() as stream:
        found = stream.read()
    replayed = replay(found, job)
    yield from replayed.issues
    raw = replayed.raw
    name = job.source.path.rpartition("\\")[2].upper()
    hive = _Hive(name, job.source.path, job.source.state, raw, replayed, {}, reachable(raw, header(raw).root), {})
    failed = yield from _load(hive)
    times: list[int] = []
    for node in hive.nodes.values():
        ns = filetime.to_ns(node.ticks)
        times += [ns] if ns is not None else []
        yield from _key(hive, node)
    yield Ledger(
        bytes_seen=len(found),
        found=len(hive.nodes) + len(failed),
        parsed=len(hive.nodes),
        failed=len(failed),
        recovered=len(hive.nodes.keys() - hive.linked),
        failed_ranges=tuple(failed),
        first_ns=min(times, default=None),
        last_ns=max(times, default=None),
    )


def _load(hive: _Hive) -> Generator[ParserOutput, None, list[tuple[int, int]]]:
    """Decode the keys of all cells; returns the ranges of those that could not be."""
    failed: list[tuple[int, int]] = []
    found: list[tuple[int, int]] = []
    for one in cells(hive.raw):
        if isinstance(one, Damage):
            yield Issue(grade="damaged", what=one.what, offset=one.offset, length=one.length, expected="cells in bins")
        elif one[2] and is_key(hive.raw, one[0], one[1]):
            found.append(one[:2])
    strange = sorted(hive.linked - {offset for offset, _ in found})
    for offset, size in [*found, *((offset, 8) for offset in strange)]:
        try:
            hive.nodes[offset] = read_node(hive.raw, offset)
        except (ValueError, struct.error) as error:
            failed.append((offset, size))
            yield Issue(
                grade="damaged",
                what="this key cannot be read",
                offset=offset,
                length=size,
                expected="a key",
                found=str(error),
            )
    for offset in strange:
        yield Issue(grade="odd", what="a key that is listed lies in a cell marked free", offset=offset)
    return failed


def _key(hive: _Hive, node: Node) -> Iterator[ParserOutput]:
    """The events of one key, and issues for values that cannot be read."""
    path = hive.path(node.offset)
    good: list[Value] = []
    for value in values(hive.raw, node):
        if isinstance(value, BadValue):
            where = f"{hive.name}\\{path}"
            found = f"{value.what} (at byte {value.offset})"
            yield Issue(grade="damaged", what="a value cannot be read", offset=node.offset, found=found, locator=where)
        else:
            good.append(value)
    if filetime.to_ns(node.ticks) is None:
        yield Issue(grade="odd", what="a key without a time", offset=node.offset, found=str(node.ticks), locator=path)
    generic = _generic(hive, node, path, good)
    yield generic
    yield from _meanings(hive, path, good, generic)


def _generic(hive: _Hive, node: Node, path: str, good: list[Value]) -> Event:
    state = hive.state if node.offset in hive.linked or hive.state != "live" else "recovered"
    data: dict[str, Field] = {"hive": hive.name, "key": path, "values": _shown(hive.name, path, good)}
    if len(good) > MOST_VALUES:
        data["values_not_shown"] = len(good) - MOST_VALUES
    return Event(
        when=filetime.moment(node.ticks, "written"),
        act="modified",
        kind="windows.registry.key",
        subject=f"registry key {hive.name}\\{path} was changed",
        origin=_origin(hive, node, path, state),
        data=data,
    )


def _origin(hive: _Hive, node: Node, path: str, state: str) -> Origin:
    """Where a key lies; offsets of a replayed key count in the replayed hive, its bytes are in the log."""
    log = hive.replayed.source(node.offset, node.size)
    where = f"{hive.name}\\{path}"
    if log is None:
        return Origin((Span(node.offset, node.size),), where, state)
    return Origin((Span(node.offset, node.size, layer="replayed"),), f"{where} (replayed from {log})", state)


def _shown(name: str, path: str, good: list[Value]) -> dict[str, str]:
    """Values as text, cut to what a person would read; secrets by their name only."""
    out: dict[str, str] = {}
    for value in good[:MOST_VALUES]:
        label = value.name or "(default)"
        label = label if label not in out else f"{label}#{len(out)}"
        text = HIDDEN if secret(name, path, value.name, value.type) else value.text
        out[label] = text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}… (cut)"
    return out


def _meanings(hive: _Hive, path: str, good: list[Value], generic: Event) -> Iterator[Event]:
    """What the plug-ins say of a key."""
    told: list[tuple[str, Said]] = []
    for plugin in PLUGINS:
        if plugin.knows(hive.name, path):
            key = Key(hive.name, hive.file, path, generic.when, _by_name(good))
            told += [(plugin.kind, said) for said in plugin.read(key)]
    for ordinal, (kind, said) in enumerate(told, 1):
        yield Event(
            when=said.when or generic.when,
            act=said.act,
            kind=kind,
            subject=said.subject,
            origin=generic.origin,
            data=said.data,
            ordinal=ordinal,
            user=said.user,
            process=said.process,
        )


def _by_name(good: list[Value]) -> Mapping[str, Value]:
    """Values by lower-case name; the first of a name counts, as it does for Windows."""
    return {value.name.casefold(): value for value in reversed(good)}


def recognises(head: bytes, path: str) -> bool:
    r"""A hive by its header (logs carry another type); or one of Windows' own hives whose header is damaged."""
    if head[:4] == b"regf":
        return header(head).kind == 0
    folder, _, name = path.upper().rpartition("\\")
    return bool(head.strip(b"\0")) and name in _KNOWN and folder.endswith("\\SYSTEM32\\CONFIG")


PARSER = Parser(
    name="windows.registry",
    version=2,
    definitions=("WindowsRegistryHives", "WindowsUserHives"),
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
            },
        ),
        *(Kind(name=kind, fields=fields) for kind, fields in {p.kind: p.fields for p in PLUGINS}.items()),
    ),
    recognises=recognises,
    parse=parse,
    tier=1,
)
