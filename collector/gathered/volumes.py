"""From a container and its layout to volumes: which file lies where, which are loose, what the tool tells of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from collector.filesystem import VolumeHandle
from collector.gathered.ad1 import Ad1Bundle
from collector.gathered.bundle import Bundle, Member, MemberReader, head_of, named
from collector.gathered.content import MACHINE, claims, hive_name, primary_hive
from collector.gathered.history import MOST_LOG, Known, Log, key_of, read_log
from collector.gathered.layouts import with_stream
from collector.gathered.left import Left, lefts
from collector.gathered.listing import Filed, Listing, Strung
from collector.gathered.model import Gathered
from collector.gathered.pairs import pairs_of, placed
from collector.gathered.shape import Parts, shaped
from collector.gathered.sparse import expanded
from collector.gathered.spots import Layout, Spot
from shellcase.model import Volume

_CONFIG = "\\windows\\system32\\config\\"
LOOSE = "loose"
_LOG_NAMES = ("_copylog.csv", "_skiplog.csv", "upload", "metadata", "file-hashes", "names.csv")


class Sorted:
    """The members of a bundle: those with a place on a volume, the loose ones with what they are, the others."""

    def __init__(self, bundle: Bundle, layout: Layout | None) -> None:
        self.placed: dict[int, Spot] = {}
        self.loose: dict[int, tuple[str, ...]] = {}
        self.others: list[int] = []
        self.images: list[int] = []
        self.remarks: list[str] = []
        self.paired: dict[int, tuple[str, Parts, str]] = {}
        wholes = {f"{m.name}.idx" for m in bundle.members}
        for index, member in enumerate(bundle.members):
            if not member.parts or member.kind == "folder":
                continue
            if layout and member.name in wholes:
                self.others.append(index)
                continue
            spot = layout.place(member.parts) if layout else None
            if spot:
                self.placed[index] = spot
            else:
                self._loosely(bundle, index, member)
        self._pair(bundle)

    def _pair(self, bundle: Bundle) -> None:
        """A loose $MFT and the journal of the same volume, told by their records, are a volume of their own."""
        pairs = pairs_of(bundle, self.loose)
        self.paired = placed(pairs.found)
        self.remarks += pairs.remarks
        for pair in pairs.found:
            names = " and ".join(bundle.members[n].name for n in (pair.mft, pair.journal))
            self.remarks.append(f"{names}: $MFT and change journal of one volume, by {pair.shared} records in both")

    def _loosely(self, bundle: Bundle, index: int, member: Member) -> None:
        found = claimed(bundle, index, member)
        if found:
            self.loose[index] = found
        else:
            self.others.append(index)


def claimed(bundle: Bundle, index: int, member: Member) -> tuple[str, ...]:
    """The definitions that ask for such a file."""
    if member.kind != "file":
        return ()
    parts, stream = with_stream(member.parts)
    return claims(head_of(MemberReader(bundle, index)), parts[-1], member.size, stream)


def gathered(bundle: Bundle, layout: Layout | None, files: Sorted) -> Gathered:
    """The collection with its volumes."""
    media = Strung(bundle)
    wide = expanded(bundle)
    log = _logs(bundle, layout, files)
    listings = {
        label: Listing(media, filed, _history(bundle, log, label))
        for label, filed in _by_volume(bundle, files, wide).items()
    }
    for label, listing in listings.items():
        _claim(bundle, label, listing, files)
    _expect(bundle, log, listings)
    volumes = _handles(listings, media, layout)
    lost = bool(bundle.problems) or any(m.torn or m.kind == "refused" for m in bundle.members)
    return Gathered(
        loader=f"{layout.loader if layout else 'loose evidence'} ({bundle.kind})",
        why=_why(bundle, layout, files),
        media=media,
        volumes=tuple(volumes),
        fingerprint=bundle.fingerprint,
        segments=bundle.segments,
        problems=tuple(_problems(bundle, layout, files, listings)),
        incomplete=lost,
        watch=bundle.watch,
        left=_left(bundle, layout, files, listings),
        members=bundle.members,
        starts=media.starts,
        closing=bundle.close,
    )


def _left(bundle: Bundle, layout: Layout | None, files: Sorted, listings: Mapping[str, Listing]) -> tuple[Left, ...]:
    doubles = (n for listing in listings.values() for n in listing.doubles)
    return tuple(lefts(bundle, files.others, files.images, doubles, layout.logs if layout else ()))


def _by_volume(bundle: Bundle, files: Sorted, wide: Mapping[int, Member]) -> dict[str, list[Filed]]:
    """Files by volume: drives first, then volumes without letter, shadow copies, loose files."""
    found: dict[str, list[tuple[int, Filed]]] = {}
    for index, spot in files.placed.items():
        filed = _filed(bundle, index, spot.parts, spot.stream, wide)
        found.setdefault(spot.volume, []).append((spot.rank, filed))
    for index in files.loose:
        label, parts, stream = files.paired.get(index) or (LOOSE, *with_stream(bundle.members[index].parts))
        found.setdefault(label, []).append((0, _filed(bundle, index, parts, stream, wide)))
    ranked = {label: sorted(some, key=lambda x: (x[0], x[1].index)) for label, some in found.items()}
    return {label: [f for _r, f in ranked[label]] for label in sorted(ranked, key=_order)}


def _filed(bundle: Bundle, index: int, parts: Parts, stream: str | None, wide: Mapping[int, Member]) -> Filed:
    return Filed(parts=parts, stream=stream or "", index=index, member=wide.get(index, bundle.members[index]))


def _order(label: str) -> tuple[int, str]:
    if label.startswith(LOOSE):
        return 3, label
    return (2 if label.startswith("vss:") else 0 if label[1:] == ":" else 1), label


def _handles(listings: Mapping[str, Listing], media: Strung, layout: Layout | None) -> Iterator[VolumeHandle]:
    live: dict[str, Volume] = {}
    for number, (label, listing) in enumerate(listings.items(), 1):
        if label.startswith("vss:"):
            owner = _owner(live, label, number, listing)
            yield VolumeHandle(owner, media, listing, snapshot=label, claims=listing.claims, faults=listing.faults)
            continue
        live[label] = _volume(label, number, listing, layout)
        yield VolumeHandle(live[label], media, listing, claims=listing.claims, faults=listing.faults)


def _volume(label: str, number: int, listing: Listing, layout: Layout | None) -> Volume:
    letter, how = None, ""
    if label.startswith(LOOSE):
        letter, how = f"vol{number}", "loose files: no drive is known"
    elif label[1:] == ":":
        letter, how = label, layout.how if layout else ""
    key = f"files-{label.rstrip(':')}" if label else "files"
    return Volume(
        key=key,
        number=number,
        offset=0,
        size=listing.size,
        fs="files",
        label=label if label[1:] != ":" else "",
        letter=letter,
        how=how,
    )


def _owner(live: Mapping[str, Volume], label: str, number: int, listing: Listing) -> Volume:
    """The volume a shadow copy is of: known only where there is just one."""
    drives = [v for name, v in live.items() if not name.startswith(LOOSE)]
    return drives[0] if len(drives) == 1 else _volume(label, number, listing, None)


def _claim(bundle: Bundle, label: str, listing: Listing, files: Sorted) -> None:
    """Definitions by content, on volumes whose folders tell nothing; loose hives where Windows would keep them."""
    if label != LOOSE and shaped([f.parts for _n, f in listing.files]):
        return
    hives: dict[str, list[int]] = {}
    for number, filed in listing.files:
        names = files.loose.get(filed.index) or claimed(bundle, filed.index, filed.member)
        if names:
            listing.claims[number] = tuple(dict.fromkeys((*listing.claims.get(number, ()), *names)))
        head = head_of(MemberReader(bundle, filed.index)) if "WindowsRegistryHives" in names else b""
        if primary_hive(head) and "regback" not in (p.lower() for p in filed.parts):
            hives.setdefault(hive_name(head, filed.parts[-1]), []).append(number)
    if label == LOOSE:
        listing.homes.update({_CONFIG + n.lower(): hives[n][0] for n in MACHINE if len(hives.get(n, ())) == 1})
        files.remarks += [
            f"{len(hives[n])} hives {n}: of which machine is not told" for n in MACHINE if len(hives.get(n, ())) > 1
        ]


def _logs(bundle: Bundle, layout: Layout | None, files: Sorted) -> Log:
    """What the tool wrote down of the files it copied; those it skipped are a remark."""
    wanted, found = set(layout.logs if layout else ()), Log()
    for index, member in enumerate(bundle.members):
        if member.parts not in wanted or member.kind != "file" or member.stored > MOST_LOG:
            continue
        name = member.parts[-1].lower()
        if not any(mark in name for mark in _LOG_NAMES):
            continue
        try:
            raw = bundle.read_at(index, 0, member.stored)
        except OSError as error:
            bundle.problems.append(f"{member.name}: {error}")
            continue
        if name.endswith("_skiplog.csv"):
            skipped = max(len(raw.splitlines()) - 1, 0)
            files.remarks.append(f"{member.parts[-1]} lists {skipped} files that the tool left out")
            continue
        for path, known in read_log(member.parts[-1], raw).items():
            found.setdefault(path, known)
    return _rooted(found, {s.volume for s in files.placed.values()})


def _rooted(log: Log, volumes: set[str]) -> Log:
    r"""Paths below `sysvol\`, as acquire calls the system's drive, are those of the drive where there is only one."""
    drives = [v for v in volumes if v[1:] == ":" or not v]
    if len(drives) != 1:
        return log
    top = f"{drives[0].lower()}\\" if drives[0] else ""
    return {top + k.removeprefix("sysvol\\") if k.startswith("sysvol\\") else k: v for k, v in log.items()}


def _history(bundle: Bundle, log: Log, label: str) -> History:
    return History(bundle, log, label)


class History:
    """What the tool's log, or the container itself, says of a file."""

    def __init__(self, bundle: Bundle, log: Log, label: str) -> None:
        self._times = bundle.times if isinstance(bundle, Ad1Bundle) else None
        self._log, self._label = log, label

    def __call__(self, filed: Filed) -> Known | None:
        """None when nothing is."""
        if self._times and (si := self._times(filed.index)):
            return Known(said="AD1 image", si=si)
        if not self._log or self._label.startswith("vss:"):
            return None
        path = "\\".join((self._label, *filed.parts))
        return self._log.get(key_of(f"{path}:{filed.stream}" if filed.stream else path))


def _expect(bundle: Bundle, log: Log, listings: Mapping[str, Listing]) -> None:
    """Checksums of the tool's log are what the bytes are compared with."""
    if not log:
        return
    for label, listing in listings.items():
        history = History(bundle, log, label)
        for _number, filed in listing.files:
            known = history(filed)
            if known and known.digest and not filed.member.extents and filed.member.kind == "file":
                bundle.watch.stored[filed.index] = known.digest


def _why(bundle: Bundle, layout: Layout | None, files: Sorted) -> str:
    if layout is None:
        return f"no layout of a tool is recognised: {len(files.loose)} files taken by their content"
    more = [f"{len(files.loose)} loose files taken by their content"] if files.loose else []
    names = [bundle.members[n].name for n in files.others]
    more += [f"not files of the machine: {', '.join(names[:3])}{' …' if len(names) > 3 else ''}"] if names else []
    return "; ".join([layout.why, *more])


def _problems(bundle: Bundle, layout: Layout | None, files: Sorted, listings: Mapping[str, Listing]) -> Iterator[str]:
    yield from dict.fromkeys((*bundle.problems, *files.remarks))
    bad = [f"{m.name} ({m.note})" for m in bundle.members if not m.parts and m.kind == "refused"]
    yield from named("entries that were left out", bad)
    for listing in listings.values():
        twice = [bundle.members[n].name for n in listing.doubles]
        yield from named("names that occur twice, of which the first was used", twice)
    if layout is None:
        unknown = [bundle.members[n].name for n in files.others if bundle.members[n].kind == "file"]
        yield from named("files of no known kind, not taken (not_collected.jsonl has each)", unknown)
