"""Checking a seal: the thirteen questions, and a fourteenth on the Merkle root, each with a verdict of its own.

Nothing is written into the folder that is checked, and nothing in it can end the checking: every damage is a problem
of some check. `standalone.py` asks the same questions with Python's standard library only.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from msgspec import Struct

from shellcase.errors import EVIDENCE, INTEGRITY, OK, UsageError
from shellcase.seal import (
    checks_bag,
    checks_case,
    checks_citations,
    checks_history,
    checks_leaves,
    checks_own,
    checks_seal,
    sshsig_check,
)
from shellcase.seal.checks_base import Bag, Check, Opened, Problem, Progress, Tally, survey
from shellcase.seal.checks_zip import ZipBag

__all__ = ["Check", "Options", "Outcome", "Problem", "check_seal", "open_bag", "wanted_fingerprint", "wanted_manifest"]

SCHEMA = "shellcase.verify/1"
SOURCE_NUMBER, SOURCE_NAME, SOURCE_TITLE = 13, "source", "Source image still has the recorded hash"
_LARGEST_KEY = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the caller knows: fingerprint of the expected key, SHA-256 of the expected manifest, the time stamp
    authority's root (PEM), and check 13.
    """

    manifest: str | None = None
    fingerprint: str | None = None
    tsa_root: Path | None = None
    source: Check | None = None
    progress: Progress = lambda _stage, _done, _total: None


class Outcome(Struct, frozen=True, kw_only=True):
    """All answers. `exit_code`: 0 nothing differs, 3 something differs or is missing, 4 this is no readable seal."""

    schema: str = SCHEMA
    kind: str
    case_number: str
    sealed: str
    manifest_sha256: str
    fingerprint: str
    exit_code: int
    checks: tuple[Check, ...]


def check_seal(root: Path, options: Options) -> Outcome:
    """Check a case or package: its folder, or the ZIP it came in. UsageError for neither, EvidenceError for no ZIP."""
    seal = Opened(open_bag(root), progress=options.progress)
    made = [
        checks_seal.manifest(seal, options.manifest),
        checks_seal.signature(seal, options.fingerprint),
        checks_bag.paths(seal),
        checks_bag.links(seal),
        checks_bag.files(seal),
        checks_own.unlisted(seal),
        checks_case.audit(seal),
        checks_case.objects(seal),
        checks_citations.citations(seal),
        checks_case.digest(seal),
        checks_seal.timestamp(seal, options.tsa_root),
        checks_history.history(seal),
        options.source or source_not_given(),
        checks_leaves.leaves(seal),
    ]
    return _outcome(seal, tuple(sorted(made, key=lambda c: c.number)))


def open_bag(root: Path) -> Bag:
    """A folder, or a ZIP, to look at. UsageError for neither, EvidenceError for a ZIP that is none."""
    if root.is_dir():
        return survey(root)
    if root.is_file():
        return ZipBag(root)
    raise UsageError("there is no such folder or ZIP", str(root), "give the folder with bagit.txt, or a package's ZIP")


def source_not_given() -> Check:
    """13, when there is no image at hand."""
    return Tally(SOURCE_NUMBER, SOURCE_NAME, SOURCE_TITLE).skipped("no image was given: --source IMAGE")


def _outcome(seal: Opened, made: tuple[Check, ...]) -> Outcome:
    read, signer = seal.manifest, seal.manifest.signer if seal.manifest else None
    code = EVIDENCE if read is None else INTEGRITY if any(c.verdict == "problem" for c in made) else OK
    return Outcome(
        kind=read.kind if read else "",
        case_number=read.case_number if read else "",
        sealed=read.sealed if read else "",
        manifest_sha256=hashlib.sha256(seal.raw).hexdigest() if seal.raw is not None else "",
        fingerprint=signer.fingerprint if signer else "",
        exit_code=code,
        checks=made,
    )


def wanted_fingerprint(given: str) -> str:
    """`SHA256:…` as given, or of the only key in a public key file. UsageError when it is neither."""
    if given.startswith("SHA256:"):
        return given.rstrip("=")
    try:
        with Path(given).open("rb") as fh:
            text = fh.read(_LARGEST_KEY).decode("utf-8", "replace")
    except (OSError, ValueError) as error:
        raise UsageError("this is neither a fingerprint nor a file", given, "give SHA256:… or a .pub file") from error
    found = {f for line in text.splitlines() if (f := _of_line(line))}
    if len(found) != 1:
        what = "there is no Ed25519 public key in this file" if not found else "this file holds several public keys"
        raise UsageError(what, given, "give the .pub file or a fingerprint")
    return found.pop()


def wanted_manifest(given: str) -> str:
    """The SHA-256 of a manifest as people write it down, in groups or not. UsageError when it is none."""
    digits = "".join(given.split()).lower()
    if not re.fullmatch("[0-9a-f]{64}", digits):
        todo = "give the 64 hexadecimal digits of SEAL.txt, in quotation marks if there are blanks in them"
        raise UsageError("this is not the SHA-256 of a manifest", given, f"{todo}; a key's fingerprint goes to --key")
    return digits


def _of_line(line: str) -> str | None:
    """From a .pub file or an allowed_signers file."""
    return sshsig_check.fingerprint_of_line("ssh-ed25519 " + line.partition("ssh-ed25519 ")[2])
