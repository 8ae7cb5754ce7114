"""Which files of which volume are wanted: every pattern against every name, each path once with all its definitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from collector import junctions
from collector.definitions import Definition
from collector.gathered.listing import Listing
from collector.identity import printable, reparse_text
from collector.leftout import unasked
from collector.mftrecord import FOLDER_INDEX
from collector.ntfs import FIRST_USER
from collector.patterns import Matcher, Node, Pattern
from collector.survey import VolumeTree
from collector.tree import ORPHAN, Entry
from collector.variables import fill, former, values
from shellcase.model import HostFacts, Missing

ALL_STREAMS = "*"


@dataclass(slots=True)
class Target:
    """A path to take. `wanted` maps a stream's name (`*`: main stream and all others) to definitions."""

    volume: VolumeTree
    entry: Entry
    path: str
    wanted: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resolved:
    """Targets in the order of volume and path, and the patterns that matched nothing."""

    targets: tuple[Target, ...]
    missing: tuple[Missing, ...]


def resolve(source: str, volumes: Sequence[VolumeTree], definitions: Sequence[Definition], host: HostFacts) -> Resolved:
    """Match all definitions on all volumes."""
    known, patterns, missing = values(host), list[Pattern](), list[Missing]()
    for definition in definitions:
        filled, empty = fill(definition, known)
        patterns += filled
        why = "the evidence gives no value for the variable in this path"
        missing += [_missing(source, "", definition.name, text, why) for text in empty]
    patterns += former(patterns, volumes)
    matcher, letters = Matcher(patterns), {v.volume.letter for v in volumes}
    hits: set[tuple[int, tuple[str, str, str]]] = set()
    walked: dict[tuple[str, str, str], _Walked] = {}
    for volume in volumes:
        numbers = [n for n, p in enumerate(patterns) if _applies(p, volume, letters)]
        nodes = _Nodes(volume, matcher.root(numbers))
        found = _on_volume(volume, matcher, nodes, hits)
        found |= _indexes(volume, matcher, nodes, hits)
        _by_content(volume, [d.name for d in definitions], found)
        walked[volume.ident] = _Walked(volume, numbers, nodes, found)
    followed = {ident: _follow(one, volumes, matcher, walked, hits) for ident, one in walked.items()}
    targets: list[Target] = []
    for volume, numbers, nodes, found in walked.values():
        targets += [found[k] for k in sorted(found, key=lambda k: (k[1], k[0]))]
        missing += nodes.links(source, followed[volume.ident])
        missing += unasked(source, volume, _streams(found), {m.path for m in missing}, ALL_STREAMS)
        missed = (n for n in numbers if (n, volume.ident) not in hits)
        missing += [_nothing(source, volume, patterns[n]) for n in missed]
    missing += [_no_drive(source, p) for p in patterns if not any(_applies(p, v, letters) for v in volumes)]
    return Resolved(tuple(targets), tuple(missing))


class _Walked(NamedTuple):
    """What was found on one volume."""

    volume: VolumeTree
    numbers: list[int]
    nodes: _Nodes
    found: dict[tuple[int, str], Target]


def _follow(
    one: _Walked,
    volumes: Sequence[VolumeTree],
    matcher: Matcher,
    walked: Mapping[tuple[str, str, str], _Walked],
    hits: set[tuple[int, tuple[str, str, str]]],
) -> Mapping[int, int]:
    """Files behind wanted folders that lead elsewhere join those of the volume they lie on; how many, by folder."""
    counts: dict[int, int] = {}
    for record, (there, entry) in junctions.targets(one.volume, volumes).items():
        node = one.nodes.of(record)
        if node is None:
            continue
        counts[record] = 0
        numbers: set[tuple[int, tuple[str, str, str]]] = set()
        behind = _on_volume(there, matcher, _Nodes(there, None, {entry.record: node}), numbers)
        hits.update((n, one.volume.ident) for n, _ident in numbers)
        for key, target in behind.items():
            names = [n for n in target.wanted.get(ALL_STREAMS, ()) if n in junctions.FOLLOWED]
            if names and not _of_the_file_system(target):
                counts[record] += 1
                known = walked[there.ident].found.setdefault(key, Target(there, target.entry, target.path))
                asked = known.wanted.setdefault(ALL_STREAMS, [])
                asked += [n for n in names if n not in asked]
    return counts


def _of_the_file_system(target: Target) -> bool:
    """$MFT, $LogFile and the like, which lie in the root of a volume that is mounted on a folder."""
    own = target.entry.record < FIRST_USER or target.path.startswith("\\$Extend\\")
    return own and not isinstance(target.volume.fs, Listing)


def _applies(pattern: Pattern, volume: VolumeTree, letters: set[str | None]) -> bool:
    """A pattern with a drive goes to that volume; where no volume has that letter, to those without any."""
    if not pattern.drive or pattern.drive == volume.volume.name:
        return True
    return volume.volume.letter is None and pattern.drive not in letters and pattern.drive.endswith(":")


