"""True bytes of single items, in a folder outside the case, under names that start nothing (R-AV-4)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from shellcase.case import Case
from shellcase.errors import UsageError
from shellcase.handout.content import is_malware_class, kept, pieces, source_name, write
from shellcase.handout.opening import by_number, outside, record, withheld_here
from shellcase.model import Item


class Extracted(NamedTuple):
    """One file that was written; `note` says what it is not."""

    item: Item
    path: Path
    note: str


def extract(case: Case, wanted: list[str], out: Path, *, malware: bool) -> list[Extracted]:
    """Write the items as `ITEM-000123.bin`, their SHA-256 checked on the way. Refuses before anything is written."""
    items = by_number(case, wanted)
    folder = outside(case, out)
    for item in items:
        _may_go(case, item, malware=malware)
        if (folder / _name(item)).exists():
            raise UsageError("the file exists already", str(folder / _name(item)), "choose another --out folder")
    folder.mkdir(exist_ok=True)
    record(case, "extract", items=" ".join(i.item for i in items), to=str(folder), malware="yes" if malware else "no")
    return [_one(case, item, folder) for item in items]


def _one(case: Case, item: Item, folder: Path) -> Extracted:
    path = folder / _name(item)
    write(path, pieces(case.evidence, item))
    note = f"only its allocated parts; {item.size} bytes with its holes" if item.extents is not None else ""
    return Extracted(item, path, note)


def _name(item: Item) -> str:
    return f"{item.item}.bin"


def _may_go(case: Case, item: Item, *, malware: bool) -> None:
    if item.item in withheld_here(case):
        raise UsageError(f"{item.item} was withheld from this package", item.path, "withheld.csv says why")
    if not kept(item):
        raise UsageError(
            f"{item.item} stayed in the source: the case has only its digests"
            + (" and the structure of the dump" if item.object else ""),
            f"{source_name(case.evidence, item.source)}: {item.path}",
            "take it from the image, or collect with --include-memory-dumps into another case",
        )
    if is_malware_class(item) and not malware:
        raise UsageError(
            f"{item.item} is of class {item.cls}: its true bytes may be malicious code",
            item.path,
            "add --i-know-this-is-malware, on a machine where that may lie; the case keeps it neutralised",
        )
