"""Sealing a case: closes its audit log, keeps former seals, says what changed since the last one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from shellcase import __version__
from shellcase.case import Case
from shellcase.clean import storable
from shellcase.errors import IntegrityError, UsageError
from shellcase.seal import auditlog
from shellcase.seal.composing import Additions, Contents, previous
from shellcase.seal.inventory import AUDIT, PART, past_seals
from shellcase.seal.keys import SigningKey
from shellcase.seal.layout import (
    BAG_FILES,
    HANDOUTS,
    SCHEMA,
    SEAL,
    AuditHead,
    FileEntry,
    MerkleRoot,
    SealManifest,
    WorkFiles,
)
from shellcase.seal.merkle import seal_leaves
from shellcase.seal.sealing import clear_remains, finish, outside, read_contents


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Paths that differ from the former seal; the audit log, which grows with every step, is not counted."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """What came of it: the manifest in force, its SHA-256, whether it is a new one, and what changed before it."""

    manifest: SealManifest
    sha256: str
    new: bool
    finished: bool
    changes: Changes | None


@dataclass(frozen=True, slots=True)
class _Former:
    """The newest seal, in force or (after a kill) already put aside."""

    folder: Path
    manifest: SealManifest
    files: dict[str, str]
    folders: frozenset[str]


def seal_case(root: Path, key: SigningKey | None, additions: Additions, now: datetime) -> Sealed:
    """Seal a case folder. When nothing changed since the last seal and no signature is added, there is no new one.

    Raises UsageError for a folder that holds what cannot be sealed, IntegrityError when the audit log's chain is
    broken, or no longer leads through the former seal's head, or an object is not what its name says.
    """
    case = Case.look(root)
    outside(root, key)
    clear_remains(root)
    former = _former(root)
    head = auditlog.check_chain(root, case.meta.case_number, former.manifest.audit if former else None)
    leaves = root / PART / "leaves.bin"
    try:
        merkle = seal_leaves(case, leaves)
        contents = read_contents(root, additions.progress)
        changes = _changes(former.files, contents.entries) if former else None
        if former and not _worth_it(root, former, contents, key, additions):
            clear_remains(root)
            return _result(root, former.manifest, new=False, finished=case.done("report"), changes=None)
        last = auditlog.draw_up(root, head, _run_name(root), now, _said(key, contents.entries, changes))
        entries = [last.entry if e.path == AUDIT else e for e in contents.entries]
        contents = Contents(contents.before, entries, contents.folders)
        more = replace(
            additions,
            leaves=leaves if merkle else None,
            organisation=case.meta.organisation,
            finished=case.done("report"),
        )
        manifest = finish(root, _base(case, last.head, merkle, now), contents, key, more, last)
    except BaseException:
        clear_remains(root)
        raise
    return _result(root, manifest, new=True, finished=case.done("report"), changes=changes)


def _base(case: Case, audit: AuditHead, merkle: MerkleRoot | None, now: datetime) -> SealManifest:
    """What the manifest says before the files are listed in it."""
    return SealManifest(
        kind="case",
        case_number=storable(case.meta.case_number),
        title=storable(case.meta.title),
        tool="shellcase",
        version=__version__,
        sealed=now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        analysis_digest=case.analysis_digest(),
        audit=audit,
        files=(),
        merkle=merkle,
    )


def _result(root: Path, manifest: SealManifest, *, new: bool, finished: bool, changes: Changes | None) -> Sealed:
    digest = hashlib.sha256((root / SEAL / "manifest.json").read_bytes()).hexdigest()
    return Sealed(manifest=manifest, sha256=digest, new=new, finished=finished, changes=changes)


def _run_name(root: Path) -> str:
    """How the log calls this sealing; a number of its own, because a seal is no run over the evidence."""
    return f"seal-{len(past_seals(root)) + (root / SEAL).is_dir() + 1:04d}"


def _said(key: SigningKey | None, entries: Sequence[FileEntry], changes: Changes | None) -> dict[str, str | int]:
    """What the log's last line says."""
    said: dict[str, str | int] = {"key": key.fingerprint if key else "not signed", "files": len(entries)}
    if changes:
        said |= {
            "added": len(changes.added),
            "changed": len(changes.changed),
            "removed": len(changes.removed),
        }
    return said


# -- the seal before this one -----------------------------------------------------------------------------------------


def _former(root: Path) -> _Former | None:
    """The newest seal, None before the first; IntegrityError when it cannot be read."""
    folder = previous(root)
    if folder is None:
        return None
    path = folder / "manifest.json"
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=SealManifest)
        work = folder / "work.json"
        hidden = msgspec.json.decode(work.read_bytes() if manifest.work else b'{"files":[]}', type=WorkFiles)
    except (msgspec.DecodeError, UnicodeDecodeError, FileNotFoundError) as error:
        raise IntegrityError(f"the former seal cannot be read: {error}", str(path), "restore it from a copy") from error
    if manifest.kind != "case":
        raise UsageError("this folder is a package, not a case", str(root), "seal the case it was made from")
    files = {e.path: e.sha256 for e in (*manifest.files, *hidden.files)}
    return _Former(folder, manifest, files, frozenset((*manifest.folders, *hidden.folders)))


def _changes(then: dict[str, str], entries: Sequence[FileEntry]) -> Changes:
    now = {e.path: e.sha256 for e in entries}
    return Changes(
        added=tuple(sorted(now.keys() - then.keys())),
        changed=tuple(sorted(p for p in now.keys() & then.keys() if now[p] != then[p] and p != AUDIT)),
        removed=tuple(sorted(then.keys() - now.keys())),
    )


def _worth_it(root: Path, former: _Former, contents: Contents, key: SigningKey | None, additions: Additions) -> bool:
    """Whether a new seal would say anything that the one in force does not."""
    in_force = former.folder == root / SEAL and all((root / name).is_file() for name in BAG_FILES)
    same = former.files == {e.path: e.sha256 for e in contents.entries} and former.folders == {*contents.folders}
    same = same and former.manifest.schema == SCHEMA
    handed_out = (former.folder / HANDOUTS.rpartition("/")[2]).is_file()
    newly_signed = key is not None and former.manifest.signer is None
    newly_certified = additions.cms is not None and not (former.folder / "manifest.json.p7s").is_file()
    return not (in_force and same) or handed_out or newly_signed or newly_certified
