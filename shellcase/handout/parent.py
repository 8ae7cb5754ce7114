"""The sealed case that a package is made from: what its seal lists, and whether all of that is still so.

The audit log is the one file that may have grown: handing out writes into it. What was sealed of it must still be its
beginning, byte for byte, and only that beginning goes along.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from shellcase.errors import IntegrityError, UsageError
from shellcase.handout.opening import read_manifest
from shellcase.seal.inventory import AUDIT, WORK_FOLDER, Progress, digests, survey
from shellcase.seal.layout import (
    ALLOWED,
    CERTIFICATE,
    CMS,
    MANIFEST,
    SIGNATURE,
    STAMP,
    WORK,
    FileEntry,
    SealManifest,
    WorkFiles,
)

_OBJECTS = "data/evidence/objects/"
_SHOWN = 3
_SEAL_FIRST = "run `shellcase seal` first: a package is bound to the seal it was made from"


@dataclass(frozen=True, slots=True)
class Parent:
    """A sealed case folder. `files` are the entries of its signed manifest by path."""

    root: Path
    manifest: SealManifest
    sha256: str
    files: dict[str, FileEntry]

    def seal_files(self) -> dict[str, bytes]:
        """What of the parent's seal goes into the package's `seal/parent/`: all that shows what was sealed, and when.

        The list of work product, the leaves and the texts for people are not among them.
        """
        names = (MANIFEST, SIGNATURE, CMS, STAMP, CERTIFICATE, ALLOWED)
        kept = {n: self.root / n for n in names if (self.root / n).is_file()}
        return {f"parent/{path.name}": path.read_bytes() for path in kept.values()}

    def work_files(self) -> dict[str, FileEntry]:
        """The sealed work product by path; its list is a file of its own."""
        if self.manifest.work is None:
            return {}
        path = self.root / WORK
        if not path.is_file() or _sha256(path) != self.manifest.work.sha256:
            raise IntegrityError("the list of work product is not the sealed one", str(path), "restore it from a copy")
        return {e.path: e for e in msgspec.json.decode(path.read_bytes(), type=WorkFiles).files}


def sealed_parent(root: Path) -> Parent:
    """What the seal in force lists. UsageError when the case must be sealed first."""
    manifest = read_manifest(root)
    if manifest is None:
        raise UsageError("the case is not sealed", str(root), _SEAL_FIRST)
    if manifest.kind != "case":
        raise UsageError("this is a package, not a case", str(root), "make packages from the case itself")
    return Parent(root, manifest, _sha256(root / MANIFEST), {e.path: e for e in manifest.files})


def _sha256(path: Path) -> str:
    with path.open("rb") as fh:
        return hashlib.file_digest(fh, "sha256").hexdigest()


def check_unchanged(parent: Parent, progress: Progress) -> None:
    """Read every sealed file again. IntegrityError when the case differs from its seal, in whatever way."""
    found = {p: f for p, f in survey(parent.root).items() if p.startswith("data/") and not p.startswith(WORK_FOLDER)}
    told = [f"{p} was added" for p in sorted(found.keys() - parent.files.keys())]
    gone = sorted(parent.files.keys() - found.keys())
    lost = [p for p in gone if p.startswith(_OBJECTS)]
    if lost:
        raise IntegrityError(f"{len(lost)} sealed objects are gone", lost[0], "restore them, then `shellcase verify`")
    told += [f"{p} is gone" for p in gone]
    log = found.pop(AUDIT, None)
    if log is not None:
        audit_prefix(parent)
    entries = digests(parent.root, found, progress)
    told += [f"{e.path} was changed" for e in entries if e.path in parent.files and parent.files[e.path] != e]
    if told:
        more = f", and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
        raise IntegrityError(
            f"the case changed since its seal: {'; '.join(told[:_SHOWN])}{more}",
            str(parent.root),
            "look whether that was meant, then run `shellcase seal` again",
        )


def audit_prefix(parent: Parent) -> bytes:
    """The audit log as it was sealed. IntegrityError when what lies there now does not begin with it."""
    entry = parent.files.get(AUDIT)
    with (parent.root / AUDIT).open("rb") as fh:
        content = fh.read(entry.size) if entry else b""
    if entry is None or hashlib.sha256(content).hexdigest() != entry.sha256:
        raise IntegrityError("the audit log was rewritten since the seal", AUDIT, "restore it from a copy")
    return content
