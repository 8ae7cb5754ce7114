"""Opening sources and the case they belong to: a new one, an unfinished one, or a finished one that gets more."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from collector.encrypted import NO_KEYS, Keys
from collector.image import Image, open_source
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


def open_to_add(root: Path, sources: Sequence[Path], *, keys: Keys = NO_KEYS) -> tuple[Case, tuple[Image, ...]]:
    """Open a case and the sources it gets in addition; those it has already and has worked through are refused."""
    keep_apart(root, sources)
    Case.look(root)
    images = open_sources(sources, keys)
    try:
        case = Case.open(root)
        _take_in(case, images)
    except BaseException:
        close(images)
        raise
    return case, images


def _take_in(case: Case, images: tuple[Image, ...]) -> None:
    known = [i for i in images if i.fingerprint in case.meta.fingerprints]
    if len(known) == len(images) and case.unfinished:
        case.audit("resumed")
        return
    if known:
        number = case.number("SRC", known[0].fingerprint)
        raise UsageError(f"the case holds this source already, as {number}", str(known[0].path), "give the new ones")
    if not case.done("report") and not case.done("adding"):
        raise UsageError("the case is not finished yet", str(case.root), "finish it with `shellcase run` first")
    if case.meta.version != __version__:
        raise UsageError(
            f"the case was made by version {case.meta.version}, this is {__version__}",
            str(case.root),
            "add with the same version, or run everything again into a new case",
        )
    case.take_in(tuple(i.fingerprint for i in images))


def keep_apart(root: Path, sources: Sequence[Path]) -> None:
    """The case never lies inside the evidence, nor evidence inside the case. UsageError."""
    for source in sources:
        here, there = root.resolve(), source.resolve()
        if source.is_dir() and here.is_relative_to(there):
            raise UsageError("the case folder lies inside the evidence", str(root), "choose a folder outside of it")
        if there.is_relative_to(here):
            raise UsageError("the source lies inside the case folder", str(source), "choose another --case folder")
