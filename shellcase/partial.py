"""First answers: while the rest is still being parsed, findings and a report of the tiers that are done.

They lie in a small case of their own, `data/work/partial`, with its own numbers and log, so that nothing of them gets
into the case: it is made anew after each tier and taken away when the run is complete. Its report says on top what it
does not know yet.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from shellcase.assemble import assemble
from shellcase.case import Case
from shellcase.ledger import Entry
from shellcase.report import render
from shellcase.result import encode

_TAKEN = ("sources", "damage", "verification")
_FILES = ("collected.jsonl", "not_collected.jsonl")


def words(tier: int, tiers: int) -> str:
    """What is parsed so far."""
    done = "tier 0" if tier == 0 else f"tiers 0\u2013{tier}"
    return f"Partial: {done} of {tiers} parsed. What is missing here may still be found."


def folder(case: Case) -> Path:
    """Where the partial case lies."""
    return case.work / "partial"


def page(case: Case) -> Path:
    """Its report."""
    return folder(case) / "data" / "reports" / "R1" / "examiner.html"


def forget(case: Case) -> None:
    """Take the partial case away."""
    shutil.rmtree(folder(case), ignore_errors=True)


def make(case: Case, source_id: str, entries: Iterable[Entry], write: Callable[[Case], None]) -> Case:
    """A case with what is parsed so far; `write` puts into it the timeline of the source that is being parsed."""
    forget(case)
    evidence = folder(case) / "data" / "evidence"
    evidence.mkdir(parents=True)
    for name in _TAKEN:
        if (case.evidence / name).is_dir():
            shutil.copytree(case.evidence / name, evidence / name)
    for name in _FILES:
        shutil.copyfile(case.evidence / name, evidence / name)
    title = f"PARTIAL \u2013 {case.meta.title or 'Examination of an Exchange server'}"
    partial = Case(folder(case), msgspec.structs.replace(case.meta, title=title))
    partial.write_json("case.json", partial.meta)
    partial.write_json("evidence/ledger.json", {"artifacts": list(entries)})
    others = (p for p in case.timeline_folder().rglob("*.parquet") if p.parent.name != f"source={source_id}")
    for old in others:
        _link(old, partial.timeline_folder() / old.relative_to(case.timeline_folder()))
    write(partial)
    return partial


def _link(old: Path, new: Path) -> None:
    new.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(old, new)
    except OSError:
        shutil.copyfile(old, new)


def report(partial: Case, said: str) -> None:
    """Its result document and page."""
    result = assemble(partial)
    result = msgspec.structs.replace(result, banners=(said, *result.banners))
    partial.write_bytes("reports/R1/result.json", encode(result))
    partial.write_bytes("reports/R1/examiner.html", render(result).encode("utf-8"))
