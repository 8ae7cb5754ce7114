"""Collecting one image into a case: survey, host facts, patterns, every stream, deleted files; one outcome for each.

Work goes in tiers, inside a tier in the order of the disk. An interrupted run goes on: what the case knows already is
not read again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from msgspec import Struct, structs

from collector import identity
from collector.definitions import Catalogue, load
from collector.deleted import DEFINITION, Recovered, deleted_files
from collector.describe import source_record
from collector.image import Image
from collector.judge import Judge
from collector.leftout import left_line
from collector.machines import Disk, disks_of
from collector.ntfs import FileRecord
from collector.queue import Preflight, Wanted, preflight, queue
from collector.resolve import Target, resolve
from collector.runs import StreamInfo
from collector.security import Descriptors
from collector.survey import VolumeTree, survey
from collector.take import Place, streams_of, take
from collector.window import Window
from collector.writer import CaseWriter
from shellcase.model import HostFacts, Item, Missing, OutcomeKind

Progress = Callable[[str, int, int], None]
"""(stage, bytes done, bytes in all); stages are `survey`, `collect` and `deleted`."""


class CollectSummary(Struct, frozen=True, kw_only=True):
    """What a collection came to. `missing` counts by outcome."""

    source: str
    host: HostFacts
    items: int
    bytes: int
    resumed: int
    recovered: int
    with_read_errors: int
    missing: dict[str, int]
    damaged_records: int
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to collect: definitions and profile, the user's time window (UTC ns), whether dumps are copied."""

    source_id: str = "SRC-01"
    catalogue: Catalogue = field(default_factory=load)
    profile: str = "exchange"
    since: int | None = None
    until: int | None = None
    include_memory_dumps: bool = False


def collect(image: Image, case: CaseWriter, plan: Plan, progress: Progress | None = None) -> CollectSummary:
    """Collect one source. UsageError for an unknown profile; read errors are outcomes, not raised."""
    return collect_all([(plan.source_id, image)], case, plan, progress)[0]


def collect_all(
    sources: Sequence[tuple[str, Image]],
    case: CaseWriter,
    plan: Plan,
    progress: Progress | None = None,
    *,
    known: Sequence[HostFacts] = (),
    before: Callable[[Preflight], None] | None = None,
) -> list[CollectSummary]:
    """Collect several sources, as (id, image). `before` is told what is to come and may raise to stop it."""
    report = progress or _quiet
    report("survey", 0, 1)
    disks = _disks(sources, plan, known)
    report("survey", 1, 1)
    works = [_Collection(disk, case, plan, report) for disk in disks]
    if before:
        before(preflight([w for work in works for w in work.wanted]))
    for disk in disks:
        case.write_source(disk.source, source_record(disk.image, disk.source, disk.host, known))
    return [work.take_all() for work in works]


def preview(sources: Sequence[tuple[str, Image]], plan: Plan, known: Sequence[HostFacts] = ()) -> Preflight:
    """What a collection would come to; nothing is written anywhere."""
    judge = _judge(plan)
    resolved = (
        resolve(d.source, d.volumes, plan.catalogue.chosen(plan.profile), d.host) for d in _disks(sources, plan, known)
    )
    return preflight([w for r in resolved for w in queue(r.targets, plan.catalogue, judge)])


def _disks(sources: Sequence[tuple[str, Image]], plan: Plan, known: Sequence[HostFacts]) -> list[Disk]:
    deleted = frozenset(plan.catalogue.profiles.deleted)
    volumes = [v for source, image in sources for v in survey(image, deleted, source)]
    for volume in volumes:
        if volume.fs.damaged:
            volume.image.all_there()
    return disks_of(sources, volumes, known)


def _judge(plan: Plan) -> Judge:
    profiles = plan.catalogue.profiles
    return Judge(profiles, Window(plan.since, plan.until, frozenset(profiles.dated)), plan.profile)


def _quiet(_stage: str, _done: int, _total: int) -> None:
    return None


