"""The verdict on a source: what was checked of it, what it was compared with, and what came of it.

Four verdicts: the data hash matches, does not match, the container is damaged, there is no stored hash. Until all was
read the verdict is pending, with the share that the work itself has checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from collector.checkpoint import Journal
from collector.checksums import Checked, checked
from collector.gathered import Gathered
from collector.hashing import FullPass, Lost, full_pass
from collector.image import Image
from collector.sidecars import Beside, beside
from collector.tee import FileDigest

_MAX_PROBLEMS = 200

MATCHES, DIFFERS, DAMAGED, NO_HASH = (
    "data hash matches",
    "data hash does not match",
    "container damaged",
    "no stored hash",
)
PENDING, UNCHECKED = "pending", "not verified"


class Compared(Struct, frozen=True, kw_only=True):
    """A hash that somebody stored, and the one computed now; `equal` is None while nothing was computed."""

    algorithm: str
    stored: str
    origin: str
    of: str = "data"
    computed: str = ""
    equal: bool | None = None


class Verification(Struct, frozen=True, kw_only=True):
    """One source's entry. `percent` of the chunks were checked; `statement` is the sentence for every edition.

    `bytes` were hashed, of which `unreadable` failed their checksum or could not be read. `remarks` are no damage.
    """

    schema: str = "shellcase.verification/1"
    source: str = "SRC-01"
    mode: str
    verdict: str
    statement: str
    percent: str = "0.0"
    checksums: bool = False
    md5: str = ""
    sha1: str = ""
    sha256: str = ""
    stored_md5: str = ""
    stored_sha1: str = ""
    compared: tuple[Compared, ...] = ()
    bytes: int = 0
    unreadable: int = 0
    files: tuple[FileDigest, ...] = ()
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    hashed_again: str = ""


def verify_image(image: Image, progress: Callable[[str, int, int], None] | None = None) -> Verification:
    """The full pass over an opened source, here and now."""

    def tick(done: int) -> bool:
        if progress:
            progress("verify", done, image.size)
        return True

    return judge(image, "SRC-01", "full", full_pass(image.path, Journal(None), tick))


def judge(image: Image, source: str, mode: str, full: FullPass | None = None) -> Verification:
    """The entry of a source from what the work has checked and, where it is over, from the full pass."""
    hashes, beside_it = beside(image.path)
    remarks = [*getattr(image.opened, "remarks", ()), *beside_it]
    lost = lost_ranges(image, full)
    problems = [*(p for p in image.problems if p not in remarks), *_in_words(lost)]
    damaged = bool(lost) or image.incomplete
    compared = [_compare(one, full) for one in _stored(image, hashes, full)]
    data = [c for c in compared if c.of == "data"]
    for one in compared:
        if one.of != "data" and one.equal is False:
            problems.append(f"{one.of} has another {one.algorithm} than {one.origin} says: the file was changed")
            damaged = True
        elif one.of != "data" and full and one.equal is None:
            remarks.append(f"{one.origin}: the {one.algorithm} of the file {one.of} was not computed")
    files = _checked(image, full)
    problems += [f"{name}: {why}" for name, why in files.differ] if mode != "none" else []
    known = [*data, *(c for c in compared if c.of != "data" and c.equal and not _is_disk(image))]
    verdict = _verdict(mode, known, full, files, damaged=damaged and (mode != "none" or image.ewf is not None))
    return Verification(
        source=source,
        mode=mode,
        verdict=verdict,
        statement=_statement(verdict, known, image, full, files),
        percent=_percent(image, full),
        checksums=image.ewf is not None or files.stored > 0,
        md5=full.md5 if full else "",
        sha1=full.sha1 if full else "",
        sha256=full.sha256 if full else "",
        stored_md5=next((c.stored for c in data if c.algorithm == "md5"), ""),
        stored_sha1=next((c.stored for c in data if c.algorithm == "sha1"), ""),
        compared=tuple(compared),
        bytes=full.bytes if full and full.sha256 else 0,
        unreadable=sum(one.end - one.start for one in lost),
        files=full.files if full else (),
        problems=tuple(dict.fromkeys(problems))[:_MAX_PROBLEMS],
        remarks=tuple(dict.fromkeys(remarks))[:_MAX_PROBLEMS],
    )


# -- what was lost ----------------------------------------------------------------------------------------------------


def lost_ranges(image: Image, full: FullPass | None = None) -> list[Lost]:
    """Media bytes known to be missing or to fail their checksum, in order, neighbours joined."""
    if image.ewf is None:
        return list(full.lost) if full else []
    size, chunk = image.size, image.ewf.chunk_size
    missing = "they lie in a part of the segment set that is missing"
    found = [Lost(a * chunk, min(b * chunk, size), missing) for a, b in image.ewf.map.gaps()]
    bad = image.ewf.seen.bad | (full.bad if full else {})
    found += [Lost(n * chunk, min((n + 1) * chunk, size), why) for n, why in bad.items()]
    return sorted(found, key=lambda one: one.start)


def _is_disk(image: Image) -> bool:
    return not isinstance(image.opened, Gathered)


def _checked(image: Image, full: FullPass | None) -> Checked:
    """The checksums of single files: those of the full pass, else what the work has compared so far."""
    if full:
        return full.checked
    return checked(image.opened) if isinstance(image.opened, Gathered) else Checked()


def _in_words(lost: Iterable[Lost]) -> list[str]:
    return [f"media bytes {one.start}-{one.end}: {one.why}" for one in lost]


# -- what it is compared with -----------------------------------------------------------------------------------------


def _stored(image: Image, hashes: Sequence[Beside], full: FullPass | None) -> list[Compared]:
    inside = image.ewf.stored if image.ewf else []
    found = [Compared(algorithm=s.algorithm, stored=s.value, origin=s.origin) for s in inside]
    for one in hashes:
        plain = image.container == "raw" or one.of_data or one.value in _data_of(full).values()
        of = "data" if plain else one.about
        found.append(Compared(algorithm=one.algorithm, stored=one.value, origin=one.origin, of=of))
    return found


def _data_of(full: FullPass | None) -> dict[str, str]:
    return {"md5": full.md5, "sha1": full.sha1, "sha256": full.sha256} if full else {}


def _compare(one: Compared, full: FullPass | None) -> Compared:
    computed = _data_of(full).get(one.algorithm, "") if one.of == "data" else _file_hash(one, full)
    equal = one.stored == computed if computed else None
    return Compared(
        algorithm=one.algorithm, stored=one.stored, origin=one.origin, of=one.of, computed=computed, equal=equal
    )


def _file_hash(one: Compared, full: FullPass | None) -> str:
    files = full.files if full and one.algorithm == "sha256" else ()
    return next((f.sha256 for f in files if f.name == one.of), "")


# -- the verdict ------------------------------------------------------------------------------------------------------


def _verdict(mode: str, known: Sequence[Compared], full: FullPass | None, files: Checked, *, damaged: bool) -> str:
    """`known`: hashes of the whole source."""
    if damaged:
        return DAMAGED
    if mode != "none" and files.bad:
        return DIFFERS
    if full is None:
        return UNCHECKED if mode == "none" else PENDING
    if not known and not files.stored:
        return NO_HASH
    return MATCHES if all(c.equal for c in known) else DIFFERS


def _percent(image: Image, full: FullPass | None) -> str:
    if image.ewf is None:
        return "0.0"
    if full is None:
        return image.ewf.seen.percent()
    tenths = image.ewf.map.held * 1000 // image.ewf.chunk_count
    return f"{tenths // 10}.{tenths % 10}"


def _statement(verdict: str, known: Sequence[Compared], image: Image, full: FullPass | None, files: Checked) -> str:
    """One sentence. Damage and mismatch are told together."""
    if verdict == UNCHECKED:
        return "the source was not verified: --verify none"
    if full is None:
        return _so_far(verdict, image, files)
    if verdict != DAMAGED:
        return _whole(verdict, known, image, files)
    if not full.sha256:
        return "container damaged: parts of the media are missing, so no data hash can be computed"
    if files.stored:
        wrong = f"{files.wrong}: {files.told}" if files.bad else "none differs"
        return f"container damaged; {files.carried}, {files.agreed} match, {wrong}"
    if not known:
        return "container damaged; no stored hash"
    same = all(c.equal for c in known)
    return f"container damaged; the data hash {'matches all the same' if same else 'does not match'}"


def _so_far(verdict: str, image: Image, files: Checked) -> str:
    first = f"{verdict}; " if verdict == DAMAGED else ""
    if files.bad:
        first += f"data hash does not match: {files.wrong} from what is stored: {files.told}; "
    if files.stored:
        return f"{first}{files.agreed} of {files.stored} files that carry checksums verified, full hash pending"
    why = "" if image.ewf else "; the container holds no checksums"
    return f"{first}{_percent(image, None)} % of the source verified, full hash pending{why}"


def _whole(verdict: str, known: Sequence[Compared], image: Image, files: Checked) -> str:
    """The sentence after a full pass over a sound container."""
    origins = sorted({c.origin for c in known if image.ewf is None and (c.equal or verdict == DIFFERS)})
    stored = f", stored in {', '.join(origins)}" if origins else ""
    if not files.stored and not files.bad:
        return verdict + stored
    if files.bad:
        return f"{verdict}: {files.told} ({files.carried}, {files.wrong}){stored}"
    return f"{verdict} ({files.carried}){stored}"
