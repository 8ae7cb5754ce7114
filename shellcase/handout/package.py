"""A package: a new sealed bag made from a sealed case, without what must not leave, zipped so that twice is the same.

Everything is chosen by what may go (default deny): evidence that the parent sealed, of the objects only those that an
item which goes along needs, the chosen edition of the report. Work product has to be asked for, and never its keys.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from shellcase import __version__
from shellcase.case import Case
from shellcase.clean import storable
from shellcase.errors import IntegrityError, UsageError
from shellcase.handout.audience import LOG_GOES, Request, edition_for, report_files
from shellcase.handout.content import kept
from shellcase.handout.opening import new_file, record
from shellcase.handout.parent import Parent, audit_prefix, check_unchanged, sealed_parent
from shellcase.handout.plan import Choice, kept_back
from shellcase.handout.receiver import Redacted, facts, readme
from shellcase.handout.redact import ledger_without, timeline_without
from shellcase.handout.secrecy import Secret, secrets
from shellcase.handout.withheld import NAME, to_csv
from shellcase.handout.zipped import write_zip
from shellcase.model import Item
from shellcase.seal.composing import Additions, quiet
from shellcase.seal.inventory import AUDIT, Progress
from shellcase.seal.keys import SigningKey
from shellcase.seal.layout import MANIFEST, FileEntry, SealManifest, package_folder
from shellcase.seal.sealing import outside, write_seal

_EVIDENCE, _OBJECTS, _TIMELINE = "data/evidence/", "data/evidence/objects/", "data/evidence/timeline/"
_LEDGER, _REDACTED = "data/evidence/ledger.json", "data/redacted/"
_PLAIN = ("data/case.json", "data/custody.jsonl")
_WORK = tuple(f"data/work/{n}" for n in ("findings.json", "review.jsonl", "tags.jsonl", "notes.jsonl"))
_CHUNK = 1 << 20


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """What was made: SHA-256 of the zip and of its seal's manifest, how many items are in it and how many are not."""

    sha256: str
    manifest_sha256: str
    edition: str
    items: int
    withheld: dict[str, int]


def package(
    case: Case, out: Path, request: Request, key: SigningKey | None, now: datetime, progress: Progress = quiet
) -> Package:
    """Make the package. Refuses, before anything is written, a case that is unsealed or changed since its seal."""
    target, edition = new_file(case, out), edition_for(request)
    outside(case.root, key)
    parent = sealed_parent(case.root)
    report = report_files(parent.files, edition)
    check_unchanged(parent, progress)
    making = _Making(case, parent, request, edition, report)
    making.check_space(target.parent)
    record(case, "package", to=str(target), audience=request.audience, edition=edition, parent=parent.sha256,
           secrets=request.secrets, work=request.work, withheld=len(making.withheld))  # fmt: skip
    stage = Path(tempfile.mkdtemp(prefix=f"{target.name}.part-", dir=target.parent))
    try:
        made = making.write(stage / "bag", key, now)
        write_zip(stage / "bag", making.top, stage / "zip")
        with (stage / "zip").open("rb") as fh:
            made = msgspec.structs.replace(made, sha256=hashlib.file_digest(fh, "sha256").hexdigest())
        new_file(case, target)
        (stage / "zip").replace(target)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    record(case, "packaged", to=str(target), sha256=made.sha256, manifest=made.manifest_sha256)
    return made


