"""What volume shadow copies add: which files stood in which copy, in words that say no more than they show.

A copy shows the volume at one instant. A file that is not in it was not among the names of the copy's $MFT: it may have
come and gone between two copies without any trace here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
from msgspec import Struct

from shellcase.case import Case
from shellcase.copies import SHADOW, counted
from shellcase.model import HostFacts, Volume
from shellcase.records import Item, Missing, SnapshotInfo
from shellcase.zones import iso

SHOWN = 200
_UNIX_1601 = 116_444_736_000_000_000
_CLASSES = frozenset({"script", "dump", "config", "archive"})
_WANTED = frozenset({
    "ExchangeWebFolders", "WebRoots", "IisConfiguration", "MemoryDumpFiles", "DroppedScripts", "StagedArchives",
})  # fmt: skip
NOW = "when imaged"


class Snapshot(Struct, frozen=True, kw_only=True):
    """One shadow copy as a report names it. `state` marks its items and records; `problem`: why it was not read."""

    source: str
    volume: str
    state: str
    number: int
    of: int
    created: str
    sequence: int = 0
    machine: str = ""
    copy: str = ""
    attributes: str = ""
    problem: str = ""

    @property
    def name(self) -> str:
        """For a sentence."""
        return f"snapshot {self.number} of {self.volume} of {self.created}"


class FileHistory(Struct, frozen=True, kw_only=True):
    """One path of a volume: what each copy holds of it, the oldest first, then the volume as it was imaged."""

    path: str
    cells: tuple[str, ...]
    words: str


class VolumeHistory(Struct, frozen=True, kw_only=True):
    """Files of one volume that are not the same in all its copies. `same`: how many are; `more`: not listed here."""

    source: str
    volume: str
    places: tuple[str, ...]
    files: tuple[FileHistory, ...]
    same: int
    more: int = 0


class _Source(Struct, frozen=True, kw_only=True):
    source: str
    volumes: tuple[Volume, ...] = ()
    snapshots: tuple[SnapshotInfo, ...] = ()
    host: HostFacts = HostFacts()


def read_snapshots(case: Case) -> tuple[Snapshot, ...]:
    """Every shadow copy of the case in order of source, volume and age."""
    paths = sorted((case.evidence / "sources").glob("SRC-*.json"))
    sources = [msgspec.json.decode(p.read_bytes(), type=_Source) for p in paths]
    return tuple(_named(s, info) for s in sources for info in s.snapshots)


def _named(source: _Source, info: SnapshotInfo) -> Snapshot:
    names = {v.key: v.name for v in source.volumes}
    return Snapshot(
        source=source.source,
        volume=names.get(info.volume_key, info.volume_key),
        state=SHADOW + info.snapshot,
        number=info.number,
        of=sum(s.volume_key == info.volume_key for s in source.snapshots),
        created=iso((info.created - _UNIX_1601) * 100) if info.created > _UNIX_1601 else "an unknown time",
        sequence=info.sequence,
        machine=info.machine,
        copy=info.copy,
        attributes=f"0x{info.attributes:08x}",
        problem=info.problem,
    )


def words_of(snapshots: Iterable[Snapshot]) -> dict[str, str]:
    """State → how findings name the copy."""
    return {s.state: f"{s.name} ({s.state.removeprefix(SHADOW)})" for s in snapshots}


# -- which file stood where -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Volume:
    """A volume of a source with its readable copies, the oldest first."""

    source: str
    name: str
    copies: tuple[Snapshot, ...]

    @property
    def states(self) -> tuple[str, ...]:
        return (*(s.state for s in self.copies), "live")

    @property
    def places(self) -> tuple[str, ...]:
        return (*(f"snapshot {s.number} ({s.created})" for s in self.copies), NOW)


def histories(
    items: Iterable[Item], missing: Iterable[Missing], snapshots: Sequence[Snapshot]
) -> tuple[VolumeHistory, ...]:
    """For each volume with copies: web files, configuration, archives and dumps that differ between them."""
    volumes = _volumes(snapshots)
    taken: dict[tuple[str, str], dict[str, dict[str, str]]] = {}
    for item in items:
        if counted(item) and item.cls in _CLASSES and set(item.definitions) & _WANTED:
            path = f"{item.path}:{item.stream}" if item.stream else item.path
            taken.setdefault((item.source, item.volume), {}).setdefault(path, {})[item.state] = item.sha256
    left = _left(missing, volumes)
    return tuple(_history(v, taken.get((v.source, v.name), {}), left) for v in volumes)


def _volumes(snapshots: Sequence[Snapshot]) -> list[_Volume]:
    groups: dict[tuple[str, str], list[Snapshot]] = {}
    for one in snapshots:
        if not one.problem:
            groups.setdefault((one.source, one.volume), []).append(one)
    return [_Volume(*key, tuple(sorted(found, key=lambda s: s.number))) for key, found in groups.items()]


_Left = Mapping[tuple[str, str, str], str]


def _left(missing: Iterable[Missing], volumes: Iterable[_Volume]) -> _Left:
    """(source, state, path) → outcome, of files that are there but were not taken."""
    states = {(v.source, f"{v.name} in {s.state.removeprefix(SHADOW)}"): s.state for v in volumes for s in v.copies}
    states |= {(v.source, v.name): "live" for v in volumes}
    return {
        (m.source, states[m.source, m.volume], m.path): m.outcome.replace("_", " ")
        for m in missing
        if m.outcome != "missing" and (m.source, m.volume) in states
    }


def _history(volume: _Volume, files: Mapping[str, Mapping[str, str]], left: _Left) -> VolumeHistory:
    rows: list[FileHistory] = []
    same = 0
    for path in sorted(files, key=lambda p: (p.lower(), p)):
        held = [files[path].get(s) or _why(left.get((volume.source, s, path))) for s in volume.states]
        if len(set(held)) == 1:
            same += 1
        else:
            rows.append(FileHistory(path=path, cells=_cells(held), words=sentence(held, volume.places)))
    return VolumeHistory(
        source=volume.source,
        volume=volume.name,
        places=volume.places,
        files=tuple(rows[:SHOWN]),
        same=same,
        more=max(len(rows) - SHOWN, 0),
    )


def _why(outcome: str | None) -> str | None:
    return f"not taken: {outcome}" if outcome else None


Held = Sequence[str | None]
"""What each place holds, in order of time: a SHA-256, `not taken: …`, or None where the name is absent."""


def _cells(held: Held) -> tuple[str, ...]:
    """`absent`, `there`, or which content it is where there are several."""
    contents = list(dict.fromkeys(h for h in held if h and not h.startswith("not taken")))
    return tuple(_cell(h, contents) for h in held)


def _cell(held: str | None, contents: Sequence[str]) -> str:
    if held is None:
        return "absent"
    if held not in contents:
        return f"there, {held}"
    return "there" if len(contents) == 1 else f"content {contents.index(held) + 1} ({held[:8]})"


def sentence(held: Held, places: Sequence[str]) -> str:
    """What follows from where a name stands and where not, in order of time."""
    steps = zip(zip(places, held, strict=True), zip(places[1:], held[1:], strict=True), strict=False)
    said = [_step(a, was, b, now) for (a, was), (b, now) in steps if was != now]
    return " ".join(s for s in said if s)


def _step(before: str, was: str | None, after: str, now: str | None) -> str:
    earlier, later = _called(before), _called(after)
    tail = "as far as the names in the $MFT of both tell"
    if was is None:
        return f"The file is {_in(later)}, not in {earlier}: it came to this path between the two, {tail}."
    if now is None:
        return f"The file is {_in(earlier)}, not {_in(later)}: it left this path between the two, {tail}."
    if "not taken" in was or "not taken" in now:
        return f"The file is in both {earlier} and {later}; one of the two was not taken, so they were not compared."
    return (
        f"The file's content {_in(later)} is another than {_in(earlier)}: it was written or replaced between the two."
    )


def _called(place: str) -> str:
    return "the volume as it was imaged" if place == NOW else place.replace(" (", " of ").removesuffix(")")


def _in(called: str) -> str:
    return f"on {called}" if called.startswith("the ") else f"in {called}"
