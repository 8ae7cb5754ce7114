"""What a seal says and which files it consists of, all in memory: the manifest, its signature, the page, BagIt's texts.

First comes what was there before the manifest, listed in it; then the manifest; then what is made from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib import resources
from pathlib import Path

from msgspec.structs import replace

from shellcase.errors import IntegrityError, UsageError
from shellcase.seal import bag, stamp, text
from shellcase.seal.allowed import allowed_line
from shellcase.seal.canonical import canonical
from shellcase.seal.cms import CmsSigner
from shellcase.seal.inventory import WORK_FOLDER, Found, Progress, digest, past_seals
from shellcase.seal.keys import SigningKey
from shellcase.seal.layout import (
    AFTER,
    ALLOWED,
    BAG_INFO,
    BLANKS,
    CERTIFICATE,
    CMS,
    MANIFEST,
    NAMESPACE,
    PAYLOAD,
    REQUEST,
    SCRIPT,
    SEAL,
    SIGNATURE,
    TAGS,
    TEXT,
    WORK,
    FileEntry,
    SealManifest,
    Signer,
    TagEntry,
    WorkFiles,
    WorkList,
    halves,
)


def quiet(_stage: str, _done: int, _total: int) -> None:
    """A progress that says nothing."""


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
    """The bag as it was read: every file before, the entries of what lies below data/, and folders without files."""

    before: Mapping[str, Found]
    entries: Sequence[FileEntry]
    folders: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Composed:
    """A seal before it is written: the manifest, files below seal/ by final path, and BagIt's texts but the last."""

    manifest: SealManifest
    files: Mapping[str, bytes]
    texts: Mapping[str, bytes]

    def bag_files(self, leaves_sha256: str | None) -> dict[str, bytes]:
        """BagIt's four files, given the digest of the file of leaves where there is one."""
        lines = {name: hashlib.sha256(content).hexdigest() for name, content in {**self.files, **self.texts}.items()}
        lines |= {tag.path: tag.sha256 for tag in self.manifest.tags}
        lines |= {"seal/leaves.bin": leaves_sha256} if leaves_sha256 else {}
        return {**self.texts, TAGS: bag.checksums(bag.Line(*pair) for pair in lines.items())}


def compose(
    root: Path, base: SealManifest, contents: Contents, key: SigningKey | None, additions: Additions
) -> Composed:
    """Make all of it. UsageError when the manifest cannot be written as canonical JSON."""
    work = _work(contents)
    sizes = [e.size for e in contents.entries]
    texts = {"bagit.txt": bag.DECLARATION, BAG_INFO: bag.info(base, additions.organisation, sizes)}
    first = _first(key, additions)
    manifest = _fill(root, base, contents, work, key)
    tags = [*_former(root), _tag(BAG_INFO, texts[BAG_INFO]), *(_tag(*one) for one in first.items())]
    manifest = replace(manifest, tags=tuple(sorted(tags, key=lambda t: t.path)), after=_after(key, additions))
    template = _template(manifest, contents.entries, additions)
    manifest = replace(manifest, page_sha256=hashlib.sha256(template).hexdigest())
    files = first | _made(canonical(manifest), template, key, additions) | ({WORK: work} if manifest.work else {})
    return Composed(manifest, files, texts | {PAYLOAD: bag.checksums(contents.entries)})


def _work(contents: Contents) -> bytes:
    """seal/work.json."""
    return canonical(
        WorkFiles(
            files=tuple(e for e in contents.entries if e.path.startswith(WORK_FOLDER)),
            folders=tuple(f for f in contents.folders if f.startswith(WORK_FOLDER)),
        )
    )


def _first(key: SigningKey | None, additions: Additions) -> dict[str, bytes]:
    """Files below seal/ that do not depend on the manifest."""
    files = {f"{SEAL}/{name}": content for name, content in additions.extra.items()}
    files[SCRIPT] = resources.files("shellcase.seal").joinpath("standalone.py").read_bytes()
    if key:
        files[ALLOWED] = allowed_line(key.public_line)
    if additions.cms:
        files[CERTIFICATE] = additions.cms.pem
    return files


def _made(signed: bytes, template: bytes, key: SigningKey | None, additions: Additions) -> dict[str, bytes]:
    """The manifest, and files that depend on it."""
    files = {MANIFEST: signed, TEXT: template}
    for mark, half in zip(BLANKS, halves(hashlib.sha256(signed).hexdigest()), strict=True):
        files[TEXT] = files[TEXT].replace(mark, half)
    if key:
        files[SIGNATURE] = key.sign(signed, NAMESPACE)
    if additions.cms:
        files[CMS] = additions.cms.sign(signed)
    if additions.request:
        files[REQUEST] = stamp.request(signed)
    return files


def _after(key: SigningKey | None, additions: Additions) -> tuple[str, ...]:
    """The names of those files, without the manifest's own."""
    there = {SIGNATURE: key is not None, CMS: additions.cms is not None, REQUEST: additions.request, TEXT: True}
    return tuple(name for name in AFTER if there[name])


def _template(manifest: SealManifest, entries: Sequence[FileEntry], additions: Additions) -> bytes:
    """SEAL.txt with blanks for the manifest's SHA-256."""
    made = text.page(
        manifest,
        text.Facts(
            files=len(entries),
            size=sum(e.size for e in entries),
            finished=additions.finished,
            has_cms=additions.cms is not None,
        ),
    )
    if any(made.count(mark) != 1 for mark in BLANKS):
        raise UsageError("the case number or title holds what SEAL.txt uses as a blank", todo="choose another title")
    return made


def _fill(root: Path, base: SealManifest, contents: Contents, work: bytes, key: SigningKey | None) -> SealManifest:
    """What follows from the folder and the key."""
    listed = tuple(e for e in contents.entries if not e.path.startswith(WORK_FOLDER))
    folders = tuple(f for f in contents.folders if not f.startswith(WORK_FOLDER))
    hidden = len(contents.entries) - len(listed)
    there_is = hidden or len(folders) < len(contents.folders)
    signer = key and Signer(
        public_key=key.public_line,
        fingerprint=key.fingerprint,
        made_same_day=key.made_same_day(datetime.fromisoformat(base.sealed)),
    )
    return replace(
        base,
        files=listed,
        folders=folders,
        work=WorkList(sha256=hashlib.sha256(work).hexdigest(), files=hidden) if there_is else None,
        signer=signer,
        number=_last_number(root) + (root / SEAL).is_dir() + 1,
        previous_seal_sha256=previous_sha256(root),
    )


def _tag(path: str, content: bytes) -> TagEntry:
    return TagEntry(path=path, size=len(content), sha256=hashlib.sha256(content).hexdigest())


# -- the seals before -------------------------------------------------------------------------------------------------


def _former(root: Path) -> list[TagEntry]:
    """Every file of the former seals, by where it will lie."""
    folders = {p.name: p.name for p in past_seals(root)}
    if (root / SEAL).is_dir():
        folders[SEAL] = next_name(root)
    found = []
    for now, then in folders.items():
        for path in sorted(p for p in (root / now).rglob("*") if p.is_file()):
            name = path.relative_to(root / now).as_posix()
            read = digest(root, f"{now}/{name}")
            found.append(TagEntry(path=f"{then}/{name}", size=read.size, sha256=read.sha256))
    return found


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


def next_name(root: Path) -> str:
    """The name that the present seal gets when another takes its place."""
    return f"{SEAL}-{_last_number(root) + 1:04d}"


def _last_number(root: Path) -> int:
    past = past_seals(root)
    return int(past[-1].name.rpartition("-")[2]) if past else 0
