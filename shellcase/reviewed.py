"""What detection found, and what is left of it for a report after people decided on it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from shellcase.case import Case
from shellcase.detect import RuleRun
from shellcase.link import Chain, Link
from shellcase.model import Finding
from shellcase.result import NotAccepted, Review
from shellcase.review import Standing, read_decisions, standings
from shellcase.strength import chain_strengths


class FindingsFile(msgspec.Struct, frozen=True, kw_only=True):
    """work/findings.json."""

    findings: tuple[Finding, ...]
    chains: tuple[Chain, ...] = ()
    tested: tuple[RuleRun, ...] = ()


def read_findings(case: Case) -> FindingsFile:
    """What detection left, each finding with its status; nothing before it ran."""
    path = case.work / "findings.json"
    if not path.exists():
        return FindingsFile(findings=())
    found = msgspec.json.decode(path.read_bytes(), type=FindingsFile)
    stand = standings(found.findings, read_decisions(case))
    if not any(s.decision for s in stand.values()):
        return found
    findings = tuple(msgspec.structs.replace(f, status=stand[f.id].status) for f in found.findings)
    return msgspec.structs.replace(found, findings=findings)


def reviewed(case: Case, found: FindingsFile) -> tuple[FindingsFile, Review]:
    """The findings that stand, with their chains as if the rejected ones did not exist; and the review."""
    stand = standings(found.findings, read_decisions(case))
    review = Review(
        accepted=sum(f.status == "accepted" for f in found.findings),
        open=sum(f.status == "proposed" for f in found.findings),
        rejected=tuple(_rejected(f, stand[f.id]) for f in found.findings if f.status == "rejected"),
        changed=tuple(f.number for f in found.findings if stand[f.id].changed),
        reviewers=tuple(sorted({s.decision.by for s in stand.values() if s.decision and s.status != "proposed"})),
    )
    return (_standing(found) if review.rejected else found), review


def _rejected(finding: Finding, standing: Standing) -> NotAccepted:
    reason = standing.decision.reason if standing.decision else ""
    rule = f"{finding.rule} v{finding.rule_version}"
    return NotAccepted(number=finding.number, rule=rule, first=finding.first or "", reason=reason)


def _standing(found: FindingsFile) -> FindingsFile:
    """Without the rejected ones. A chain that only they held together falls into parts; one finding alone is none."""
    kept = {f.id: f for f in found.findings if f.status != "rejected"}
    chains = [part for c in found.chains for part in _parts(c, kept)]
    of = {finding: c.id for c in chains for finding in c.findings}
    findings = tuple(msgspec.structs.replace(f, chain=of.get(f.id)) for f in kept.values())
    words = chain_strengths(findings)
    graded = tuple(msgspec.structs.replace(c, strength=words.get(c.id, "")) for c in chains)
    return msgspec.structs.replace(found, findings=findings, chains=graded)


def _parts(chain: Chain, kept: Mapping[str, Finding]) -> Iterator[Chain]:
    """What is left of a chain, the part with its first finding under its own number."""
    left = [f for f in chain.findings if f in kept]
    if len(left) == len(chain.findings):
        yield chain
        return
    links = tuple(one for one in chain.links if one.a in kept and one.b in kept)
    groups = [g for g in _joined(left, links) if len(g) > 1]
    for number, group in enumerate(groups, 1):
        yield _part(chain, f"-{number}" if number > 1 else "", group, links, [kept[f] for f in group])


def _part(
    chain: Chain, suffix: str, group: Collection[str], links: Iterable[Link], members: Sequence[Finding]
) -> Chain:
    stages = (msgspec.structs.replace(s, findings=tuple(f for f in s.findings if f in group)) for s in chain.stages)
    return msgspec.structs.replace(
        chain,
        id=chain.id + suffix,
        number=chain.number + suffix,
        stages=tuple(s for s in stages if s.findings),
        links=tuple(one for one in links if one.a in group),
        first=min((f.first for f in members if f.first), default=None),
        last=max((f.last or f.first or "" for f in members), default="") or None,
    )


def _joined(findings: Sequence[str], links: Iterable[Link]) -> list[set[str]]:
    """Findings that links join, in the order of their first ones."""
    groups = {f: {f} for f in findings}
    for one in links:
        if groups[one.a] is not groups[one.b]:
            groups[one.a] |= groups[one.b]
            for f in groups[one.b]:
                groups[f] = groups[one.a]
    return list({id(g): g for g in groups.values()}.values())
