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
from shellcase.case.journal import Chain, Journal, encode_line
from shellcase.clean import storable
from shellcase.errors import IntegrityError, UsageError

NOT_RECORDED = "not recorded"
WHOLE_CASE = "CASE"
"""Stands for the case folder or its sealed package where an entry is about no single source or item."""
ACTIONS = ("received", "opened", "copied", "transferred", "stored", "verified", "returned", "destroyed")
_FILE = "custody.jsonl"


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
    """Every entry in order. IntegrityError when a line was altered, taken away or put in."""
    return tuple(_read(case))


def _read(case: Case) -> Iterator[Entry]:
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
        yield entry


def _broken(what: str, case: Case) -> IntegrityError:
    todo = "restore custody.jsonl from a copy or the sealed package; do not edit it"
    return IntegrityError(f"the custody record is broken: {what}", str(case.data / _FILE), todo)


def add_entry(case: Case, facts: Facts) -> Entry:
    """Append one entry. UsageError for facts that cannot be, IntegrityError for a record that is broken already."""
    checked = _checked(case, facts)
    read_custody(case)
    chain = Chain(case.data / _FILE, chain_seed(case))
    said = {name: getattr(checked, name) for name in Facts.__struct_fields__}
    entry = Entry(**said, id=f"CUS-{chain.seq + 1:03d}", seq=chain.seq + 1, prev=chain.head)
    chain.append(entry, durable=True)
    digest = sha256(encode_line(entry)).hexdigest()
    case.audit("custody", id=entry.id, action=entry.action, of=entry.item_or_source, line_sha256=digest)
    return entry


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
