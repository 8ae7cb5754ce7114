"""The chain of custody: `data/custody.jsonl`, what people say happened to a source, an item or the whole case.

Each line is hash-chained like the audit log. Nothing is filled in by the program: what was not said is `not recorded`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256

import msgspec
from msgspec import Struct, field

from shellcase.case import Case
from shellcase.case.journal import AuditLine, Chain, Journal, encode_line
from shellcase.clean import storable
from shellcase.errors import IntegrityError, UsageError

NOT_RECORDED = "not recorded"
WHOLE_CASE = "CASE"
"""Stands for the case folder or its sealed package where an entry is about no single source or item."""
ACTIONS = ("received", "opened", "copied", "transferred", "stored", "verified", "returned", "destroyed")
_TODO = "restore custody.jsonl from a copy or the sealed package; do not edit it"
_FILE, _AUDIT, _PACKAGE = "custody.jsonl", "audit.jsonl", "package.json"


class Party(Struct, frozen=True, kw_only=True):
    """Who gave or took."""

    name: str = NOT_RECORDED
    org: str = NOT_RECORDED


class Medium(Struct, frozen=True, kw_only=True):
    """The thing itself."""

    make: str = NOT_RECORDED
    model: str = NOT_RECORDED
    serial: str = NOT_RECORDED


class Facts(Struct, frozen=True, kw_only=True):
    """What people say of one step; `from_` is `from` in the file. Times: `utc` ends in Z, `local_time_tz` as given."""

    item_or_source: str
    action: str
    utc: str = NOT_RECORDED
    local_time_tz: str = NOT_RECORDED
    place: str = NOT_RECORDED
    from_: Party = field(name="from", default=Party())
    to: Party = Party()
    purpose: str = NOT_RECORDED
    authority: str = NOT_RECORDED
    medium: Medium = Medium()
    seal_no: str = NOT_RECORDED
    sha256_before: str = NOT_RECORDED
    sha256_after: str = NOT_RECORDED
    changes_and_reason: str = NOT_RECORDED
    recorded_by: str = NOT_RECORDED
    signature_ref: str = NOT_RECORDED


class Entry(Facts, frozen=True, kw_only=True):
    """A line of custody.jsonl: the facts, its number, and the SHA-256 of the line before it."""

    id: str
    seq: int
    prev: str


def chain_seed(case: Case) -> str:
    """What the first line's `prev` is the SHA-256 of."""
    return f"case-custody-v1\n{case.meta.case_number}"


def read_custody(case: Case) -> tuple[Entry, ...]:
    """Every entry in order. IntegrityError when a line was altered, taken away or put in, the last one too."""
    read = list(_read(case))
    if _unlogged(case, [digest for _, digest in read]):
        raise _not_logged(case, len(read))
    return tuple(entry for entry, _ in read)


def _read(case: Case) -> Iterator[tuple[Entry, str]]:
    """Entries with the SHA-256 of their lines, each following the one before it."""
    path = case.data / _FILE
    head = sha256(chain_seed(case).encode()).hexdigest()
    for number, line in enumerate(Journal(path).lines(), 1):
        try:
            entry = msgspec.json.decode(line, type=Entry)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _broken(f"line {number} cannot be read: {error}", case) from error
        if (entry.seq, entry.prev) != (number, head):
            raise _broken(f"line {number} does not follow the line before it", case)
        head = sha256(line).hexdigest()
        yield entry, head


def _unlogged(case: Case, lines: list[str]) -> bool:
    """Compare with the audit log, which has the SHA-256 of each line; whether only the last is not in it (yet).

    A package holds the record, but not always the log: there the seal speaks for the record.
    """
    if (case.data / _PACKAGE).is_file():
        return False
    logged = list(_logged(case))
    for number, (is_, said) in enumerate(zip(lines, logged, strict=False), 1):
        if is_ != said:
            raise _broken(f"line {number} is not the one that the audit log names", case)
    if not len(logged) <= len(lines) <= len(logged) + 1:
        raise _broken(f"the audit log names {len(logged)} entries, {len(lines)} are there", case)
    return len(lines) > len(logged)


def _logged(case: Case) -> Iterator[str]:
    """The SHA-256 of every line, as the audit log has them."""
    for line in Journal(case.data / _AUDIT).read(AuditLine, torn=True):
        if line.op == "custody":
            yield str(line.args.get("line_sha256", ""))


