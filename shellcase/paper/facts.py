"""What the case's records say of sources, verification, tool and seal: the material of certifications and exports."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from shellcase.case import Case
from shellcase.case.journal import AuditLine, Journal
from shellcase.errors import IntegrityError, UsageError
from shellcase.model import HostFacts
from shellcase.sourcecheck import StoredHashes, read_check

_WHOLE = {"data hash matches", "data hash does not match", "no stored hash"}
"""Verdicts for which the whole source was read and hashed."""


class Segment(Struct, frozen=True, kw_only=True):
    """One file of a source."""

    name: str
    size: int
    sha256: str = ""


class SourcePaper(Struct, frozen=True, kw_only=True):
    """`evidence/sources/SRC-01.json` as far as paperwork needs it."""

    source: str
    container: str
    media_size: int
    fingerprint: str
    segments: tuple[Segment, ...] = ()
    stored_md5: str = ""
    stored_sha1: str = ""
    acquisition: dict[str, str] = {}
    problems: tuple[str, ...] = ()
    host: HostFacts = HostFacts()

    @property
    def record(self) -> str:
        """The file this comes from."""
        return f"data/evidence/sources/{self.source}.json"


def sources(case: Case) -> tuple[SourcePaper, ...]:
    """Every source of the case, by number. UsageError when nothing was collected yet."""
    paths = sorted((case.evidence / "sources").glob("SRC-*.json"))
    if not paths:
        raise UsageError("nothing was collected into this case yet", str(case.root), "run `shellcase collect` first")
    try:
        return tuple(msgspec.json.decode(p.read_bytes(), type=SourcePaper) for p in paths)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise IntegrityError(
            f"a source record cannot be read: {error}", str(paths[0].parent), "verify the case"
        ) from error


def verification(case: Case, source: str) -> StoredHashes:
    """The verdict on a source."""
    return read_check(case, source)


def hashed_whole(said: StoredHashes, source: SourcePaper) -> bool:
    """Whether every byte of the source went into its hashes."""
    return said.verdict in _WHOLE and bool(said.sha256) and said.bytes == source.media_size and not said.unreadable


def seal_digest(case: Case) -> str:
    """SHA-256 of the signed manifest; empty for a case that is not sealed."""
    path = case.root / "seal" / "manifest.json"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def environments(case: Case) -> list[tuple[str, str]]:
    """(path, SHA-256) of every run's environment.json."""
    found = sorted((case.work / "runs").glob("*/environment.json"))
    return [(p.relative_to(case.root).as_posix(), hashlib.sha256(p.read_bytes()).hexdigest()) for p in found]


def audit_lines(case: Case) -> Iterator[AuditLine]:
    """The audit log."""
    for line in Journal(case.data / "audit.jsonl").lines():
        yield msgspec.json.decode(line, type=AuditLine)
