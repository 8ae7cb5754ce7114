"""What the legal and the insurer's editions say that the examiner's does not: findings by rule, logs by family.

Each says whether people reviewed its findings. They are short, so what rules found again and again
stands in one line; every finding's number is in it, with its events in the examiner's edition.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from msgspec import Struct

from shellcase.model import Claim, Finding
from shellcase.result import LogCover, Result, Review
from shellcase.wording import STRENGTH_SCALE

CLAIMS: tuple[Claim, ...] = ("confirmed", "suspicious", "attempted", "context")
EVENTS_SHOWN = 3
"""Events that a line of the legal edition names, one of each finding; the count of all stands beside them."""

_SECTION = re.compile(r"\b([Ss]ee )(section \d+)")


class Claimed(Struct, frozen=True, kw_only=True):
    """All findings of one rule that claim the same; `first` and `last` are bounds: not later, not earlier than."""

    claim: Claim
    title: str
    rule: str
    strength: tuple[str, ...]
    findings: tuple[str, ...]
    events: int
    cited: tuple[str, ...]
    first: str
    last: str
    inference: str
    alternatives: tuple[str, ...]
    limits: tuple[str, ...]


class FamilyCover(Struct, frozen=True, kw_only=True):
    """What the logs of one family cover together; `thin`: how many of them have days without a record."""

    family: str
    logs: int
    records: int
    first: str
    last: str
    thin: int


def claimed(result: Result) -> tuple[Claimed, ...]:
    """Strongest claim first, then by time. A finding listed under another counts like any other."""
    groups: dict[tuple[Claim, str, str], list[Finding]] = {}
    for finding in sorted((v.finding for v in result.findings), key=lambda f: f.number):
        groups.setdefault((finding.claim, finding.rule, finding.title), []).append(finding)
    made = [_claimed(members) for members in groups.values()]
    return tuple(sorted(made, key=lambda c: (CLAIMS.index(c.claim), c.first or "9", c.findings)))


def _claimed(members: Sequence[Finding]) -> Claimed:
    first, scale = members[0], [word for word, _ in STRENGTH_SCALE]
    return Claimed(
        claim=first.claim,
        title=first.title,
        rule=f"{first.rule} v{first.rule_version}",
        strength=tuple(sorted({f.strength for f in members}, key=scale.index)),
        findings=tuple(f.number for f in members),
        events=sum(f.event_count for f in members),
        cited=tuple(_each(f.events[:1] for f in members))[:EVENTS_SHOWN],
        first=min((f.first for f in members if f.first), default=""),
        last=max((f.last or f.first or "" for f in members), default=""),
        inference=first.inference,
        alternatives=tuple(_each(f.alternatives for f in members)),
        limits=tuple(_each(f.limits for f in members)),
    )


def _each(texts: Iterable[Iterable[str]]) -> dict[str, None]:
    """Every text once, in order."""
    return dict.fromkeys(text for some in texts for text in some)


def families(logs: Sequence[LogCover]) -> tuple[FamilyCover, ...]:
    """In the order in which the logs stand."""
    groups: dict[str, list[LogCover]] = {}
    for log in logs:
        groups.setdefault(log.family, []).append(log)
    return tuple(
        FamilyCover(
            family=family,
            logs=len(members),
            records=sum(m.records for m in members),
            first=min(m.first for m in members),
            last=max(m.last for m in members),
            thin=sum(m.days < m.span_days for m in members),
        )
        for family, members in groups.items()
    )


def elsewhere(text: str) -> str:
    """A reference to a section, which means one of the examiner's edition, said so."""
    return _SECTION.sub(r"\1\2 of the examiner's edition", text)


def mark(review: Review) -> str:
    """What stands at the top of every page until a person decided on every finding; empty then."""
    if review.complete:
        return ""
    if not review.begun:
        return "automatic, not reviewed"
    done = review.accepted + len(review.rejected)
    return f"{done} of {done + review.open} findings reviewed, the others automatic and not reviewed"
