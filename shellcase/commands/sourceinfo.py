"""What `info` tells of a source: what it was taken for and why, its volumes, its shadow copies. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
from msgspec import Struct

from collector.checkpoint import Journal
from collector.damage import localise
from collector.gathered import Gathered
from collector.hashing import FullPass, full_pass
from collector.image import Image, open_source
from collector.keychain import NO_KEYS, Keys
from collector.records import SourceRecord
from collector.verify import judge, lost_ranges
from shellcase.case import Case
from shellcase.clean import plain
from shellcase.commands.sourcevolumes import VolumeFacts, snapshot_facts, snapshot_lines, volume_facts, volume_lines
from shellcase.errors import UsageError
from shellcase.progress import Display
from shellcase.sourcecheck import BAD, Damage, StoredHashes, check_rows

_NAME, _TEXT = 120, 600
_FILES = 20
_MODES = ("none", "fast", "full")


class LeftFacts(Struct, frozen=True, kw_only=True):
    """A file of a collection that is not of any volume, and why it would not be taken."""

    name: str
    size: int
    reason: str


class SourceFacts(Struct, frozen=True, kw_only=True):
    """A source as it was recognised. `complete`: nothing of it is known to be missing.

    `members`: files of a collection, 0 of a disk. `verification` and `damage` where they were asked for.
    """

    source: str
    loader: str
    why: str
    files: tuple[str, ...]
    members: int = 0
    media_bytes: int
    fingerprint: str
    partition_table: str
    disk_signature: str = ""
    complete: bool
    volumes: tuple[VolumeFacts, ...]
    left: tuple[LeftFacts, ...] = ()
    problems: tuple[str, ...] = ()
    verification: StoredHashes | None = None
    damage: Damage | None = None

    @property
    def sound(self) -> bool:
        """Whether nothing speaks against the source."""
        return self.complete and not (self.verification and self.verification.verdict in BAD)


def source_facts(path: Path, keys: Keys = NO_KEYS, verify: str = "none") -> SourceFacts:
    """Open a source, look, verify it as asked, and close it; names of the evidence come out safe to print."""
    if verify not in _MODES:
        raise UsageError("no such mode of verification", verify, f"give one of {', '.join(_MODES)}")
    with closing(open_source(path, keys)) as image:
        check, damage = _verified(image, verify)
        found = image.opened if isinstance(image.opened, Gathered) else None
        return SourceFacts(
            source=plain(str(path), _TEXT),
            loader=plain(image.container, _NAME),
            why=plain(image.why, _TEXT),
            files=tuple(plain(p.name, _NAME) for p in image.segments),
            members=sum(m.kind != "folder" for m in found.members) if found else 0,
            media_bytes=image.size,
            fingerprint=image.fingerprint,
            partition_table=image.scheme,
            disk_signature=image.disk_signature[::-1].hex(),
            complete=not image.incomplete,
            volumes=tuple(volume_facts(image, h) for h in image.volumes if not h.snapshot),
            left=tuple(
                LeftFacts(name=plain(x.name, _TEXT), size=x.size, reason=plain(x.reason, _TEXT)) for x in image.left
            ),
            problems=tuple(plain(p, _TEXT) for p in image.problems),
            verification=check,
            damage=damage,
        )


def _verified(image: Image, mode: str) -> tuple[StoredHashes | None, Damage | None]:
    """The verdict and where damage lies: `fast` from what was read to look, `full` after reading everything."""
    if mode == "none":
        return None, None
    full = _read_whole(image) if mode == "full" else None
    said = judge(image, "SRC-01", mode, full)
    lost = lost_ranges(image, full)
    damage = localise(image, "SRC-01", lost, (), tuple(h.volume for h in image.volumes)) if lost else None
    return (
        msgspec.convert(msgspec.to_builtins(said), StoredHashes),
        msgspec.convert(msgspec.to_builtins(damage), Damage) if damage else None,
    )


def _read_whole(image: Image) -> FullPass:
    with Display(quiet=False) as display:

        def tick(done: int) -> bool:
            display.progress("verify", done, image.size)
            return True

        return full_pass(image.path, Journal(None), tick)


def in_lines(facts: SourceFacts) -> Iterator[tuple[str, str]]:
    """The same for people, as (what, text)."""
    yield "source", facts.source
    yield "taken for", facts.loader
    yield "because of", facts.why or "(not told)"
    yield from _collection(facts) if facts.members else _disk(facts)
    for volume in facts.volumes:
        yield from volume_lines(volume)
    for left in facts.left[:_FILES]:
        yield "not taken", f"{left.name} ({left.size} bytes): {left.reason}"
    if len(facts.left) > _FILES:
        yield "", f"and {len(facts.left) - _FILES} more, see --json"
    yield from (("problem" if not facts.complete else "remark", text) for text in facts.problems)
    if not facts.complete:
        yield "complete", "no: parts or bytes of the source are missing"
    if facts.verification:
        yield "verified", plain(facts.verification.said, _TEXT)
        yield from check_rows(facts.verification, facts.damage, "see --json")


def _disk(facts: SourceFacts) -> Iterator[tuple[str, str]]:
    more = f" and {len(facts.files) - _FILES} more" if len(facts.files) > _FILES else ""
    yield "files", f"{len(facts.files)}: {', '.join(facts.files[:_FILES])}{more}"
    yield "media", f"{facts.media_bytes} bytes, fingerprint {facts.fingerprint}"
    signature = f", disk signature {facts.disk_signature}" if facts.disk_signature else ""
    yield "partition table", facts.partition_table + signature


def _collection(facts: SourceFacts) -> Iterator[tuple[str, str]]:
    on_volumes = sum(v.files for v in facts.volumes)
    yield "files", f"{facts.members} in all: {on_volumes} with a place on a volume, {len(facts.left)} without"
    yield "fingerprint", facts.fingerprint


def case_snapshots(case: Case) -> list[tuple[str, str]]:
    """The shadow copies that the records of a case's sources have."""
    rows = list[tuple[str, str]]()
    for path in sorted((case.evidence / "sources").glob("SRC-*.json")):
        record = msgspec.json.decode(path.read_bytes(), type=SourceRecord)
        for key in dict.fromkeys(i.volume_key for i in record.snapshots):
            name = next((v.name for v in record.volumes if v.key == key), key)
            copies = [snapshot_facts(i, not i.problem) for i in record.snapshots if i.volume_key == key]
            rows += [(what, f"of {name} in {record.source}: {text}") for what, text in snapshot_lines(copies)]
    return rows