def _not_logged(case: Case, number: int) -> IntegrityError:
    return _broken(
        f"line {number} is not in the audit log",
        case,
        "if the program was stopped while it recorded this entry, add the very same entry again; else restore the file",
    )


def _broken(what: str, case: Case, todo: str = _TODO) -> IntegrityError:
    return IntegrityError(f"the custody record is broken: {what}", str(case.data / _FILE), todo)


def add_entry(case: Case, facts: Facts) -> Entry:
    """Append one entry. UsageError for facts that cannot be, IntegrityError for a record that is broken already."""
    checked, read = _checked(case, facts), list(_read(case))
    if _unlogged(case, [digest for _, digest in read]):  # it was stopped between the line and its mark in the log
        if not _says(entry := read[-1][0], checked):
            raise _not_logged(case, len(read))
    else:
        said = {name: getattr(checked, name) for name in Facts.__struct_fields__}
        chain = Chain(case.data / _FILE, chain_seed(case))
        entry = Entry(**said, id=f"CUS-{chain.seq + 1:03d}", seq=chain.seq + 1, prev=chain.head)
        chain.append(entry, durable=True)
    digest = sha256(encode_line(entry)).hexdigest()
    case.audit("custody", id=entry.id, action=entry.action, of=entry.item_or_source, line_sha256=digest)
    case.flush()
    return entry


def check_entry(case: Case, facts: Facts) -> None:
    """What `add_entry` would refuse, found without writing anything."""
    checked, read = _checked(case, facts), list(_read(case))
    if _unlogged(case, [digest for _, digest in read]) and not _says(read[-1][0], checked):
        raise _not_logged(case, len(read))


def _says(entry: Entry, facts: Facts) -> bool:
    return all(getattr(entry, name) == getattr(facts, name) for name in Facts.__struct_fields__)


# -- what is refused --------------------------------------------------------------------------------------------------


def _checked(case: Case, facts: Facts) -> Facts:
    if facts.action not in ACTIONS:
        raise UsageError(f"{facts.action!r} is no action of custody", todo=f"use one of {', '.join(ACTIONS)}")
    _must_exist(case, facts.item_or_source)
    local, utc = _instant(facts.local_time_tz, facts.utc)
    return msgspec.structs.replace(
        msgspec.convert(_storable(msgspec.to_builtins(facts)), Facts),
        utc=utc,
        local_time_tz=local,
        sha256_before=_digest("--sha256-before", facts.sha256_before),
        sha256_after=_digest("--sha256-after", facts.sha256_after),
    )


def _storable(value: dict[str, object]) -> dict[str, object]:
    """Valid UTF-8 in every text; an empty one is nothing said."""
    return {
        k: _storable(v) if isinstance(v, dict) else storable(str(v)).strip() or NOT_RECORDED for k, v in value.items()
    }


def _must_exist(case: Case, name: str) -> None:
    if name == WHOLE_CASE:
        return
    if re.fullmatch(r"SRC-\d+", name) and (case.evidence / "sources" / f"{name}.json").exists():
        return
    if name.startswith("ITEM-") and any(i.item == name for i in case.items()):
        return
    known = ", ".join(p.stem for p in sorted((case.evidence / "sources").glob("SRC-*.json"))) or "none"
    raise UsageError(
        f"the case has no source or item {name!r}",
        str(case.root),
        f"sources: {known}; items stand in files.csv; {WHOLE_CASE} is the whole case",
    )


def _instant(local: str, text: str) -> tuple[str, str]:
    """(local time as given, the same in UTC). An instant without a zone is refused: it would have to be guessed."""
    if text == NOT_RECORDED:
        return local, text
    try:
        moment = datetime.fromisoformat(text)
        utc = moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r} is no time", todo="write it like 2021-03-09T14:30:00+01:00") from None
    if utc is None:
        raise UsageError(f"{text!r} says no zone", todo="add it, like 2021-03-09T14:30:00+01:00, or Z for UTC")
    offset = text if moment.utcoffset() else NOT_RECORDED
    return (offset if local == NOT_RECORDED else local), utc.isoformat().replace("+00:00", "Z")


def _digest(option: str, text: str) -> str:
    if text == NOT_RECORDED or re.fullmatch("[0-9A-Fa-f]{64}", text):
        return text.lower()
    raise UsageError(f"{option} {text!r} is no SHA-256", todo="give its 64 hexadecimal digits")
