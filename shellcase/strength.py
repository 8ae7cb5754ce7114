"""How strongly records support a finding, and how strongly a course of events: the rule's weight, independent families.

After evidence-and-report 3.4: one alterable source is weak, one that is hard to alter or several are moderate,
independent sources that agree are strong. A finding has the word of its own records, which are one family: what others
of its chain record is said of the chain. Traces of one request count as one family. Once records show commands run by
the web server's pool, which has SYSTEM, every source of that computer could have been altered: never above strong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from shellcase.model import Finding

WORDS = ("conflicting", "weak", "moderate", "strong", "very strong")

_TABLE: dict[str, tuple[str, str, str]] = {
    # weight: one family, two, three and more
    "proof": ("moderate", "strong", "very strong"),
    "strong": ("moderate", "strong", "very strong"),
    "medium": ("weak", "moderate", "strong"),
    "weak": ("weak", "weak", "moderate"),
}
SYSTEM_RULE = "PX-01"


def strengths(findings: Sequence[Finding]) -> dict[str, str]:
    """The word for each finding id, by its own records. A finding already marked conflicting stays so."""
    return {f.id: _own(f) for f in findings}


def chain_strengths(findings: Sequence[Finding]) -> Mapping[str, str]:
    """The word for each chain: that of its weightiest finding, together with the families of all its others."""
    members: dict[str, list[Finding]] = {}
    for f in findings:
        if f.chain and f.claim != "context" and f.strength != "conflicting":
            members.setdefault(f.chain, []).append(f)
    ceiling = "strong" if _had_system(findings) else "very strong"
    return {chain: min(_together(found), ceiling, key=WORDS.index) for chain, found in members.items()}


def _had_system(findings: Iterable[Finding]) -> bool:
    return any(f.rule == SYSTEM_RULE and f.claim == "confirmed" for f in findings)


def _own(f: Finding) -> str:
    if f.strength == "conflicting":
        return "conflicting"
    return "weak" if f.claim == "context" else _TABLE[f.weight][0]


def _together(found: Sequence[Finding]) -> str:
    families = min(len({f.family for f in found}), 3)
    return max((_TABLE[f.weight][families - 1] for f in found), key=WORDS.index)