class _Making:
    """One package while it is made: what goes, what stays, and what had to be altered."""

    def __init__(self, case: Case, parent: Parent, request: Request, edition: str, report: list[str]) -> None:
        self._case, self._parent, self._request, self._edition = case, parent, request, edition
        self._items = list(case.items())
        found = secrets(self._items, case.evidence)
        choice = Choice(secrets=request.secrets, malware=True)  # scripts and programs go along as CaRT
        self.withheld = [w for i in self._items if (w := kept_back(i, found, choice))]
        self._hidden = _own(self._items, found) if not request.secrets else frozenset()
        self._files = [*self._chosen(), *(parent.files[p] for p in report), *self._work()]
        self._redacted: list[Redacted] = []
        self.top = package_folder(case.meta.case_number, request.audience)

    def _chosen(self) -> Iterable[FileEntry]:
        stays = {w.item.object for w in self.withheld}
        goes = {f"{_EVIDENCE}{i.object}" for i in self._items if kept(i) and i.object not in stays}
        if self._request.secrets:  # skeletons of dumps are no item's own bytes, but the parsers read them
            goes |= {f"{_EVIDENCE}{i.object}" for i in self._items if i.object}
        for path, entry in sorted(self._parent.files.items()):
            if path in _PLAIN or path in goes or (path.startswith(_EVIDENCE) and not path.startswith(_OBJECTS)):
                yield entry

    def _work(self) -> Iterable[FileEntry]:
        sealed = self._parent.work_files() if self._request.work else {}
        return [sealed[p] for p in _WORK if p in sealed]

    def check_space(self, folder: Path) -> None:
        """UsageError when the disk cannot hold the bag and the zip made from it."""
        needed = 2 * sum(e.size for e in self._files)
        if (free := shutil.disk_usage(folder).free) < needed:
            raise UsageError(f"the package needs {needed} bytes while it is made, {free} are free", str(folder))

    def write(self, root: Path, key: SigningKey | None, now: datetime) -> Package:
        """Write and seal the bag."""
        for entry in self._files:
            self._put(root, entry)
        if self._log_goes:
            (root / AUDIT).write_bytes(audit_prefix(self._parent))
        said = facts(
            self._request,
            self._edition,
            (self._parent.sha256, self._parent.manifest.sealed),
            len(self._items),
            self.withheld,
            audit_log=self._log_goes,
            redacted=tuple(self._redacted),
        )
        (root / "data" / NAME).write_bytes(to_csv(self.withheld))
        (root / "data" / "package.json").write_bytes(_pretty(said))
        (root / "data" / "README.txt").write_bytes(readme(self._case.meta, said))
        write_seal(root, self._base(now), key, self._additions())
        digest = hashlib.sha256((root / MANIFEST).read_bytes()).hexdigest()
        return Package(
            sha256="",
            manifest_sha256=digest,
            edition=self._edition,
            items=len(self._items) - len(self.withheld),
            withheld=said.withheld,
        )

    @property
    def _log_goes(self) -> bool:
        return self._request.audience in LOG_GOES and AUDIT in self._parent.files

    def _put(self, root: Path, entry: FileEntry) -> None:
        if not self._redact(root, entry):
            _copy(self._parent.root / entry.path, root / entry.path, entry)

    def _redact(self, root: Path, entry: FileEntry) -> bool:
        """Whether the file stays because it has records of secret items; what remains of it then lies apart.

        So that every file of the parent that is in the package is the very file that was sealed.
        """
        is_timeline = entry.path.startswith(_TIMELINE) and entry.path.endswith(".parquet")
        if not self._hidden or not (is_timeline or entry.path == _LEDGER):
            return False
        source, apart = self._parent.root / entry.path, f"{_REDACTED}{entry.path.removeprefix('data/')}"
        target = root / apart
        target.parent.mkdir(parents=True, exist_ok=True)
        take_out = timeline_without if is_timeline else ledger_without
        gone = take_out(source, target, self._hidden)
        if gone:
            left = apart if target.exists() else ""
            self._redacted.append(Redacted(path=entry.path, sha256=entry.sha256, taken_out=gone, rest=left))
        return bool(gone)

    def _base(self, now: datetime) -> SealManifest:
        """Without a Merkle root: the parent's covers events that stay, and stands in its manifest, which goes along."""
        parent = self._parent.manifest
        return SealManifest(
            kind="package",
            case_number=parent.case_number,
            title=parent.title,
            tool="shellcase",
            version=__version__,
            sealed=now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            analysis_digest=parent.analysis_digest,
            audit=parent.audit,
            files=(),
            parent_manifest_sha256=self._parent.sha256,
            audience=self._request.audience,
            edition=self._edition,
        )

    def _additions(self) -> Additions:
        return Additions(
            extra=self._parent.seal_files(),
            organisation=storable(self._case.meta.organisation),
        )


def _own(items: Iterable[Item], found: dict[str, Secret]) -> frozenset[str]:
    """The artefacts whose events stay, because their own content is secret."""
    return frozenset(i.artifact_id for i in items if i.item in found and found[i.item].own)


def _copy(source: Path, target: Path, entry: FileEntry) -> None:
    """The sealed bytes, and no others."""
    target.parent.mkdir(parents=True, exist_ok=True)
    seen = hashlib.sha256()
    with source.open("rb") as fh, target.open("xb") as out:
        while chunk := fh.read(_CHUNK):
            seen.update(chunk)
            out.write(chunk)
    if seen.hexdigest() != entry.sha256:
        raise IntegrityError("a file changed while it was packed", entry.path, "run `shellcase verify`")


def _pretty(value: object) -> bytes:
    plain = msgspec.to_builtins(value, str_keys=True)
    return msgspec.json.format(msgspec.json.encode(plain, order="sorted"), indent=1) + b"\n"
