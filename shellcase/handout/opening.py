"""Opening a case, or a package somebody was given, to hand something out; the audit line that comes before."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import msgspec

from shellcase.case import Case
from shellcase.errors import IntegrityError, UsageError
from shellcase.model import Item
from shellcase.seal.layout import MANIFEST, SealManifest

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
    """A case folder; or an unpacked package, which is only read, since a line in its log would break its seal."""
    manifest = read_manifest(root)
    return Case.look(root) if manifest is not None and manifest.kind == "package" else Case.open(root)


def is_package(case: Case) -> bool:
    """Whether this folder is what somebody was given."""
    return (case.data / WITHHELD).is_file()


def record(case: Case, op: str, **fields: str | int) -> None:
    """The audit line of a hand-out, before anything leaves. A package keeps no log of its receiver's doings."""
    if not is_package(case):
        case.audit(op, **fields)


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
