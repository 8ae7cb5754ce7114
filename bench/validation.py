"""`python -m bench.validation`: measure this version anew and write `shellcase/paper/validation.json`.

Three tables that are never added up (amendment A12): servers of our own making whose answers we wrote; files of other
projects, held against counts that other programs gave; data that nobody who wrote the program had seen, of which there
is none yet.
"""

from __future__ import annotations

import csv
import hashlib
import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import msgspec

from parsers import load
from shellcase import __version__
from shellcase.case import Case
from shellcase.ledger import read_ledger
from shellcase.model import Issue, Job, Ledger, Parser, merge_ledgers
from shellcase.paper.validation import FILE, DataSet, ParserCount, Validation
from shellcase.reviewed import read_findings
from tests.conftest import EX01, EX02, ROOT, make_case
from tests.parsers.stub import FileSource, corpora
from tests.truth import missed, read_truth, unexplained

_COUNTS = {
    "evtx": "records",
    "evtx-corrupt": "records",
    "usn": "records",
    "iis-log": "data_rows",
    "exchange-log": "data_rows",
}
"""Kinds of file whose records other programs counted, and the field of the manifest that says how many."""
_WORDING = ("assembled here from ", "assembled from published samples: ")
LIMITS = (
    "Our own servers test what we thought of. They say nothing of how often real servers differ from them.",
    "The counts of others' data come from programs that may share a mistake with ours, or stop early at damage.",
    "Others' data was at hand while the parsers were written; it is no blind test.",
    "No data that the authors had not seen was examined yet.",
)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def own(case: Case, image: Path) -> DataSet:
    """One of our servers: records by parser, facts missed, findings that are no fact."""
    truth = read_truth(image.with_name(f"{image.stem}.truth.json"))
    lost, false = missed(case, truth), unexplained(case, truth)
    by_parser: dict[str, list[Ledger]] = defaultdict(list)
    failures: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in read_ledger(case):
        by_parser[entry.parser].append(entry.ledger)
        failures[entry.parser].update(i.what for i in entry.issues if i.grade == "lost")
    return DataSet(
        name=image.stem,
        sha256=_sha256(image),
        origin="fixture of this project, built with ntfs-3g on a real file system",
        answers=f"{image.stem}.truth.json, written by the builder that planted the facts",
        checks={"facts": len(truth["facts"]), "findings": len(read_findings(case).findings)},
        misses=len(lost) + len(false),
        parsers=tuple(_count(name, parts, failures[name]) for name, parts in sorted(by_parser.items())),
    )


def _count(name: str, parts: list[Ledger], failures: Counter[str]) -> ParserCount:
    total = merge_ledgers(parts)
    return ParserCount(
        parser=name,
        artefacts=len(parts),
        found=total.found,
        parsed=total.parsed,
        failed=total.failed,
        failures=dict(sorted(failures.items())),
    )


def _parser_of(path: Path) -> Parser | None:
    with path.open("rb") as stream:
        head = stream.read(4096)
    return next((p for p in load() if p.recognises(head, f"C:\\{path.name}")), None)


def others(manifest: Iterable[dict[str, str]]) -> list[DataSet]:
    """Files of other projects, one set for each kind: how many records others counted, and how many we read."""
    by_kind: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in manifest:
        if row["kind"] in _COUNTS and _COUNTS[row["kind"]] in row["expectation"]:
            by_kind[row["kind"]].append(row)
    return [_others(kind, rows) for kind, rows in sorted(by_kind.items())]


def _others(kind: str, rows: list[dict[str, str]]) -> DataSet:
    parts: dict[str, list[Ledger]] = defaultdict(list)
    failures: dict[str, Counter[str]] = defaultdict(Counter)
    outcome: Counter[str] = Counter()
    for row in sorted(rows, key=lambda r: r["path"]):
        path = corpora() / row["path"]
        parser = _parser_of(path)
        if parser is None:
            outcome["files that no parser of ours reads"] += 1
            continue
        said = list(parser.parse(Job(source=FileSource(path))))
        ledger = merge_ledgers([s for s in said if isinstance(s, Ledger)])
        parts[parser.name].append(ledger)
        failures[parser.name].update(s.what for s in said if isinstance(s, Issue) and s.grade == "lost")
        outcome[_compared(ledger, int(json.loads(row["expectation"])[_COUNTS[kind]]))] += 1
    listing = "".join(f"{r['sha256']}  {r['path']}\n" for r in sorted(rows, key=lambda r: r["path"]))
    return DataSet(
        name=kind,
        sha256=hashlib.sha256(listing.encode()).hexdigest(),
        origin="; ".join(sorted({r["source"].replace(*_WORDING) for r in rows})),
        answers=f"number of {_COUNTS[kind]} that other programs gave for each file",
        checks={"files": len(rows), **dict(sorted(outcome.items()))},
        misses=outcome[_FEWER],
        parsers=tuple(_count(name, ledgers, failures[name]) for name, ledgers in sorted(parts.items())),
    )


_FEWER = "files with fewer records than others counted"


def _compared(ledger: Ledger, counted: int) -> str:
    if ledger.parsed == counted:
        return "files with as many records as others counted"
    return _FEWER if ledger.parsed < counted else "files with more records than others counted"


def measure(folder: Path) -> Validation:
    """Everything, anew; cases are made in `folder`."""
    with (corpora() / "MANIFEST.csv").open(encoding="utf-8", newline="") as stream:
        manifest = list(csv.DictReader(stream))
    return Validation(
        version=__version__,
        own_fixtures=tuple(own(make_case(image, folder / image.stem)[0], image) for image in (EX01, EX02)),
        others_data=tuple(others(manifest)),
        unseen_data=(),
        limits=LIMITS,
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        result = measure(Path(scratch))
    FILE.write_bytes(msgspec.json.format(msgspec.json.encode(result, order="sorted"), indent=1) + b"\n")
    print(f"{FILE.relative_to(ROOT)}: {sum(s.misses for s in (*result.own_fixtures, *result.others_data))} misses")
