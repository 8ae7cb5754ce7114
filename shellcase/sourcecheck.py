"""What is known of the sources' integrity, as reports and summaries read it: verdicts and where damage lies.

`evidence/verification/SRC-01.json` and `evidence/damage/SRC-01.json`, written by `shellcase.verification`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from shellcase.case import Case
from shellcase.clean import plain

_SHOWN = 20
BAD = ("container damaged", "data hash does not match")
_ORDER = (*BAD, "pending", "not verified", "no stored hash", "data hash matches")


class Compared(Struct, frozen=True, kw_only=True):
    """A stored hash, where it stands, and the one computed now."""

    algorithm: str
    stored: str
    origin: str
    of: str = "data"
    computed: str = ""
    equal: bool | None = None


class SourceFile(Struct, frozen=True):
    """A file of the source, hashed as it is."""

    name: str
    size: int
    sha256: str


class StoredHashes(Struct, frozen=True, kw_only=True):
    """The verdict on one source. `statement` is its sentence for every edition; `percent` of the chunks are checked."""

    verdict: str
    source: str = "SRC-01"
    mode: str = ""
    statement: str = ""
    percent: str = "0.0"
    md5: str = ""
    sha1: str = ""
    sha256: str = ""
    stored_md5: str = ""
    stored_sha1: str = ""
    compared: tuple[Compared, ...] = ()
    bytes: int = 0
    unreadable: int = 0
    files: tuple[SourceFile, ...] = ()
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    hashed_again: str = ""

    @property
    def said(self) -> str:
        """The sentence; the bare verdict in records that have none."""
        return self.statement or self.verdict

    @property
    def pending(self) -> bool:
        """Whether the full hash is still to come."""
        return self.mode in ("fast", "full") and "pending" in self.statement


class DamagedPlace(Struct, frozen=True, kw_only=True):
    """One damaged stretch of the media."""

    start: int
    end: int
    first_sector: int
    last_sector: int
    why: str
    volume: str = ""
    first_cluster: int | None = None
    last_cluster: int | None = None


class DamagedFile(Struct, frozen=True, kw_only=True):
    """A file with bytes in it."""

    path: str
    volume: str
    record: int
    stream: str = ""
    state: str = "live"
    ranges: tuple[tuple[int, int], ...] = ()
    item: str = ""
    artifact_id: str = ""


class Damage(Struct, frozen=True, kw_only=True):
    """Where the damage of one source lies and what it touches."""

    source: str
    bytes: int
    places: tuple[DamagedPlace, ...]
    items: tuple[DamagedFile, ...]
    files: tuple[DamagedFile, ...]
    file_count: int
    records: tuple[tuple[str, int, int], ...] = ()
    free: int = 0
    outside: int = 0


def check_path(source: str) -> str:
    """Where the verdict on a source lies, below data/."""
    return f"evidence/verification/{source}.json"


def damage_path(source: str) -> str:
    """Where its damage is described, below data/."""
    return f"evidence/damage/{source}.json"


def read_check(case: Case, source: str = "SRC-01") -> StoredHashes:
    """The verdict on a source; `not verified` when the step has not run."""
    path = case.data / check_path(source)
    if not path.exists():
        return StoredHashes(verdict="not verified", source=source, problems=("verification has not run",))
    return msgspec.json.decode(path.read_bytes(), type=StoredHashes)


def read_checks(case: Case) -> tuple[StoredHashes, ...]:
    """The verdicts on all sources, in order."""
    names = sorted(p.stem for p in (case.evidence / "sources").glob("SRC-*.json"))
    return tuple(read_check(case, n) for n in names) or (read_check(case),)


def read_damage(case: Case) -> tuple[Damage, ...]:
    """Damage of the sources that have any."""
    paths: list[Path] = sorted((case.evidence / "damage").glob("SRC-*.json"))
    return tuple(msgspec.json.decode(p.read_bytes(), type=Damage) for p in paths)


def worst_of(checks: Sequence[StoredHashes]) -> StoredHashes:
    """The check that a single line must tell."""
    return min(checks, key=lambda c: _ORDER.index(c.verdict) if c.verdict in _ORDER else 0)


def in_one_line(checks: Sequence[StoredHashes]) -> str:
    """The statements, each with its source where there are several."""
    if len(checks) == 1:
        return checks[0].said
    return "; ".join(f"{c.source}: {c.said}" for c in checks)


def banners(checks: Iterable[StoredHashes], damage: Iterable[Damage], events: dict[str, int]) -> list[str]:
    """What page one must say of damaged or differing sources. `events`: how many an artefact has, by its id."""
    said = [f"{c.source}: {c.said}" for c in checks if c.verdict in BAD]
    for one in damage:
        touched = sum(events.get(f.artifact_id, 0) for f in one.items)
        where = _many(len(one.places), "place")
        said.append(
            f"{one.source}: {one.bytes} bytes of the media are damaged or missing, in {where}; "
            f"they touch {_many(len(one.items), 'collected artefact')} with {_many(touched, 'event')}, "
            f"and {_many(one.file_count, 'other file')}"
        )
    return said


def check_lines(check: StoredHashes, damage: Damage | None = None) -> Iterator[str]:
    """The verdict for people: each stored hash beside the computed one, what is damaged, and the files it touches."""
    yield f"{check.source}: {plain(check.said, 600)}"
    where = f"see data/{check_path(check.source)}"
    yield from (f"{label:>10}  {text}" for label, text in check_rows(check, damage, where))


def check_rows(check: StoredHashes, damage: Damage | None, where: str) -> Iterator[tuple[str, str]]:
    """The same as (what, text) without the verdict itself. `where`: how to see what long lists leave out."""
    for name in ("md5", "sha1", "sha256"):
        yield name, getattr(check, name) or "not computed"
    yield from _some("stored", [_compared_line(c) for c in check.compared], where)
    if check.hashed_again:
        yield "again", check.hashed_again
    yield from _some("problem", [plain(t, 300) for t in check.problems], where)
    yield from _some("remark", [plain(t, 300) for t in check.remarks], where)
    if damage:
        yield from _touched(damage, where.replace(check_path(check.source), damage_path(check.source)))


def _some(label: str, lines: Sequence[str], where: str, count: int = 0) -> Iterator[tuple[str, str]]:
    """The first lines, and where the others of `count` stand."""
    yield from ((label, line) for line in lines[:_SHOWN])
    if (more := max(count, len(lines)) - min(len(lines), _SHOWN)) > 0:
        yield "", f"and {more} more, {where}"


def _compared_line(one: Compared) -> str:
    state = {True: "equal", False: "DIFFERS", None: "not compared"}[one.equal]
    of = "" if one.of == "data" else f" of the file {one.of}"
    now = f"{one.computed} computed" if one.computed else "nothing computed"
    return f"{one.algorithm} {state}: {one.stored} stored{plain(of, 300)} in {plain(one.origin, 300)}, {now}"


def _touched(damage: Damage, where: str) -> Iterator[tuple[str, str]]:
    """The files with bytes in damaged places, collected ones first."""
    files = [f"{f.item}, collected: {_called(f)}" for f in damage.items] + [_called(f) for f in damage.files]
    yield from _some("touches", files, where, len(damage.items) + damage.file_count)
    if not files:
        yield "touches", f"no file that can be named, {where}"


def _called(one: DamagedFile) -> str:
    shown = one.path if one.path.startswith(one.volume) else f"{one.volume}{one.path}"
    name = plain(shown + (f":{one.stream}" if one.stream else ""), 300)
    ranges = ", ".join(f"{a}-{b}" for a, b in one.ranges[:3]) + (" …" if len(one.ranges) > 3 else "")
    return f"{name}, bytes {ranges}" if ranges else name


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
