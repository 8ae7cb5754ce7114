"""The verb that reads a source again for its own sake: verify-source."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from collector.image import Image, open_source
from collector.keychain import Keys
from collector.records import SourceRecord
from collector.sameness import compare
from shellcase import opening
from shellcase import run as runs
from shellcase.case import Case
from shellcase.errors import INTEGRITY, IntegrityError, Interrupted, UsageError, worst
from shellcase.options import AsJson, CaseArg, Keychain, Quiet, RecoveryKey
from shellcase.progress import Display
from shellcase.settings import Settings
from shellcase.sourcecheck import StoredHashes, check_lines, read_check, read_damage
from shellcase.verification import code_of, hash_source


def verify_source_command(
    case_dir: CaseArg,
    sources: Annotated[list[Path], typer.Argument(metavar="SOURCE...", help="The images the case was made from.")],
    again: Annotated[
        bool, typer.Option("--again", help="Read and hash once more what is verified already, and compare.")
    ] = False,
    recovery_key: RecoveryKey = None,
    keychain: Keychain = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Read a source of a finished case whole: every checksum, every hash. The report gets the verdict."""
    case = Case.look(case_dir)
    if (case.root / "seal").exists():
        raise UsageError("the case is sealed, and a new verdict would break the seal", str(case.root), "verify a copy")
    if not case.done("collect"):
        raise UsageError("nothing was collected into this case yet", str(case.root), "run `shellcase collect` first")
    images = _opened(sources, Settings(recovery_key=tuple(recovery_key or ()), keychain=keychain).keys())
    try:
        images = [_of_case(case, image) for image in images]
        case = Case.open(case_dir)
        checks = _hashed(case, images, again=again, quiet=quiet)
    finally:
        opening.close(images)
    _say(case, checks, as_json=as_json)
    differs = any(c.hashed_again.startswith("another") for c in checks)
    return worst([code_of(case), INTEGRITY if differs else 0])


def _opened(paths: Sequence[Path], keys: Keys) -> list[Image]:
    """The sources; of an E01 the bytes are enough, though no volume can be read any more."""
    images: list[Image] = []
    try:
        images += (open_source(path, keys, bare=True) for path in paths)
    except BaseException:
        opening.close(images)
        raise
    return images


def _of_case(case: Case, image: Image) -> Image:
    """The source under the fingerprint that the case knows it by, damaged or not; refused when it is another."""
    if image.fingerprint in case.meta.fingerprints:
        return image
    records = _records(case)
    compared = [(r, compare(r, image)) for r in records]
    found = next((r for r, c in compared if c.same), None)
    if found:
        return replace(image, fingerprint=found.fingerprint)
    named = next((c for r, c in compared if {s.name for s in r.segments} & {p.name for p in image.segments}), None)
    if named:
        raise IntegrityError(
            f"the source has the name of one of this case, but its content is another ({named.told})",
            str(image.path),
            "compare it with the copy the case was made from; nothing was written",
        )
    told = "; ".join(f"compared with {r.source}: {c.told}" for r, c in compared)
    raise UsageError(
        f"the case was not made from this source ({told})", str(image.path), "give the image named in the report"
    )


def _records(case: Case) -> list[SourceRecord]:
    paths = sorted((case.evidence / "sources").glob("SRC-*.json"))
    return [msgspec.json.decode(p.read_bytes(), type=SourceRecord) for p in paths]


def _hashed(case: Case, images: Sequence[Image], *, again: bool, quiet: bool) -> list[StoredHashes]:
    """Every source read whole, the verdicts written, the report renewed."""
    with Display(quiet=quiet) as display:
        run = runs.Run(case=case, images=tuple(images), progress=display.progress)
        try:
            new = [hash_source(case, image, display.progress, again=again) for image in images]
        except KeyboardInterrupt:
            todo = "start the same command again: it goes on where it stopped"
            raise Interrupted("stopped by the user", str(case.root), todo) from None
        if any(new) and case.done("report"):
            runs.report(run)
    return [read_check(case, case.number("SRC", i.fingerprint)) for i in images]


def _say(case: Case, checks: Sequence[StoredHashes], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([msgspec.to_builtins(c) for c in checks], indent=1, sort_keys=True))
        return
    damage = {d.source: d for d in read_damage(case)}
    for check in checks:
        for line in check_lines(check, damage.get(check.source)):
            typer.echo(line)
