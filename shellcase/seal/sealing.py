"""Writing a seal into any bag root, a case or a package, so that a kill at any moment leaves nothing half done.

Everything is made in `seal.part`; the folder itself is not touched until all bytes are hashed and written. Then, in
this order: the former `seal/` becomes `seal-0001/` (next number), the audit log gets its last line, BagIt's files
are replaced, `seal.part` becomes `seal/`. Killed before: the former seal stands as it was. Killed between: the folder
counts as unsealed, and the next `seal` clears the rest away.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib import resources
from pathlib import Path

import msgspec

from shellcase.errors import IntegrityError, UsageError
from shellcase.seal import bag, stamp, text
from shellcase.seal.auditlog import LastLine
from shellcase.seal.canonical import canonical
from shellcase.seal.cms import CmsSigner
from shellcase.seal.inventory import PART, WORK_FOLDER, Found, Progress, digest, digests, past_seals, survey, unchanged
from shellcase.seal.keys import SigningKey
from shellcase.seal.layout import (
    ALLOWED,
    BAG_FILES,
    CMS,
    LEAVES,
    MANIFEST,
    NAMESPACE,
    REQUEST,
    SCRIPT,
    SEAL,
    SIGNATURE,
    STAMP,
    TEXT,
    WORK,
    FileEntry,
    SealManifest,
    Signer,
    WorkList,
)

CERTIFICATE = f"{SEAL}/signers/certificate.pem"


def quiet(_stage: str, _done: int, _total: int) -> None:
    """A progress that says nothing."""


class WorkFiles(msgspec.Struct, frozen=True, kw_only=True):
    """`seal/work.json`: the files of work product, in order of path; canonical JSON."""

    schema: str = "shellcase.work/1"
    files: tuple[FileEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Additions:
    """What a seal may hold besides.

    `leaves`: a file that becomes seal/leaves.bin (base.merkle must describe it). `extra`: further files below seal/,
    by their path there, such as {"parent/manifest.json": b"…"}. `request`: write an RFC 3161 request too.
    `organisation` goes into bag-info.txt; `finished` says whether there is a report.
    """

    cms: CmsSigner | None = None
    request: bool = False
    leaves: Path | None = None
    extra: Mapping[str, bytes] = field(default_factory=dict)
    organisation: str = ""
    finished: bool = True
    progress: Progress = quiet


@dataclass(frozen=True, slots=True)
class Contents:
    """The bag as it was read: every file before, and the entries of what lies below data/."""

    before: Mapping[str, Found]
    entries: Sequence[FileEntry]


def write_seal(
    root: Path, base: SealManifest, key: SigningKey | None = None, additions: Additions | None = None
) -> SealManifest:
    """Seal a bag root that holds `data/`: read all of it, make the manifest, sign it, write the bag around it.

    `base` gives kind, case_number, title, tool, version, sealed (ISO 8601, UTC, `Z`), analysis_digest, audit (as it
    is to stand there: this function writes no log line), and for a package merkle, parent_manifest_sha256, audience,
    edition. `files`, `work`, `signer` and `previous_seal_sha256` are filled in here; what `base` says of them is
    ignored. Without a key the seal is "hash-sealed, not signed". Raises UsageError for links, devices, half-written
    or foreign files, IntegrityError for an object that is not what its name says. Returns the manifest as written.
    """
    outside(root, key)
    clear_remains(root)
    return finish(root, base, read_contents(root, (additions or Additions()).progress), key, additions or Additions())


def read_contents(root: Path, progress: Progress) -> Contents:
    """Survey and hash; UsageError when there is nothing to seal."""
    before = survey(root)
    payload = {path: found for path, found in before.items() if path.startswith("data/")}
    if not payload:
        raise UsageError("there is nothing to seal: no data/ folder with files", str(root), "give a case or a package")
    return Contents(before, digests(root, payload, progress))


def finish(
    root: Path,
    base: SealManifest,
    contents: Contents,
    key: SigningKey | None,
    additions: Additions,
    last_line: LastLine | None = None,
) -> SealManifest:
    """Make the seal from what was read, and put it in place."""
    try:
        manifest, files = _compose(root, base, contents.entries, key, additions)
        for name, content in files.items():
            write(_staged(root, name), content)
        if additions.leaves is not None and additions.leaves != _staged(root, LEAVES):
            shutil.copyfile(additions.leaves, _staged(root, LEAVES))
        bag_files = _bag_files(root, manifest, contents.entries, additions)
        unchanged(root, contents.before)
    except BaseException:
        clear_remains(root)
        raise
    _put_in_place(root, bag_files, last_line)
    return manifest


def outside(root: Path, key: SigningKey | None) -> None:
    """UsageError when the private key would be sealed in and handed out."""
    if key is not None and key.path.resolve().is_relative_to(root.resolve()):
        raise UsageError("the private key lies inside the folder to be sealed", str(key.path), "keep it elsewhere")


def clear_remains(root: Path) -> None:
    """Remove what an interrupted sealing left."""
    part = root / PART
    if part.is_symlink() or part.is_file():
        part.unlink()
    elif part.is_dir():
        shutil.rmtree(part)
    for name in (*BAG_FILES, REQUEST, STAMP):
        (root / f"{name}.part").unlink(missing_ok=True)


# -- what is written --------------------------------------------------------------------------------------------------


def _compose(
    root: Path, base: SealManifest, entries: Sequence[FileEntry], key: SigningKey | None, additions: Additions
) -> tuple[SealManifest, dict[str, bytes]]:
    """The manifest, and the seal's files by their final path."""
    work = canonical(WorkFiles(files=tuple(e for e in entries if e.path.startswith(WORK_FOLDER))))
    manifest = _fill(root, base, entries, work, key)
    signed = canonical(manifest)
    files = {f"{SEAL}/{name}": content for name, content in additions.extra.items()}
    files[MANIFEST] = signed
    if manifest.work:
        files[WORK] = work
    if key:
        files[SIGNATURE] = key.sign(signed, NAMESPACE)
        files[ALLOWED] = f'{text.PRINCIPAL} namespaces="{NAMESPACE}" {key.public_line}\n'.encode()
    if additions.cms:
        files[CMS], files[CERTIFICATE] = additions.cms.sign(signed), additions.cms.pem
    if additions.request:
        files[REQUEST] = stamp.request(signed)
    files[SCRIPT] = resources.files("shellcase.seal").joinpath("standalone.py").read_bytes()
    files[TEXT] = text.page(manifest, _facts(signed, entries, additions))
    return manifest, files


