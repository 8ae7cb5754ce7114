"""What is to be parsed: which parser takes which artefact, in which groups or parts, and in which order.

Small artefacts of one parser travel in groups. A big one is cut into spans by its parser, by the bytes alone, so that
all processes work on it. Tasks are in order of tier, then the largest artefact first; the parts of one artefact follow
each other. Neither order nor cuts show in what comes out.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec

from collector.records import SourceRecord
from parsers import named, reading
from shellcase.case import Case, ObjectSource, open_object
from shellcase.copies import Linking, Rank, Repeats, counted, entry_of, linking, of_shadow, ranks
from shellcase.ledger import Entry
from shellcase.model import Companion, HostFacts, Item, Parser, Span
from shellcase.placing import BIG
from shellcase.twice import compared
from shellcase.worker import Task

_GROUP_FILES = 64
_MOST_BESIDE = 1024  # files of a folder read beside one artefact
_GROUP_BYTES = 4 << 20
_PACKED = re.compile(r"\.(?:gz|tgz|bz2|xz|zst|zip|7z|rar|cab)$", re.IGNORECASE)
_LOG_NAME = re.compile(r"\\(?:u_(?:ex|in|nc)|HttpProxy2?_|ECPServer|OABGenerator)\w*\d{6}[^\\]*$", re.IGNORECASE)
_LOGS = {"IisLogs", "IisHttpErrLogs", "ExchangeHttpProxyLogs", "ExchangeEcpServerLogs", "ExchangeOabGeneratorLogs"}
_MANAGEMENT = "msexchange management.evtx"


def claims(item: Item, evidence: Path) -> Iterator[Parser]:
    """The parsers that take an artefact: by definition, then by its first bytes."""
    wanted = reading(item.definitions)
    if not wanted or item.object is None or not item.size:
        return
    with open_object(evidence, item) as fh:
        head = fh.read(4096)
    path = f"{item.path}:{item.stream}" if item.stream else item.path
    yield from (p for p in wanted if p.recognises(head, path))


@dataclass(frozen=True, slots=True)
class Scope:
    """A source and those before it of the same computer: their items, how good each place is, their timelines."""

    own: str
    items: tuple[Item, ...]
    rank: Mapping[tuple[str, str], Rank]
    earlier: tuple[Path, ...]

    def companions(self) -> Callable[[Parser, Item], dict[str, Item]]:
        """Finds the files read beside an item: of its own source, and of its own shadow copy."""
        by_path = {_at(i, i.path): i for i in self.items if i.object is not None and counted(i)}

        def find(parser: Parser, item: Item) -> dict[str, Item]:
            found = ((c.role, by_path.get(_at(item, _beside(c.pattern, item)))) for c in parser.companions)
            named = {role: other for role, other in found if other is not None}
            return named | {k: v for c in parser.companions for k, v in _folder(c, item, self.items).items()}

        return find

    def links(self) -> Linking | None:
        """What is needed to find copies; None where there can be none."""
        return linking(self.own, self.items, self.rank, self.earlier)


def scope_of(case: Case, source_id: str) -> Scope:
    """The source with the earlier ones of its computer."""
    paths = sorted((case.evidence / "sources").glob("SRC-*.json"))
    records = [msgspec.json.decode(p.read_bytes(), type=SourceRecord) for p in paths]
    before = [r for r in records if (len(r.source), r.source) < (len(source_id), source_id)]
    mine = (shared for r in records if r.source == source_id for shared in compared(r, before, case.items()))
    same = {shared.earlier for shared in mine if shared.relation == "same"}
    near = [r for r in before if r.source in same]
    inside = {r.source: r for r in [*near, *(r for r in records if r.source == source_id)]}
    rank = {k: v for r in inside.values() for k, v in ranks(r.source, r.snapshots).items()}
    parquet = (p for r in near for p in folder_of(case, r.source).glob("*.parquet"))
    items = tuple(i for i in case.items() if i.source in inside or i.source == source_id)
    return Scope(source_id, items, rank or ranks(source_id, ()), tuple(sorted(parquet)))


def unread(case: Case, classes: Collection[str]) -> list[Item]:
    """Live items of these classes that no parser takes, nor reads beside one that it takes (the log of a hive)."""
    live = [i for i in case.items() if i.cls in classes and i.state == "live" and i.size]
    taken = [(p, i) for i in live for p in claims(i, case.evidence)]
    find = Scope("", tuple(live), {}, ()).companions()
    known = {i.artifact_id for _p, i in taken} | {o.artifact_id for p, i in taken for o in find(p, i).values()}
    return [i for i in live if i.artifact_id not in known]


def packed(case: Case) -> list[Item]:
    """Packed files in the folders of request logs, or named as such: no parser reads them, so they must be told."""
    files = (i for i in case.items() if i.state == "live" and i.size and _PACKED.search(i.path))
    return [i for i in files if _LOGS & {*i.definitions} or _LOG_NAME.search(i.path)]


def folder_of(case: Case, source_id: str) -> Path:
    """Where the timeline of a source lies."""
    return case.timeline_folder() / f"source={source_id}"


def plan(case: Case, source_id: str, host: HostFacts, scope: Scope | None = None) -> tuple[list[Task], list[Entry]]:
    """Every task of a source, in tiers, large artefacts first, and what needs no parsing since its bytes are parsed.

    Groups and parts depend on the items alone. Where records may be copies of others, all shards are to be merged.
    """
    scope = scope or scope_of(case, source_id)
    companions, linked = scope.companions(), scope.links() is not None
    tasks: list[Task] = []
    repeated: list[Entry] = []
    by_parser: dict[str, list[Item]] = {}
    for item in _candidates(scope):
        for parser in claims(item, case.evidence):
            by_parser.setdefault(parser.name, []).append(item)
    groups: dict[tuple[int, str], list[Item]] = {}
    for name, members in by_parser.items():
        parser = named(name)
        repeats = Repeats(scope.rank)
        beside = {i.artifact_id: companions(parser, i) for i in members}
        for item in repeats.pick(members, beside, source_id):
            tier = 0 if item.path.lower().endswith(_MANAGEMENT) else parser.tier
            groups.setdefault((tier, name), []).append(item)
        repeated += [entry_of(i, k, name, parser.version) for i, k in repeats.pairs]
    for (tier, name), members in groups.items():
        for group in _portions(members):
            tasks += _tasks(_task(case, source_id, host, named(name), tier, group, companions), case, linked=linked)
    return sorted(tasks, key=_first), repeated


def _first(task: Task) -> tuple[int, int, str, str, int]:
    """By tier, then the largest artefact; the parts of one in order."""
    span = task.span.offset if task.span else 0
    return task.tier, -sum(i.size for i in task.items), task.parser, task.items[0].item, span


def _candidates(scope: Scope) -> list[Item]:
    """The source's own items, and earlier ones whose bytes one of its own has."""
    known = {i.sha256 for i in scope.items if i.source == scope.own}
    return [i for i in scope.items if i.source == scope.own or i.sha256 in known]


