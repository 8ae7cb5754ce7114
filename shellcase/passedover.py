"""Logs that were taken and from which nothing can be read: binary ones of the web server, and files of zeros alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from shellcase.case import Case, open_object
from shellcase.ledger import read_ledger
from shellcase.model import Item

_BINARY = ".ibl"  # central binary logging: one file for all sites
_BLOCK = 1 << 20


def passed_over(case: Case) -> list[str]:
    """One sentence a file, in the order of the case."""
    spoke = {e.artifact_id for e in read_ledger(case) if e.ledger.found}
    files = (i for i in case.items() if i.cls == "log" and i.state == "live" and not i.stream)
    # Where the source could not be read, zeros stand for the bytes; that is told of its own.
    quiet = (i for i in files if i.size and i.object is not None and not i.read_errors and i.artifact_id not in spoke)
    return [said for i in quiet for said in _why(i, case.evidence)]


def _why(item: Item, evidence: Path) -> Iterator[str]:
    if item.path.lower().endswith(_BINARY):
        yield f"{item.path}: requests in IIS's central binary format, not read; turn them into text with LogParser"
    elif _only_zeros(item, evidence):
        yield (
            f"{item.path}: {item.size} bytes, all of them zero; what was written there never reached the disk or was "
            "wiped, and is lost"
        )


def _only_zeros(item: Item, evidence: Path) -> bool:
    with open_object(evidence, item) as stream:
        while block := stream.read(_BLOCK):
            if block.count(0) != len(block):
                return False
    return True
