"""Writing a seal into any bag root, a case or a package, so that a kill at any moment leaves nothing half done.

Everything is made in `seal.part`; the folder itself is not touched until all bytes are hashed and written. Then, in
this order: the former `seal/` becomes `seal-0001/` (next number), the audit log gets its last line, BagIt's files
are replaced, `seal.part` becomes `seal/`. Killed before: the former seal stands as it was. Killed between: the folder
counts as unsealed, and the next `seal` clears the rest away.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from shellcase.errors import UsageError
from shellcase.seal.auditlog import LastLine
from shellcase.seal.composing import Additions, Contents, compose, next_name
from shellcase.seal.inventory import PART, Progress, digest, digests, empty_folders, survey, unchanged
from shellcase.seal.keys import SigningKey
from shellcase.seal.layout import BAG_FILES, LEAVES, REQUEST, SEAL, STAMP, SealManifest


def write_seal(
    root: Path, base: SealManifest, key: SigningKey | None = None, additions: Additions | None = None
) -> SealManifest:
    """Seal a bag root that holds `data/`: read all of it, make the manifest, sign it, write the bag around it.

    `base` gives kind, case_number, title, tool, version, sealed (ISO 8601, UTC, `Z`), analysis_digest, audit (as it
    is to stand there: this function writes no log line), and for a package merkle, parent_manifest_sha256, audience,
    edition. What says how it was sealed (`files`, `tags`, `signer`, `number` …) is filled in here; what `base` says
    of it is ignored. Without a key the seal is "hash-sealed, not signed". Raises UsageError for links, devices,
    half-written or foreign files, IntegrityError for an object that is not what its name says. Returns the manifest
    as written.
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
    return Contents(before, digests(root, payload, progress), empty_folders(root))


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
        made = compose(root, base, contents, key, additions)
        for name, content in made.files.items():
            write(_staged(root, name), content)
        if additions.leaves is not None and additions.leaves != _staged(root, LEAVES):
            shutil.copyfile(additions.leaves, _staged(root, LEAVES))
        leaves = f"{PART}/leaves.bin"
        bag_files = made.bag_files(digest(root, leaves).sha256 if (root / leaves).is_file() else None)
        unchanged(root, contents.before)
    except BaseException:
        clear_remains(root)
        raise
    _put_in_place(root, bag_files, last_line)
    return made.manifest


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


# -- how it is put in place -------------------------------------------------------------------------------------------


def _put_in_place(root: Path, bag_files: Mapping[str, bytes], last_line: LastLine | None) -> None:
    """The few renames that make it count; see the module's docstring."""
    for name, content in bag_files.items():
        write(root / f"{name}.part", content)
    if (root / SEAL).is_dir():
        (root / SEAL).rename(root / next_name(root))
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
