"""How strongly the records support a finding: one table over the rule's weight and the independent families.

After evidence-and-report 3.4: one alterable source is weak, one that is hard to alter or several are moderate,
independent sources that agree are strong. Traces of one request count as one family. Once records show commands run
by the web server's pool, which has SYSTEM, every source of that computer could have been altered: never above strong.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from shellcase.model import Finding

WORDS = ("conflicting", "weak", "moderate", "strong", "very strong")

_TABLE: dict[str, tuple[str, str, str]] = {
    # weight: one family, two, three and more
    "proof": ("strong", "strong", "very strong"),
    "strong": ("moderate", "strong", "very strong"),
    "medium": ("weak", "moderate", "strong"),
    "weak": ("weak", "weak", "moderate"),
}
SYSTEM_RULE = "PX-01"


def strengths(findings: Sequence[Finding]) -> dict[str, str]:
    """The word for each finding id. A finding already marked conflicting stays so."""
    families: dict[str, set[str]] = {}
    for f in findings:
        if f.chain and f.claim != "context":
            families.setdefault(f.chain, set()).add(f.family)
    ceiling = "strong" if _had_system(findings) else "very strong"
    return {f.id: _word(f, len(families.get(f.chain or "", ())) or 1, ceiling) for f in findings}


def _had_system(findings: Iterable[Finding]) -> bool:
    return any(f.rule == SYSTEM_RULE and f.claim == "confirmed" for f in findings)


def _word(f: Finding, families: int, ceiling: str) -> str:
    if f.strength == "conflicting":
        return "conflicting"
    if f.claim == "context":
        return "weak"
    word = _TABLE[f.weight][min(families, 3) - 1]
    return min(word, ceiling, key=WORDS.index)
