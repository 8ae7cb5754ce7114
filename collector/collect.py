"""Collecting one image into a case: survey, host facts, patterns, every stream, deleted files; one outcome for each.

Work goes in tiers, inside a tier in the order of the disk. An interrupted run goes on: what the case knows already is
not read again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from collector import identity
from collector.classify import HELD, UNLIMITED, classify
from collector.definitions import Catalogue, load
from collector.deleted import DEFINITION, Recovered, deleted_files
from collector.hostfacts import read_host_facts
from collector.image import Image
from collector.ntfs import FileRecord
from collector.records import source_record
from collector.resolve import Target, resolve
from collector.runs import StreamInfo
from collector.survey import VolumeTree, lettered, survey
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
    """Collect everything the plan asks for. UsageError for an unknown profile; read errors are outcomes, not raised."""
    definitions = plan.catalogue.chosen(plan.profile)
    report = progress or _quiet
    report("survey", 0, 1)
    found = survey(image, frozenset(plan.catalogue.profiles.deleted))
    host = read_host_facts(image, found)
    volumes = lettered(found, host.volumes)
    case.write_source(plan.source_id, source_record(image, plan.source_id, host))
    report("survey", 1, 1)
    work = _Collection(image, case, plan, report)
    resolved = resolve(plan.source_id, volumes, definitions, host)
    for entry in resolved.missing:
        work.skip(entry)
    work.targets(resolved.targets)
    for volume in volumes:
        work.deleted(volume)
    return work.summary(host, volumes)


def _quiet(_stage: str, _done: int, _total: int) -> None:
    return None


class _Collection:
    """One run of `collect`: counts while it works."""

    def __init__(self, image: Image, case: CaseWriter, plan: Plan, report: Progress) -> None:
        self._image, self._case, self._plan, self._report = image, case, plan, report
        self._window = Window(plan.since, plan.until, frozenset(plan.catalogue.profiles.dated))
        self._outcomes: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._done = self._total = 0

    def skip(self, entry: Missing) -> None:
        """Record an attempt that took nothing."""
        self._outcomes[entry.outcome] += 1
        self._case.missing(entry)

    def targets(self, targets: Sequence[Target]) -> None:
        """Take all targets, tier by tier, in the order of the disk."""
        ordered = sorted(self._queue(targets), key=lambda q: q[:4])
        self._total = sum(q[4] for q in ordered)
        for *_order, size, target in ordered:
            self._target(target)
            self._done += size
            self._report("collect", self._done, self._total)

    def _queue(self, targets: Sequence[Target]) -> Iterator[tuple[int, int, int, str, int, Target]]:
        """(tier, volume, first cluster, path, allocated bytes, target), read in the order of $MFT."""
        for target in sorted(targets, key=lambda t: (t.volume.volume.number, t.entry.record, t.path)):
            file = target.volume.fs.file(target.entry.record)
            streams = [s for w in target.wanted for s in streams_of(file, w)] if file else []
            first = min((s.first_cluster for s in streams if s.first_cluster is not None), default=-1)
            tier = self._plan.catalogue.tier(n for names in target.wanted.values() for n in names)
            size = sum(s.allocated for s in streams)
            yield tier, target.volume.volume.number, first, target.path, size, target

    def _target(self, target: Target) -> None:
        file = target.volume.fs.file(target.entry.record)
        for wanted, definitions in sorted(target.wanted.items()):
            refuse = self._refuser(target, tuple(definitions))
            if file is None:
                refuse("failed", f"its $MFT record {target.entry.record} cannot be read", None)
                continue
            streams = streams_of(file, wanted)
            if not streams:
                refuse("missing", "the stream does not exist", None if wanted == "*" else wanted)
            for stream in streams:
                self._stream(target, file, stream, tuple(definitions), refuse)

    def _refuser(self, target: Target, definitions: tuple[str, ...]) -> Refuse:
        def refuse(outcome: OutcomeKind, reason: str, stream: str | None) -> None:
            path = target.volume.volume.name + target.path + (f":{stream}" if stream else "")
            self.skip(self._missing(target.volume, definitions[0], path, outcome, reason))

        return refuse

    def _missing(self, volume: VolumeTree, definition: str, path: str, outcome: OutcomeKind, reason: str) -> Missing:
        return Missing(
            source=self._plan.source_id,
            volume=volume.volume.name,
            definition=definition,
            path=identity.printable(path),
            outcome=outcome,
            reason=reason,
        )

    def _stream(
        self, target: Target, file: FileRecord, stream: StreamInfo, definitions: tuple[str, ...], refuse: Refuse
    ) -> None:
        why = self._why_not(target.path, file, stream, definitions)
        if why:
            refuse(why[0], why[1], stream.name or None)
            return
        place = Place(
            source=self._plan.source_id,
            fingerprint=self._image.fingerprint,
            path=target.path,
            stream=stream.name or None,
            definitions=definitions,
        )
        item = self._take(target.volume, file, stream, place)
        if item.read_errors:
            refuse("failed", "read with errors, the rest was taken: " + "; ".join(item.read_errors), item.stream)

    def _why_not(
        self, path: str, file: FileRecord, stream: StreamInfo, definitions: tuple[str, ...]
    ) -> tuple[OutcomeKind, str] | None:
        """The outcome and reason for leaving a stream in the image, None when it is to be taken."""
        profiles = self._plan.catalogue.profiles
        if file.reparse and not stream.name:
            if identity.reparse_tag(file) == identity.WOF:
                return (
                    "excluded",
                    "compressed by the system; its bytes, still packed, are the stream WofCompressedData",
                )
            return "excluded", f"{identity.reparse_text(file)}, not followed"
        if set(definitions) <= set(profiles.presence_only):
            return "excluded", f"only its presence is recorded: {stream.size} bytes"
        if not stream.size:
            return "empty", "the file has 0 bytes"
        outside = self._window.outside(file, definitions)
        if outside:
            return "excluded", outside
        cls = classify(path, stream.name or None, b"", stream.size)
        if stream.allocated > profiles.largest_file and cls not in UNLIMITED and cls != HELD:
            return "too_large", f"{stream.allocated} allocated bytes, the limit is {profiles.largest_file}"
        return None

    def _take(self, volume: VolumeTree, file: FileRecord, stream: StreamInfo, place: Place) -> Item:
        item = self._case.known(place.artifact_id(volume))
        if item is not None:
            self._counts["resumed"] += 1
        else:
            item = take(self._case, volume, file, stream, place, dumps=self._plan.include_memory_dumps)
        self._counts["items"] += 1
        self._counts["bytes"] += item.size if item.extents is None else sum(n for _at, n in item.extents)
        self._counts["errors"] += bool(item.read_errors)
        return item

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
            source=self._plan.source_id,
            fingerprint=self._image.fingerprint,
            path=found.path,
            stream=None,
            definitions=(DEFINITION,),
            state="recovered",
            grade=found.grade,
            snapshot=found.snapshot,
        )
        self._take(volume, found.file, found.stream, place)
        self._counts["recovered"] += 1

    def summary(self, host: HostFacts, volumes: Sequence[VolumeTree]) -> CollectSummary:
        """The counts of the run."""
        return CollectSummary(
            source=self._plan.source_id,
            host=host,
            items=self._counts["items"],
            bytes=self._counts["bytes"],
            resumed=self._counts["resumed"],
            recovered=self._counts["recovered"],
            with_read_errors=self._counts["errors"],
            missing=dict(sorted(self._outcomes.items())),
            damaged_records=sum(v.fs.damaged for v in volumes),
            problems=self._image.problems,
        )


Refuse = Callable[[OutcomeKind, str, str | None], None]
