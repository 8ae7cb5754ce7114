"""Holding a case against the ground truth of its image: facts found, and nothing found that is no fact."""

from __future__ import annotations

import json
from contextlib import closing
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from msgspec import Struct

from shellcase.case import Case
from shellcase.cited import parse_iso
from shellcase.model import Finding
from shellcase.reviewed import read_findings
from shellcase.timeline import Timeline

_RANK = {"context": 0, "attempted": 1, "suspicious": 1, "confirmed": 2}


class Fact(Struct, frozen=True):
    """One fact of <name>.truth.json. Times are UTC nanoseconds."""

    id: str
    time: int
    until: int
    tolerance: int
    artifact: str
    rules: tuple[str, ...]
    claim: str
    alternative: str | None


def read_truth(path: Path) -> dict[str, Any]:
    """The whole truth file."""
    return dict(json.loads(path.read_text(encoding="utf-8")))


def facts(truth: dict[str, Any]) -> list[Fact]:
    """Its facts."""
    return [
        Fact(
            f["id"],
            parse_iso(f["time"]),
            parse_iso(f["until"] or f["time"]),
            int(f["tolerance_s"] * 1e9),
            f["artifact"].lower(),
            tuple(f["rules"]),
            f["claim"],
            f["alternative"],
        )
        for f in truth["facts"]
    ]


class Cited(Struct, frozen=True):
    """A finding with the paths its events name, in lower case."""

    finding: Finding
    paths: frozenset[str]


def cited(case: Case) -> list[Cited]:
    """Every finding of a case with its artefacts' paths and the files its events are about."""
    found = read_findings(case).findings
    sql = "SELECT path, file_path FROM timeline WHERE event_id IN (SELECT unnest(?))"
    with closing(Timeline.connect(case.timeline_folder())) as timeline:
        rows = [timeline.query(sql, [list(f.events)]).to_pylist() for f in found]
    return [
        Cited(f, frozenset(str(v).lower() for row in some for v in row.values() if v) | {p.lower() for p in f.paths})
        for f, some in zip(found, rows, strict=True)
    ]


def matches(one: Cited, fact: Fact) -> bool:
    """By rule, artefact and time: the finding's span touches the fact's, with the fact's tolerance."""
    if one.finding.rule not in fact.rules or not any(_same(p, fact.artifact) for p in one.paths):
        return False
    if one.finding.first is None:
        return True
    first, last = parse_iso(one.finding.first), parse_iso(one.finding.last or one.finding.first)
    return first <= fact.until + fact.tolerance and last >= fact.time - fact.tolerance


def _same(path: str, pattern: str) -> bool:
    return path == pattern or fnmatchcase(path.replace("[", "("), pattern.replace("[", "("))


def missed(case: Case, truth: dict[str, Any]) -> list[str]:
    """Facts that a rule should have found, and did not, or found with the wrong claim."""
    found = cited(case)
    wrong: list[str] = []
    for fact in facts(truth):
        for rule in fact.rules:
            hits = [c for c in found if c.finding.rule == rule and matches(c, fact)]
            said = sorted({c.finding.claim for c in hits})
            if fact.alternative is not None:
                too_much = [c.finding.number for c in hits if _RANK[c.finding.claim] > _RANK[fact.claim]]
                wrong += [f"{fact.id} {rule}: {n} claims more than {fact.claim}" for n in too_much]
                wrong += [
                    f"{fact.id} {rule}: no alternative in {c.finding.number}"
                    for c in hits
                    if not c.finding.alternatives
                ]
            elif not hits:
                wrong.append(f"{fact.id} {rule}: not found ({fact.artifact})")
            elif fact.claim not in said:
                wrong.append(f"{fact.id} {rule}: claim {said}, expected {fact.claim}")
    return wrong


def unexplained(case: Case, truth: dict[str, Any]) -> list[str]:
    """Findings that match no fact."""
    known = facts(truth)
    return [
        f"{c.finding.number} {c.finding.rule} {c.finding.claim} {c.finding.first} {sorted(c.paths)[:2]}"
        for c in cited(case)
        if not any(matches(c, fact) for fact in known)
    ]
