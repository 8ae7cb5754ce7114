"""The verb that reads a source again for its own sake: verify-source."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from collector.image import Image
from collector.records import SourceRecord
from shellcase import opening
from shellcase import run as runs
from shellcase.case import Case
from shellcase.clean import plain
from shellcase.errors import INTEGRITY, IntegrityError, Interrupted, UsageError, worst
from shellcase.options import AsJson, CaseArg, Keychain, Quiet, RecoveryKey
from shellcase.progress import Display
from shellcase.settings import Settings
from shellcase.sourcecheck import StoredHashes, read_check
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
    keys = Settings(recovery_key=tuple(recovery_key or ()), keychain=keychain).keys()
    images = opening.open_sources(sources, keys)
    try:
        for image in images:
            _belongs(case, image)
        case = Case.open(case_dir)
        checks = _hashed(case, images, again=again, quiet=quiet)
    finally:
        opening.close(images)
    _say(checks, as_json=as_json)
    differs = any(c.hashed_again.startswith("another") for c in checks)
    return worst([code_of(case), INTEGRITY if differs else 0])


def _belongs(case: Case, image: Image) -> None:
    """Refuse a source that is not of the case; one that only has the name of it was changed."""
    if image.fingerprint in case.meta.fingerprints:
        return
    known = {s.name for r in _records(case) for s in r.segments}
    if any(p.name in known for p in image.segments):
        raise IntegrityError(
            "the source has the name of one of this case, but another fingerprint (size, first and last MiB)",
            str(image.path),
            "compare it with the copy the case was made from; nothing was written",
        )
    raise UsageError("the case was not made from this source", str(image.path), "give the image named in the report")


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


def _say(checks: Sequence[StoredHashes], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([msgspec.to_builtins(c) for c in checks], indent=1, sort_keys=True))
        return
    for check in checks:
        typer.echo(f"{check.source}: {plain(check.said, 600)}")
        for name in ("md5", "sha1", "sha256"):
            typer.echo(f"{name:>10}  {getattr(check, name) or 'not computed'}")
        if check.hashed_again:
            typer.echo(f"{'again':>10}  {check.hashed_again}")
        for problem in check.problems[:20]:
            typer.echo(f"   problem  {plain(problem, 300)}")
        for remark in check.remarks[:20]:
            typer.echo(f"    remark  {plain(remark, 300)}")
