"""Opening sources and the case they belong to: a new one, an unfinished one, or a finished one that gets more."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from collector.image import Image, open_source
from collector.keychain import NO_KEYS, Keys
from collector.records import SourceRecord
from collector.sameness import Sameness, compare
from shellcase import __version__
from shellcase.case import Case, CaseMeta
from shellcase.errors import UsageError


def open_sources(paths: Sequence[Path], keys: Keys = NO_KEYS) -> tuple[Image, ...]:
    """Every source opened; those opened before are closed when one fails. UsageError when two are the same."""
    images: list[Image] = []
    try:
        for path in paths:
            images.append(open_source(path, keys))
            _check_new(images)
    except BaseException:
        close(images)
        raise
    return tuple(images)


def _check_new(images: Sequence[Image]) -> None:
    same = [str(i.path) for i in images if i.fingerprint == images[-1].fingerprint]
    if len(same) > 1:
        raise UsageError("the same source was given twice", ", ".join(same), "give each source once")


def close(images: Sequence[Image]) -> None:
    """Release the files of all sources."""
    for image in images:
        image.close()


def open_case(
    root: Path, meta: CaseMeta, sources: Sequence[Path], *, clobber: bool, keys: Keys = NO_KEYS
) -> tuple[Case, tuple[Image, ...]]:
    """Open the sources, then make or resume their case. UsageError when the folder belongs to something else."""
    keep_apart(root, sources)
    images = open_sources(sources, keys)
    try:
        return _case_for(root, meta, tuple(i.fingerprint for i in images), clobber=clobber), images
    except BaseException:
        close(images)
        raise


def _case_for(root: Path, meta: CaseMeta, fingerprints: tuple[str, ...], *, clobber: bool) -> Case:
    meta = msgspec.structs.replace(meta, fingerprints=fingerprints, version=__version__)
    if Case.is_blank(root):
        return Case.create(root, meta)
    if not clobber and (root / "data" / "case.json").exists():
        found = Case.look(root)  # a case that is refused stays untouched, to the last line of its log
        if found.meta.fingerprints == meta.fingerprints and found.unfinished:
            _same_work(found, meta)
            case = Case.open(root)
            case.audit("resumed")
            return case
    if not clobber:
        raise UsageError(
            "the case folder exists already",
            str(root),
            "choose another --case, add --clobber, or `shellcase add` the source to it",
        )
    Case.move_aside(root)
    return Case.create(root, meta)


def _same_work(case: Case, meta: CaseMeta) -> None:
    """An unfinished case goes on as it was begun: mixed profiles or versions would have no one name in the report."""
    old = case.meta
    pairs = (
        ("profile", old.profile, meta.profile),
        ("version", old.version, meta.version),
        ("--since", old.since, meta.since),
        ("--until", old.until, meta.until),
    )
    for what, begun, now in pairs:
        if begun != now:
            raise UsageError(
                f"the unfinished case was begun with {what} {begun or 'not given'}, not {now or 'without it'}",
                str(case.root),
                f"go on with {what} {begun or 'left out'}, or choose another --case, or add --clobber",
            )


def known_source(case: Case, image: Image) -> tuple[SourceRecord, Sameness | None] | None:
    """The source of the case that this is, and where it was damaged or changed since, how it is known; None for others.

    A fingerprint is over the first and the last MiB alone: with damage there, the image of the case looks new by it.
    """
    paths = sorted((case.evidence / "sources").glob("SRC-*.json"))
    records = [msgspec.json.decode(p.read_bytes(), type=SourceRecord) for p in paths]
    exact = next((r for r in records if r.fingerprint == image.fingerprint), None)
    if exact:
        return exact, None
    return next(((r, c) for r, c in ((r, compare(r, image)) for r in records) if c.same), None)


def open_to_add(root: Path, sources: Sequence[Path], *, keys: Keys = NO_KEYS) -> tuple[Case, tuple[Image, ...]]:
    """Open a case and the sources it gets in addition; those it has already and has worked through are refused."""
    keep_apart(root, sources)
    looked = Case.look(root)
    images = open_sources(sources, keys)
    try:
        _refuse(looked, images)  # a case that is refused stays untouched, to the last line of its log
        case = Case.open(root)
        _refuse(case, images)  # another process may have added them in between
        _take_in(case, images)
    except BaseException:
        close(images)
        raise
    return case, images


def _going_on(case: Case, images: Sequence[Image]) -> bool:
    return case.unfinished and all(i.fingerprint in case.meta.fingerprints for i in images)


def _take_in(case: Case, images: Sequence[Image]) -> None:
    if _going_on(case, images):
        case.audit("resumed")
    else:
        case.take_in(tuple(i.fingerprint for i in images))


def _refuse(case: Case, images: Sequence[Image]) -> None:
    """UsageError for what may not be added."""
    if _going_on(case, images):
        return
    for image in images:
        _refuse_known(case, image)
    if not case.done("report") and not case.done("adding"):
        raise UsageError("the case is not finished yet", str(case.root), "finish it with `shellcase run` first")
    if case.meta.version != __version__:
        raise UsageError(
            f"the case was made by version {case.meta.version}, this is {__version__}",
            str(case.root),
            "add with the same version, or run everything again into a new case",
        )


def _refuse_known(case: Case, image: Image) -> None:
    """A source of the case would count twice; also where it was damaged since, and looks like another."""
    record, sameness = known_source(case, image) or (None, None)
    if record is None and image.fingerprint not in case.meta.fingerprints:
        return
    said = f"the case holds this source already{f', as {record.source}' if record else ''}"
    if sameness:
        said += f"; it was damaged or changed since ({sameness.told})"
    raise UsageError(said, str(image.path), "give new ones; `shellcase verify-source` tells what is damaged")


def keep_apart(root: Path, sources: Sequence[Path]) -> None:
    """The case never lies inside the evidence, nor evidence inside the case. UsageError."""
    for source in sources:
        here, there = root.resolve(), source.resolve()
        if source.is_dir() and here.is_relative_to(there):
            raise UsageError("the case folder lies inside the evidence", str(root), "choose a folder outside of it")
        if there.is_relative_to(here):
            raise UsageError("the source lies inside the case folder", str(source), "choose another --case folder")