def _portions(items: list[Item]) -> Iterator[tuple[Item, ...]]:
    group: list[Item] = []
    for item in sorted(items, key=lambda i: (-(i.size // _GROUP_BYTES), i.item)):
        if group and (len(group) >= _GROUP_FILES or sum(i.size for i in group) + item.size > _GROUP_BYTES):
            yield tuple(group)
            group = []
        group.append(item)
    if group:
        yield tuple(group)


def _task(
    case: Case,
    source_id: str,
    host: HostFacts,
    parser: Parser,
    tier: int,
    items: tuple[Item, ...],
    companions: Callable[[Parser, Item], dict[str, Item]],
) -> Task:
    key = "\n".join([parser.name, str(parser.version), *(f"{i.artifact_id} {i.sha256}" for i in items)])
    return Task(
        parser=parser.name,
        evidence=str(case.evidence),
        shard=str(case.shards / f"{parser.name.replace('.', '-')}-{_digest(key)}"),
        source_id=source_id,
        host=host,
        items=items,
        companions=tuple(companions(parser, i) for i in items),
        tier=tier,
    )


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:24]


def _tasks(task: Task, case: Case, *, linked: bool) -> list[Task]:
    """The task, or one for each part of its only artefact where that is cut."""
    big = task.size >= BIG
    task = msgspec.structs.replace(task, final=big and not linked)
    spans = _spans(named(task.parser), task, case) if big else ()
    if len(spans) < 2:
        return [task]
    return [
        msgspec.structs.replace(task, span=s, shard=f"{task.shard}{_digest(f'{s.offset} {s.length}')[:12]}")
        for s in spans
    ]


def _spans(parser: Parser, task: Task, case: Case) -> tuple[Span, ...]:
    [item] = task.items
    if parser.split is None or item.stored_as != "raw":
        return ()
    return parser.split(ObjectSource(case.evidence, item, case.shards))


_At = tuple[str, str, str, str, str | None]


def _at(item: Item, path: str) -> _At:
    """Where a file lies: a recovered one is sought among the live ones."""
    state = item.state if of_shadow(item.state) else "live"
    return item.source, state, item.volume, path.lower(), item.stream if path == item.path else None


def _beside(pattern: str, item: Item) -> str:
    folder, _, name = item.path.rpartition("\\")
    wanted = pattern.replace("{name}", name)
    return f"{item.path.split(chr(92), 1)[0]}\\{wanted}" if wanted.startswith("$") else f"{folder}\\{wanted}"


def _folder(companion: Companion, item: Item, items: Sequence[Item]) -> dict[str, Item]:
    r"""All files of a folder that a pattern like `..\..\Entries\*` names; each gets a role of its own."""
    *steps, last = companion.pattern.split("\\")
    if last != "*":
        return {}
    parts = item.path.lower().split("\\")[:-1]
    for step in steps:
        parts = parts[:-1] if step == ".." else [*parts, step.lower()]
    folder = _at(item, "\\".join(parts))
    inside = (i for i in items if i.object and not i.stream and counted(i) and _at(i, _parent(i)) == folder)
    return {f"{companion.role}:{i.path.lower()}": i for i in islice(inside, _MOST_BESIDE)}


def _parent(item: Item) -> str:
    return item.path.rpartition("\\")[0]
