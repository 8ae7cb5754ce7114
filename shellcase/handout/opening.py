"""Opening a case, or a package somebody was given, to hand something out; the line in a log that comes before.

A sealed case stays byte for byte what was sealed: its hand-outs are logged in `seal/handouts.jsonl`, a chain that
begins at the manifest in force and that the next seal covers. A case without a seal has them in its audit log.
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import msgspec

from shellcase import __version__
from shellcase.case import Case
from shellcase.case.environment import command_line
from shellcase.case.journal import AuditLine, Chain
from shellcase.case.lock import locked
from shellcase.clean import storable
from shellcase.errors import IntegrityError, UsageError
from shellcase.model import Item
from shellcase.seal.layout import HANDOUTS, HANDOUTS_SEED, MANIFEST, SealManifest

WITHHELD = "withheld.csv"


def read_manifest(root: Path) -> SealManifest | None:
    """The seal's manifest, None where there is none. IntegrityError when it cannot be read."""
    path = root / MANIFEST
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=SealManifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise IntegrityError(f"the seal's manifest cannot be read: {error}", str(path), "restore it") from error


def open_to_hand_out(root: Path) -> Case:
    """A case folder; a sealed case and an unpacked package are only read, since a line in their log breaks the seal."""
    return Case.open(root) if read_manifest(root) is None else Case.look(root)


def is_package(case: Case) -> bool:
    """Whether this folder is what somebody was given."""
    return (case.data / WITHHELD).is_file()


def record(case: Case, op: str, **fields: str | int) -> None:
    """The line about a hand-out, before anything leaves. A package keeps no log of its receiver's doings."""
    if is_package(case):
        return
    if (case.root / MANIFEST).is_file():
        _after_the_seal(case, op, fields)
    else:
        case.audit(op, **fields)
        case.flush()


def _after_the_seal(case: Case, op: str, fields: dict[str, str | int]) -> None:
    digest = sha256((case.root / MANIFEST).read_bytes()).hexdigest()
    said = {k: storable(v) if isinstance(v, str) else v for k, v in fields.items()}
    said |= {"command": command_line(), "version": __version__}
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    with locked(case.root):
        chain = Chain(case.root / HANDOUTS, f"{HANDOUTS_SEED}{digest}")
        number = chain.seq + 1
        chain.append(AuditLine(number, chain.head, at, f"handout-{number:04d}", op, said), durable=True)


def withheld_here(case: Case) -> set[str]:
    """Numbers of the items that this package does not hold; empty for a case."""
    path = case.data / WITHHELD
    if not path.is_file():
        return set()
    rows = csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""))
    return {row[0] for row in rows if row}


def outside(case: Case, target: Path) -> Path:
    """The target, when it lies outside the case and what is above it exists. UsageError otherwise."""
    whole = target.absolute()
    if whole.resolve().is_relative_to(case.root.resolve()):
        raise UsageError("this lies inside the case folder", str(target), "choose a place outside of it")
    if not whole.parent.is_dir():
        raise UsageError("the folder above it does not exist", str(whole.parent), "make it, or choose another")
    return whole


def new_file(case: Case, target: Path) -> Path:
    """The same for a file that must not exist yet."""
    whole = outside(case, target)
    if whole.exists() or whole.is_symlink():
        raise UsageError("the file exists already", str(target), "choose another name")
    return whole


def new_folder(case: Case, target: Path) -> Path:
    """The same for a folder that must not exist, or be empty."""
    whole = outside(case, target)
    if whole.is_symlink() or (whole.exists() and not (whole.is_dir() and not any(whole.iterdir()))):
        raise UsageError("the folder is there already and not empty", str(target), "choose another name")
    return whole


def given_reason(option: str, reason: str | None) -> str:
    """A reason somebody gave on the command line. UsageError when it is empty: it will be read."""
    if reason is None:
        return ""
    if not reason.strip():
        raise UsageError(f"{option} needs a reason", todo="say why and on whose authority; it stands in the record")
    return reason.strip()


def by_number(case: Case, wanted: list[str]) -> list[Item]:
    """The items with these numbers, each once, in the order asked. UsageError for one that is not there."""
    known = {i.item: i for i in case.items()}
    found: dict[str, Item] = {}
    for number in wanted:
        item = known.get(number.upper())
        if item is None:
            raise UsageError("no such item in the case", number, "files.csv lists them, like ITEM-000123")
        found[item.item] = item
    return list(found.values())
