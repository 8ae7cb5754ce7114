"""The verb verify: a case or package against its seal. It writes nothing into the folder."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from collector.image import Image, open_source
from collector.records import SourceRecord
from collector.sameness import compare
from collector.verify import verify_image
from shellcase.clean import plain
from shellcase.errors import ShellcaseError, UsageError
from shellcase.options import AsJson, Quiet
from shellcase.output import print_lines
from shellcase.progress import Display
from shellcase.seal import standalone
from shellcase.seal.checks import (
    SOURCE_NAME,
    SOURCE_NUMBER,
    SOURCE_TITLE,
    Check,
    Options,
    Outcome,
    Problem,
    check_seal,
    open_bag,
    wanted_fingerprint,
    wanted_manifest,
)
from shellcase.seal.checks_base import UNREADABLE, Bag, Tally

_SHOWN = 12
_RECORD = re.compile(r"data/evidence/sources/SRC-\d+\.json")
_WORDS = {3: "Something differs or is missing.", 4: "This is no readable seal."}


def verify_command(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="CASE|PACKAGE|EXCERPT",
            help="The folder with bagit.txt and seal/, a package's ZIP, or an excerpt (JSON).",
        ),
    ],
    key: Annotated[
        str, typer.Option("--key", help="The signer's key: its fingerprint (SHA256:…), or a public key file.")
    ] = "",
    manifest: Annotated[
        str, typer.Option("--manifest", help="SHA-256 of the manifest, as it was handed out when it was sealed.")
    ] = "",
    source: Annotated[Path | None, typer.Option("--source", help="An image of the case, to be hashed again.")] = None,
    tsa_root: Annotated[
        Path | None, typer.Option("--tsa-root", help="The root certificate (PEM) of the time stamp's authority.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Check a seal: signature, every file, audit chain, objects, citations, history."""
    wanted = wanted_fingerprint(key) if key else None
    handed_out = wanted_manifest(manifest) if manifest else None
    if _is_excerpt(folder):
        return _excerpt(folder, wanted, handed_out, as_json=as_json)
    with Display(quiet=quiet or as_json) as display:
        checked = _source(folder, source, display) if source else None
        options = Options(
            fingerprint=wanted, manifest=handed_out, tsa_root=tsa_root, source=checked, progress=display.progress
        )
        outcome = check_seal(folder, options)
    if as_json:
        typer.echo(json.dumps(msgspec.to_builtins(outcome), indent=1, sort_keys=True))
    else:
        print_lines([*_page(outcome), _last(outcome.exit_code, wanted, handed_out)])
    return outcome.exit_code


def _is_excerpt(path: Path) -> bool:
    """Whether this is a file of JSON: no ZIP begins with a brace."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as fh:
            return fh.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    except OSError as error:
        raise UsageError(f"the file cannot be read: {error.strerror}", str(path), "check its permissions") from error


def _excerpt(path: Path, wanted: str | None, handed_out: str | None, *, as_json: bool) -> int:
    """An excerpt is checked by the verifier that goes along with every seal: there is one way to check it."""
    answers, events = standalone.check_excerpt(str(path), wanted, handed_out)
    if as_json:
        typer.echo(json.dumps(answers.plain(), indent=1, sort_keys=True))
    else:
        last = _last(answers.exit_code(), wanted, handed_out)
        print_lines([*answers.lines(standalone.EXCERPT_CHECKS), *events, "", last])
    return answers.exit_code()


def _last(code: int, wanted: str | None, handed_out: str | None) -> str:
    """The last line; when all is well it says no more than was asked."""
    return _WORDS[code] if code else standalone.nothing_differs(wanted is not None, handed_out is not None)


def _page(outcome: Outcome) -> Iterator[str]:
    """The answers for people."""
    if outcome.kind:
        yield f"{outcome.kind} {plain(outcome.case_number, 100)}, sealed {plain(outcome.sealed, 60)} (signer's clock)"
    if outcome.manifest_sha256:
        yield f"SHA-256 of seal/manifest.json  {outcome.manifest_sha256}"
    if outcome.manifest_sha256:
        yield f"key  {plain(outcome.fingerprint, 100) or 'none: hash-sealed, not signed'}"
    else:
        yield "no seal that could be read"
    yield ""
    for check in outcome.checks:
        yield f"{check.verdict.upper():<11}  {check.number:>2}  {check.title}"
        yield f"                 {plain(check.why, 300)}"
        for problem in check.problems[:_SHOWN]:
            yield from _told(problem)
        if check.problem_count > _SHOWN:
            yield f"               ! and {check.problem_count - _SHOWN} more; --json lists the first 1000"
        for note in check.notes[:_SHOWN]:
            yield f"               · {plain(note, 400)}"
    yield ""


def _told(problem: Problem) -> Iterator[str]:
    where = f"{plain(problem.where, 300)}: " if problem.where else ""
    yield f"               ! {where}{plain(problem.what, 300)}"
    if problem.expected:
        yield f"                 expected {plain(problem.expected, 300)}"
    if problem.found:
        yield f"                 found    {plain(problem.found, 300)}"


# -- 13 ---------------------------------------------------------------------------------------------------------------


class _Verification(msgspec.Struct, frozen=True):
    """What is read of evidence/verification.json."""

    sha256: str = ""


def _source(folder: Path, path: Path, display: Display) -> Check:
    """13: hash the image again and compare with what the case holds of it."""
    tally = Tally(SOURCE_NUMBER, SOURCE_NAME, SOURCE_TITLE)
    try:
        image = open_source(path)
    except ShellcaseError as error:
        tally.problem(error.what, str(path), "an image that can be opened")
        return tally.done("it could not be opened")
    try:
        bag = open_bag(folder)
        record = next((r for r in _sources(bag) if r.fingerprint == image.fingerprint), None)
        if record is None:
            tally.problem(_known(bag, image), str(path))
            return tally.done("compared by fingerprint")
        expected = _recorded(bag, record.source)
        if not expected:
            return tally.skipped(f"the case holds no SHA-256 of {record.source}: `shellcase verify-source` makes one")
        found = verify_image(image, display.progress).sha256
    finally:
        image.close()
    if found != expected:
        tally.problem("the image has another content than when it was examined", str(path), expected, found)
    return tally.done(f"{record.source}: SHA-256 of the whole medium")


def _known(bag: Bag, image: Image) -> str:
    """What to say of an image whose fingerprint is none of the case's: it may be one of them with damage."""
    for record in _sources(bag):
        if record.ends is None or 0 <= record.ends.end <= image.size:  # the record is the other side's word
            same = compare(record, image)
            if same.same:
                return f"this is {record.source}, but it was damaged or changed since ({same.told})"
    return "this image is none of the case's sources"


def _sources(bag: Bag) -> Iterator[SourceRecord]:
    for path in sorted(bag.files):
        if _RECORD.fullmatch(path):
            with contextlib.suppress(*UNREADABLE):
                yield msgspec.json.decode(bag.read(path) or b"", type=SourceRecord)


def _recorded(bag: Bag, source: str) -> str:
    """The SHA-256 that the case holds of a source's whole medium; empty where it was never hashed."""
    for name in (f"verification/{source}.json", "verification.json"):
        with contextlib.suppress(*UNREADABLE):
            if digest := msgspec.json.decode(bag.read(f"data/evidence/{name}") or b"", type=_Verification).sha256:
                return digest
    return ""
