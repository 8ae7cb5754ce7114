"""The parsers' unfinished parts: a Parquet file of a group's events, and beside it its account with the file's digest.

What a killed run or a power loss left half is not trusted: a shard counts when its account names the very bytes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec

from shellcase.ledger import Entry
from shellcase.model import merge_ledgers

KEEP_ISSUES = 200
"""Issues of one artefact that are told one by one; the rest is counted."""
_KEEP_RANGES = 10_000
SCRATCH = "scratch-"
"""How the folders begin that workers copy artefacts to, beside the shards."""


class _Account(msgspec.Struct, frozen=True):
    sha256: str
    entries: tuple[Entry, ...]


def parquet_of(shard: str) -> Path:
    """Where the events lie. Shard names carry no ending of their own."""
    return Path(shard + ".parquet")


def part_of(shard: str) -> Path:
    """Where this process writes the events; a worker that outlived its run may be writing the same shard."""
    return Path(f"{shard}.{os.getpid()}.part")


def sweep(folder: Path) -> None:
    """Remove what workers of an interrupted run left half, and their scratch folders."""
    for part in folder.glob("*.part"):
        part.unlink(missing_ok=True)
    for scratch in folder.glob(f"{SCRATCH}*"):
        shutil.rmtree(scratch, ignore_errors=True)


def finish(shard: str, part: Path, entries: list[Entry]) -> None:
    """Put a written part in place, its account last."""
    account = _Account(_sha256(part), tuple(entries))
    part.replace(parquet_of(shard))
    beside = part.with_suffix(".json.part")
    beside.write_bytes(msgspec.json.encode(account))
    beside.replace(shard + ".json")


def finished(shard: str) -> bool:
    """Whether both files are there and whole."""
    account, parquet = _account(shard), parquet_of(shard)
    return account is not None and parquet.exists() and _sha256(parquet) == account.sha256


def entries(shard: str) -> tuple[Entry, ...]:
    """The account of a finished shard."""
    account = _account(shard)
    return account.entries if account else ()


def joined(parts: Iterable[Entry]) -> list[Entry]:
    """One account for each artefact and parser: those of its parts, which come in order, added up."""
    by_artefact: dict[tuple[str, str], list[Entry]] = {}
    for part in parts:
        by_artefact.setdefault((part.artifact_id, part.parser), []).append(part)
    return [_whole(group) if len(group) > 1 else group[0] for group in by_artefact.values()]


def _whole(parts: list[Entry]) -> Entry:
    ledger = merge_ledgers([p.ledger for p in parts])
    return msgspec.structs.replace(
        parts[0],
        ledger=msgspec.structs.replace(ledger, failed_ranges=ledger.failed_ranges[:_KEEP_RANGES]),
        events=sum(p.events for p in parts),
        issues=tuple(i for p in parts for i in p.issues)[:KEEP_ISSUES],
        issue_count=sum(p.issue_count for p in parts),
    )


def _account(shard: str) -> _Account | None:
    try:
        return msgspec.json.decode(Path(shard + ".json").read_bytes(), type=_Account)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _sha256(path: Path) -> str:
    with path.open("rb") as fh:
        return hashlib.file_digest(fh, "sha256").hexdigest()


def make_durable(paths: list[Path]) -> None:
    """Wait until the disk has them; before anything says that they are there."""
    for path in paths if os.name != "nt" else ():
        with path.open("rb") as fh:
            os.fsync(fh.fileno())