def _fill(
    root: Path, base: SealManifest, entries: Sequence[FileEntry], work: bytes, key: SigningKey | None
) -> SealManifest:
    """The record that is signed."""
    listed = tuple(e for e in entries if not e.path.startswith(WORK_FOLDER))
    hidden = len(entries) - len(listed)
    signer = key and Signer(
        public_key=key.public_line,
        fingerprint=key.fingerprint,
        made_same_day=key.made_same_day(datetime.fromisoformat(base.sealed)),
    )
    return msgspec.structs.replace(
        base,
        files=listed,
        work=WorkList(sha256=hashlib.sha256(work).hexdigest(), files=hidden) if hidden else None,
        signer=signer,
        previous_seal_sha256=previous_sha256(root),
    )


def _facts(signed: bytes, entries: Sequence[FileEntry], additions: Additions) -> text.Facts:
    return text.Facts(
        sha256=hashlib.sha256(signed).hexdigest(),
        files=len(entries),
        size=sum(e.size for e in entries),
        finished=additions.finished,
        has_cms=additions.cms is not None,
    )


def previous(root: Path) -> Path | None:
    """The folder of the newest seal: `seal`, or the last numbered one when a kill came between."""
    newest = [root / SEAL] if (root / SEAL).is_dir() else past_seals(root)[-1:]
    return newest[0] if newest else None


def previous_sha256(root: Path) -> str | None:
    """SHA-256 of the newest seal's manifest, None before the first; IntegrityError when it is gone."""
    folder = previous(root)
    if folder is None:
        return None
    path = folder / "manifest.json"
    if not path.is_file():
        raise IntegrityError("the former seal has lost its manifest.json", str(path), "restore it from a copy")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _bag_files(
    root: Path, manifest: SealManifest, entries: Sequence[FileEntry], additions: Additions
) -> dict[str, bytes]:
    """BagIt's four files; the tag manifest names the seals by where they will lie."""
    files = {
        "bagit.txt": bag.DECLARATION,
        "bag-info.txt": bag.info(manifest, additions.organisation, (e.size for e in entries)),
        "manifest-sha256.txt": bag.checksums(entries),
    }
    tags = [bag.Line(name, hashlib.sha256(content).hexdigest()) for name, content in files.items()]
    folders = {p.name: p.name for p in past_seals(root)} | {PART: SEAL}
    if (root / SEAL).is_dir():
        folders[SEAL] = _next_name(root)
    for now, then in folders.items():
        for path in sorted(p for p in (root / now).rglob("*") if p.is_file()):
            name = path.relative_to(root / now).as_posix()
            tags.append(bag.Line(f"{then}/{name}", digest(root, f"{now}/{name}").sha256))
    return {**files, "tagmanifest-sha256.txt": bag.checksums(tags)}


def _next_name(root: Path) -> str:
    """The name that the present seal gets when another takes its place."""
    past = past_seals(root)
    last = int(past[-1].name.rpartition("-")[2]) if past else 0
    return f"{SEAL}-{last + 1:04d}"


# -- how it is put in place -------------------------------------------------------------------------------------------


def _put_in_place(root: Path, bag_files: Mapping[str, bytes], last_line: LastLine | None) -> None:
    """The few renames that make it count; see the module's docstring."""
    for name, content in bag_files.items():
        write(root / f"{name}.part", content)
    if (root / SEAL).is_dir():
        (root / SEAL).rename(root / _next_name(root))
    if last_line:
        last_line.write(root)
    for name in bag_files:
        (root / f"{name}.part").replace(root / name)
    (root / PART).rename(root / SEAL)
    _sync_folder(root)


def _staged(root: Path, name: str) -> Path:
    """Where a file of the seal lies until it counts."""
    return root / PART / name.removeprefix(f"{SEAL}/")


def write(path: Path, content: bytes) -> None:
    """Write durably."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as fh:
        fh.write(content)
        fh.flush()
        os.fsync(fh.fileno())


def _sync_folder(path: Path) -> None:
    """Make renames durable where a folder can be opened for that; Windows needs none."""
    if os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
