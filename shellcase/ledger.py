"""The account of every artefact that was parsed: `evidence/ledger.json`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from shellcase.case import Case
from shellcase.model import Issue, Item, Ledger


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One artefact of the ledger: which parser, its account, and its issues.

    `same_as`: the item with the same bytes that was parsed in its stead; nothing is found or parsed here then.
    """

    artifact_id: str
    item: str
    path: str
    parser: str
    version: int
    state: str
    ledger: Ledger
    events: int
    issues: tuple[Issue, ...] = ()
    issue_count: int = 0
    same_as: str = ""


class LedgerFile(msgspec.Struct):
    """ledger.json."""

    artifacts: list[Entry]


def read_ledger(case: Case) -> list[Entry]:
    """Every account of the case; empty before parsing."""
    path = case.evidence / "ledger.json"
    return msgspec.json.decode(path.read_bytes(), type=LedgerFile).artifacts if path.exists() else []


_TWICE = "work/twice.json"


def write_twice(case: Case, said: Sequence[str]) -> None:
    """Keep what is to be said of sources with the same files, for the report."""
    if said or (case.data / _TWICE).exists():
        case.write_json(_TWICE, said)


def read_twice(case: Case) -> list[str]:
    """What is to be said of sources with the same files; mostly nothing."""
    path = case.data / _TWICE
    return msgspec.json.decode(path.read_bytes(), type=list[str]) if path.exists() else []


def alarms(entries: Iterable[Entry], unread: Sequence[Item]) -> list[str]:
    """What must not pass in silence: records lost, or a source that gave nothing where something was found."""
    entries = list(entries)
    lost = [e for e in entries if e.ledger.failed or any(i.grade == "lost" for i in e.issues)]
    silent = [e for e in entries if e.ledger.found and not e.ledger.parsed and e not in lost]
    strange = [e for e in entries if 0 < e.ledger.found == e.ledger.raw_lines and e.state == "live" and e not in lost]
    said = [f"{e.path}: {_loss(e)} ({e.parser})" for e in lost]
    said += [f"{e.path}: {e.ledger.found} records found, none parsed ({e.parser})" for e in silent]
    said += [
        f"{e.path}: none of {e.ledger.found} lines fits the log's grammar, all kept raw ({e.parser})" for e in strange
    ]
    said += [
        f"{e.path}: {e.ledger.bytes_seen} bytes in which no record was found ({e.parser}): {e.issues[0].what}"
        for e in entries
        if not e.ledger.found and e.ledger.bytes_seen and e not in lost and any(i.grade == "damaged" for i in e.issues)
    ]
    if not any(e.ledger.found for e in entries):
        said.append("no record of any kind that this version reads was found in the evidence")
    return said + [f"{i.path}: no parser recognises its content" for i in unread]


def _loss(entry: Entry) -> str:
    """Records that failed; where none did, what is gone without anybody knowing how many records it held."""
    if entry.ledger.failed:
        return f"{entry.ledger.failed} of {entry.ledger.found} records could not be read"
    return next(i.what for i in entry.issues if i.grade == "lost")
