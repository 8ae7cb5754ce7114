"""Findings that say the same about the same records: which is shown, and which are listed under it.

Several rules may match one request. The report shows the strongest finding and names the others under it;
findings.json keeps every one.
"""

from __future__ import annotations

from collections.abc import Sequence

from shellcase.model import Claim, Finding

RANK: dict[Claim, int] = {"confirmed": 3, "suspicious": 2, "attempted": 1, "context": 0}


def hosts(findings: Sequence[Finding]) -> dict[str, str]:
    """Number of a folded finding → number of the finding it is listed under, which is never folded itself.

    A finding is folded when another cites all its events, claims no less, and names all its techniques. So a dump
    command is not folded under "the web server started a program", which says something else of the same record.
    """
    by_event: dict[str, list[int]] = {}
    for index, finding in enumerate(findings):
        for event in finding.events:
            by_event.setdefault(event, []).append(index)
    events = [frozenset(f.events) for f in findings]
    found: dict[str, str] = {}
    for index, finding in enumerate(findings):
        near = by_event[finding.events[0]] if finding.events else []
        over = [i for i in near if i != index and _covers(findings, events, i, index)]
        if over:
            found[finding.number] = findings[max(over, key=lambda i: _order(findings, i))].number
    return found


def _covers(findings: Sequence[Finding], events: Sequence[frozenset[str]], host: int, guest: int) -> bool:
    big, small = findings[host], findings[guest]
    whole = small.event_count == len(small.events)  # a shortened list proves nothing about the rest
    return (
        whole
        and events[guest] <= events[host]
        and RANK[big.claim] >= RANK[small.claim]
        and set(small.attack) <= set(big.attack)
        and _order(findings, host) > _order(findings, guest)
    )


def _order(findings: Sequence[Finding], index: int) -> tuple[int, int, int, int]:
    """A strict order, so that no two findings can be folded under each other."""
    finding = findings[index]
    return (len(finding.events), RANK[finding.claim], len(finding.attack), -index)