def _on_volume(
    volume: VolumeTree, matcher: Matcher, nodes: _Nodes, hits: set[tuple[int, tuple[str, str, str]]]
) -> dict[tuple[int, str], Target]:
    tree, listed = volume.tree, _listed_indexes(volume)
    found: dict[tuple[int, str], Target] = {}
    for entry in tree.files:
        node = nodes.of(tree.parent_of(entry))
        for number in node.wanted(entry.name) if node else ():
            pattern, path = matcher.patterns[number], tree.path(entry)
            index = pattern.stream == FOLDER_INDEX
            if index and entry.record not in listed:
                continue
            hits.add((number, volume.ident))
            target = found.setdefault((entry.record, path), Target(volume, entry, path))
            names = target.wanted.setdefault(ALL_STREAMS if index else pattern.stream or ALL_STREAMS, [])
            if pattern.definition not in names:
                names.append(pattern.definition)
    return found


def _listed_indexes(volume: VolumeTree) -> frozenset[int]:
    """In a collection an index is a stream of what looks like a file: their numbers."""
    files = volume.fs.files if isinstance(volume.fs, Listing) else ()
    return frozenset(n for n, filed in files if filed.stream.upper() == FOLDER_INDEX)


def _indexes(
    volume: VolumeTree, matcher: Matcher, nodes: _Nodes, hits: set[tuple[int, tuple[str, str, str]]]
) -> dict[tuple[int, str], Target]:
    """Folders whose index is asked for. One that has room in its record is no target: $MFT has the whole of it."""
    tree = volume.tree
    found: dict[tuple[int, str], Target] = {}
    for entry in tree.folders.values():
        node = nodes.of(tree.parent_of(entry))
        numbers = [n for n in node.wanted(entry.name) if matcher.patterns[n].stream == FOLDER_INDEX] if node else []
        hits.update((n, volume.ident) for n in numbers)
        file = volume.fs.file(entry.record) if numbers else None
        if file and file.index:
            path = tree.folder_path(entry.record) or "\\"
            names = list(dict.fromkeys(matcher.patterns[n].definition for n in numbers))
            found[entry.record, path] = Target(volume, entry, path, {FOLDER_INDEX: names})
    return found


def _by_content(volume: VolumeTree, asked: Sequence[str], found: dict[tuple[int, str], Target]) -> None:
    """Add the files that were told by their content."""
    claims = volume.handle.claims
    for entry in volume.tree.files if claims else ():
        key = entry.record, volume.tree.path(entry)
        names = [n for n in claims.get(entry.record, ()) if n in asked]
        if names:
            known = found.setdefault(key, Target(volume, entry, key[1])).wanted.setdefault(ALL_STREAMS, [])
            known += [n for n in names if n not in known]


def _streams(found: Mapping[tuple[int, str], Target]) -> dict[int, set[str]]:
    """Which streams of which file are asked for."""
    streams: dict[int, set[str]] = {}
    for (record, _path), target in found.items():
        streams.setdefault(record, set()).update(target.wanted)
    return streams


class _Nodes:
    """The matcher's node of each folder, found on the way down from the root, once."""

    def __init__(self, volume: VolumeTree, root: Node | None, known: Mapping[int, Node] = MappingProxyType({})) -> None:
        self._volume, self._tree = volume, volume.tree
        self._known: dict[int, Node | None] = {5: root, -1: root.enter(ORPHAN) if root else None, **known}

    def of(self, folder: int) -> Node | None:
        chain: list[Entry] = []
        while folder not in self._known and len(chain) < 256:
            entry = self._tree.folders.get(folder)
            if entry is None:
                folder = -1
                break
            chain.append(entry)
            folder = self._tree.parent_of(entry)
        node = self._known.get(folder)
        for entry in reversed(chain):
            node = node.enter(entry.name) if node else None
            self._known[entry.record] = node
        return node

    def links(self, source: str, followed: Mapping[int, int]) -> list[Missing]:
        """Wanted folders that are reparse points: described; `followed` tells how many files were taken behind them."""
        found = []
        for record in sorted(r for r in self._tree.reparse if self.of(r)):
            file, name = self._volume.fs.file(record), self._volume.shown
            what = reparse_text(file) if file and file.reparse else "reparse point"
            path = printable(self._volume.volume.name + self._tree.folder_path(record))
            found.append(
                Missing(
                    source=source,
                    volume=name,
                    definition="",
                    path=path,
                    outcome="excluded",
                    reason=f"the folder is a {what}, {_fate(followed.get(record))}",
                )
            )
        return found


def _fate(count: int | None) -> str:
    if count is None:
        return "not followed"
    return f"followed: {count or 'no'} file{'' if count == 1 else 's'} wanted there"


def _missing(source: str, volume: str, definition: str, path: str, reason: str) -> Missing:
    return Missing(source=source, volume=volume, definition=definition, path=path, outcome="missing", reason=reason)


def _nothing(source: str, volume: VolumeTree, pattern: Pattern) -> Missing:
    what = "folder" if pattern.stream == FOLDER_INDEX else "file"
    return _missing(source, volume.shown, pattern.definition, pattern.text, f"no {what} of the volume matches")


def _no_drive(source: str, pattern: Pattern) -> Missing:
    reason = f"no volume that can be read carries the letter {pattern.drive}"
    return _missing(source, pattern.drive, pattern.definition, pattern.text, reason)
