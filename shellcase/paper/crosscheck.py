"""Our copies against a second reader of the image (R-DUAL-2): `data/work/crosscheck.json`.

For each item of a fixed sample the bytes are read again from the image by a program that shares no file-system code
with ours, and their SHA-256 is held against the one that was recorded when the item was collected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import msgspec
from msgspec import Struct

from shellcase.case import Case
from shellcase.errors import INTEGRITY, OK
from shellcase.model import Item

SMALL = 1 << 20
LARGE_ONES = 50
FILE = "work/crosscheck.json"
Outcome = Literal["matched", "differing", "not comparable"]
Answer = tuple[str, str]
"""(SHA-256, "") or ("", why there is none)."""


class Compared(Struct, frozen=True, kw_only=True):
    """One item: what we recorded, what the second reader gives, and why nothing can be said."""

    item: str
    path: str
    ours: str
    theirs: str = ""
    outcome: Outcome
    why: str = ""


class Comparison(Struct, frozen=True, kw_only=True):
    """One source and one tool. `container`: who decoded the image's container for that tool."""

    source: str
    tool: str
    version: str
    container: str
    question: str = "SHA-256 of the bytes of collected items, read from the image again"
    sample: str
    matched: int
    differing: int
    not_comparable: int
    items: tuple[Compared, ...] = ()

    @property
    def code(self) -> int:
        """The exit code that this comparison ends with."""
        return INTEGRITY if self.differing else OK


class CrosscheckFile(Struct, frozen=True, kw_only=True):
    """crosscheck.json."""

    schema: str = "shellcase.crosscheck/1"
    comparisons: tuple[Comparison, ...]


def sample(items: Iterable[Item], *, everything: bool) -> tuple[tuple[Item, ...], str]:
    """The items to compare and how they were chosen: the same for everybody who has the case."""
    ordered = sorted(items, key=lambda i: (i.sha256, i.item))
    if everything:
        return tuple(ordered), "every collected item"
    small, large = [i for i in ordered if i.size < SMALL], [i for i in ordered if i.size >= SMALL]
    words = f"every item below 1 MiB, and the first {LARGE_ONES} of the others in the order of their SHA-256"
    return (*small, *large[:LARGE_ONES]), words


def unfit(item: Item) -> str:
    """Why an item cannot be compared with any second reader; empty when it can."""
    if item.mft_record is None:
        return "it has no $MFT record: it comes from a collection"
    if item.state.startswith(("snapshot", "vss")):
        return "it lies in a volume shadow copy"
    if item.read_errors:
        return "it could not be read whole from the image"
    if "encrypted" in item.flags:
        return "it is encrypted by the file system"
    return ""


def compare(item: Item, answer: Answer) -> Compared:
    """One line of the comparison."""
    theirs, why = answer
    path = f"{item.path}:{item.stream}" if item.stream else item.path
    outcome: Outcome = "not comparable" if why else "matched" if theirs == item.sha256 else "differing"
    return Compared(item=item.item, path=path, ours=item.sha256, theirs=theirs, outcome=outcome, why=why)


def compare_all(
    items: Sequence[Item], ask: Callable[[Item], Answer], *, tool: tuple[str, str, str], source: str, chosen: str
) -> Comparison:
    """Hold every item against what `ask` says of it. `tool`: name, version, who reads the container for it."""
    lines = [compare(i, ("", unfit(i)) if unfit(i) else ask(i)) for i in items]
    count = {o: sum(c.outcome == o for c in lines) for o in ("matched", "differing", "not comparable")}
    return Comparison(
        source=source,
        tool=tool[0],
        version=tool[1],
        container=tool[2],
        sample=chosen,
        matched=count["matched"],
        differing=count["differing"],
        not_comparable=count["not comparable"],
        items=tuple(sorted(lines, key=lambda c: c.item)),
    )


def read_comparisons(case: Case) -> tuple[Comparison, ...]:
    """What was compared so far; nothing when it never was."""
    path = case.data / FILE
    return msgspec.json.decode(path.read_bytes(), type=CrosscheckFile).comparisons if path.exists() else ()


def joined(case: Case, new: Comparison) -> CrosscheckFile:
    """The file with a comparison put in; an older one of the same source by the same tool goes."""
    old = [c for c in read_comparisons(case) if (c.source, c.tool) != (new.source, new.tool)]
    return CrosscheckFile(comparisons=tuple(sorted([*old, new], key=lambda c: (c.source, c.tool))))