class _Collection:
    """One run of `collect`: counts while it works."""

    def __init__(self, disk: Disk, case: CaseWriter, plan: Plan, report: Progress) -> None:
        self._disk, self._case, self._plan, self._report = disk, case, plan, report
        self._judge = _judge(plan)
        self._outcomes: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._known_descriptors: dict[tuple[str, str, str], Descriptors] = {}
        resolved = resolve(disk.source, disk.volumes, plan.catalogue.chosen(plan.profile), disk.host)
        self._missing_ones = resolved.missing
        self.wanted: list[Wanted] = queue(resolved.targets, plan.catalogue, self._judge)

    def take_all(self) -> CollectSummary:
        """Take everything that was found, then what is left of deleted files."""
        for entry in self._missing_ones:
            self.skip(entry)
        for left in self._disk.image.left:
            self.skip(left_line(self._disk.source, left))
        done, total = 0, sum(w.size for w in self.wanted)
        for one in self.wanted:
            self._target(one.target, one.file)
            done += one.size
            self._report("collect", done, total)
        for volume in self._disk.volumes:
            if not volume.snapshot:
                self.deleted(volume)
        return self.summary()

    def skip(self, entry: Missing) -> None:
        """Record an attempt that took nothing."""
        self._outcomes[entry.outcome] += 1
        self._case.missing(entry)

    def _target(self, target: Target, file: FileRecord | None) -> None:
        file = file or target.volume.fs.file(target.entry.record)
        for wanted, definitions in sorted(target.wanted.items()):
            refuse = self._refuser(target, tuple(definitions))
            if file is None:
                self._disk.image.all_there()
                refuse("failed", f"its $MFT record {target.entry.record} cannot be read", None, None)
                continue
            streams = streams_of(file, wanted)
            if not streams:
                refuse("missing", "the stream does not exist", None if wanted == "*" else wanted, None)
            for stream in streams:
                self._stream(target, file, stream, tuple(definitions), refuse)

    def _refuser(self, target: Target, definitions: tuple[str, ...]) -> Refuse:
        def refuse(outcome: OutcomeKind, reason: str, stream: str | None, size: int | None) -> None:
            path = target.volume.volume.name + target.path + (f":{stream}" if stream else "")
            missing = self._missing(target.volume, definitions[0], path, outcome, reason)
            self.skip(structs.replace(missing, size=size))

        return refuse

    def _missing(self, volume: VolumeTree, definition: str, path: str, outcome: OutcomeKind, reason: str) -> Missing:
        return Missing(
            source=self._disk.source,
            volume=volume.shown,
            definition=definition,
            path=identity.printable(path),
            outcome=outcome,
            reason=reason,
        )

    def _stream(
        self, target: Target, file: FileRecord, stream: StreamInfo, definitions: tuple[str, ...], refuse: Refuse
    ) -> None:
        why = self._judge.refusal(target.path, file, stream, definitions)
        if why:
            refuse(why[0], why[1], stream.name or None, stream.size if file.listed else None)
            return
        place = Place(
            source=self._disk.source,
            fingerprint=self._disk.image.fingerprint,
            path=target.path,
            stream=stream.name or None,
            definitions=definitions,
            state=f"snapshot:{target.volume.snapshot}" if target.volume.snapshot else "live",
            snapshot=target.volume.snapshot,
        )
        item = self._take(target.volume, file, stream, place)
        if item.read_errors:
            refuse("failed", "read with errors, the rest was taken: " + "; ".join(item.read_errors), item.stream, None)

    def _take(self, volume: VolumeTree, file: FileRecord, stream: StreamInfo, place: Place) -> Item:
        artifact = place.artifact_id(volume)
        item = self._case.known(artifact)
        if item is not None:
            self._counts["resumed"] += 1
        else:
            sd = self._descriptors(volume).sha256(file)
            dumps = self._plan.include_memory_dumps
            item = take(self._case, volume, file, stream, place, artifact=artifact, dumps=dumps, sd_sha256=sd)
            if item.read_errors:
                self._disk.image.all_there()
        self._counts["items"] += 1
        self._counts["bytes"] += item.size if item.extents is None else sum(n for _at, n in item.extents)
        self._counts["errors"] += bool(item.read_errors)
        return item

    def _descriptors(self, volume: VolumeTree) -> Descriptors:
        if volume.ident not in self._known_descriptors:
            self._known_descriptors[volume.ident] = Descriptors(volume.fs)
        return self._known_descriptors[volume.ident]

    def deleted(self, volume: VolumeTree) -> None:
        """Take what is left of deleted files."""
        total = len(volume.tree.deleted)
        for n, found in enumerate(deleted_files(volume), 1):
            self._deleted(volume, found)
            self._report("deleted", n, total)

    def _deleted(self, volume: VolumeTree, found: Recovered) -> None:
        path = volume.volume.name + found.path
        if found.stream is None:
            self.skip(self._missing(volume, DEFINITION, path, "failed", found.why))
            return
        if found.stream.allocated > self._plan.catalogue.profiles.largest_file:
            self.skip(self._missing(volume, DEFINITION, path, "too_large", f"{found.stream.allocated} allocated bytes"))
            return
        place = Place(
            source=self._disk.source,
            fingerprint=self._disk.image.fingerprint,
            path=found.path,
            stream=None,
            definitions=(DEFINITION,),
            state="recovered",
            grade=found.grade,
            snapshot=found.snapshot,
        )
        self._take(volume, found.file, found.stream, place)
        self._counts["recovered"] += 1

    def summary(self) -> CollectSummary:
        """The counts of the run."""
        return CollectSummary(
            source=self._disk.source,
            host=self._disk.host,
            items=self._counts["items"],
            bytes=self._counts["bytes"],
            resumed=self._counts["resumed"],
            recovered=self._counts["recovered"],
            with_read_errors=self._counts["errors"],
            missing=dict(sorted(self._outcomes.items())),
            damaged_records=sum(v.fs.damaged for v in self._disk.volumes),
            problems=self._disk.image.problems,
        )


Refuse = Callable[[OutcomeKind, str, str | None, int | None], None]
