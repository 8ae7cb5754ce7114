"""Attack chains: findings joined by exact keys first, then by time, and laid out in the stages of one intrusion.

Keys (exchange-2021 7.3): request id, canary, identity of the virtual directory, page, file path, process id. A key
that is used again joins only in its time: process ids within an hour, client addresses within a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import pairwise
from typing import get_args

from msgspec import Struct
from msgspec.structs import replace

from shellcase.model import Finding
from shellcase.rulebook import Stage

STAGES: tuple[Stage, ...] = get_args(Stage)
_REQUEST_STAGES = ("RECON", "SSRF", "AUTH", "CONFIG", "WRITE", "CLEANUP")
_TIMED_KEYS = {"pid": 3600.0, "client": 86_400.0}
_WINDOWS: tuple[tuple[tuple[str, ...], tuple[str, ...], float], ...] = (
    (_REQUEST_STAGES, _REQUEST_STAGES, 30.0),
    (("USE",), ("POST",), 60.0),
    (("POST",), ("POST",), 600.0),
)
"""Seconds that may lie between findings of these stages for time alone to join them."""


class Keyed(Struct, frozen=True, kw_only=True):
    """A finding with what it can be joined by. `times` are seconds since 1970 of its events, in order."""

    finding: Finding
    stage: Stage
    keys: tuple[tuple[str, str], ...] = ()
    times: tuple[float, ...] = ()

    @property
    def begin(self) -> float:
        """When its first event was; infinite without a time, so that it sorts last."""
        return self.times[0] if self.times else float("inf")

    @property
    def end(self) -> float:
        """When the last of its listed events was."""
        return self.times[-1] if self.times else float("-inf")

    @property
    def clients(self) -> frozenset[str]:
        """Addresses of the clients, as recorded."""
        return frozenset(v for name, v in self.keys if name == "client")


class StageFindings(Struct, frozen=True, kw_only=True):
    """One stage of a chain with the ids of its findings in order of time."""

    name: Stage
    findings: tuple[str, ...]


class Link(Struct, frozen=True, kw_only=True):
    """Why two findings belong together: the kind of key and its value, or `time` and the seconds between."""

    a: str
    b: str
    key: str
    value: str


class Chain(Struct, frozen=True, kw_only=True):
    """Findings of one course of events. Times are ISO 8601 with Z; `clients` are addresses as recorded.

    `strength` is how strongly its records together support it; empty in files of versions that did not say.
    """

    id: str
    number: str
    stages: tuple[StageFindings, ...]
    links: tuple[Link, ...]
    first: str | None
    last: str | None
    clients: tuple[str, ...]
    strength: str = ""

    @property
    def findings(self) -> tuple[str, ...]:
        """Ids of all its findings, stage by stage."""
        return tuple(f for s in self.stages for f in s.findings)


def link(keyed: Sequence[Keyed]) -> tuple[Chain, ...]:
    """Join findings (context is left out) and number the chains in order of time. A finding alone is no chain."""
    able = sorted((k for k in keyed if k.finding.claim != "context"), key=_order)
    groups = _Groups(k.finding.id for k in able)
    links = [*_by_key(able)]
    for one in links:
        groups.join(one.a, one.b)
    links += [one for one in _by_time(able) if groups.join(one.a, one.b)]
    chains = [_chain(members, links) for members in groups.of(able) if _is_chain(members)]
    chains.sort(key=lambda c: (c.first or "9999", c.id))
    return tuple(replace(c, number=f"CH-{n:02d}") for n, c in enumerate(chains, 1))


def _order(k: Keyed) -> tuple[float, str, str]:
    return (k.begin, k.finding.rule, k.finding.id)


def _is_chain(members: Sequence[Keyed]) -> bool:
    """Attempts of one stage are several views of the same requests, no course of events."""
    one_stage = len({k.stage for k in members}) == 1
    return len(members) > 1 and not (one_stage and all(k.finding.claim == "attempted" for k in members))


def _by_key(able: Sequence[Keyed]) -> Iterator[Link]:
    """Neighbours in time that share a value; one link per pair and kind of key, with the first value."""
    sharing: dict[tuple[str, str], list[Keyed]] = {}
    for k in able:
        for key in k.keys:
            sharing.setdefault(key, []).append(k)
    found: dict[tuple[str, str, str], str] = {}
    for (name, value), members in sorted(sharing.items()):
        for a, b in pairwise(members):
            if name not in _TIMED_KEYS or _apart(a, b) <= _TIMED_KEYS[name]:
                found.setdefault((a.finding.id, b.finding.id, name), value)
    return (Link(a=a, b=b, key=name, value=value) for (a, b, name), value in found.items())


def _by_time(able: Sequence[Keyed]) -> Iterator[Link]:
    """What time alone would join, nearest first."""
    widest = max(w for _, _, w in _WINDOWS)
    near: list[tuple[float, int, int]] = []
    for n, a in enumerate(able):
        for m in range(n + 1, len(able)):
            if able[m].begin - a.end > widest:
                break
            if _fits(a, able[m]):
                near.append((_apart(a, able[m]), n, m))
    for apart, n, m in sorted(near):
        yield Link(a=able[n].finding.id, b=able[m].finding.id, key="time", value=f"{apart:.1f} s apart")


def _fits(a: Keyed, b: Keyed) -> bool:
    """Whether a window holds both. Requests of different clients are never joined by time alone."""
    if a.clients and b.clients and not a.clients & b.clients:
        return False
    allowed = [
        w
        for before, after, w in _WINDOWS
        if {a.stage, b.stage} <= {*before, *after}
        and ((a.stage in before and b.stage in after) or (b.stage in before and a.stage in after))
    ]
    return bool(allowed) and _apart(a, b) <= max(allowed)


def _apart(a: Keyed, b: Keyed) -> float:
    """Seconds between the two nearest events, infinite when one has no time."""
    best, i, j = float("inf"), 0, 0
    while i < len(a.times) and j < len(b.times):
        best = min(best, abs(a.times[i] - b.times[j]))
        if a.times[i] < b.times[j]:
            i += 1
        else:
            j += 1
    return best


class _Groups:
    """Union-find over the findings' ids."""

    def __init__(self, ids: Iterable[str]) -> None:
        self.parent = {i: i for i in ids}

    def root(self, i: str) -> str:
        while self.parent[i] != i:
            self.parent[i] = self.parent[self.parent[i]]
            i = self.parent[i]
        return i

    def join(self, a: str, b: str) -> bool:
        """Whether they were apart before."""
        a, b = self.root(a), self.root(b)
        self.parent[b] = a
        return a != b

    def of(self, able: Sequence[Keyed]) -> list[list[Keyed]]:
        """The groups, each in the order given."""
        groups: dict[str, list[Keyed]] = {}
        for k in able:
            groups.setdefault(self.root(k.finding.id), []).append(k)
        return list(groups.values())


def _chain(members: list[Keyed], links: Sequence[Link]) -> Chain:
    ids = {k.finding.id for k in members}
    stages = tuple(
        StageFindings(name=s, findings=tuple(k.finding.id for k in members if k.stage == s))
        for s in STAGES
        if any(k.stage == s for k in members)
    )
    timed = [k for k in members if k.times]
    begins = min(timed, key=lambda k: k.begin, default=None)
    ends = max(timed, key=lambda k: k.end, default=None)
    return Chain(
        id="C-" + sha256("\n".join(sorted(ids)).encode()).hexdigest()[:12],
        number="",
        stages=stages,
        links=tuple(one for one in links if one.a in ids),
        first=begins.finding.first if begins else None,
        last=ends.finding.last if ends else None,
        clients=tuple(sorted(frozenset[str]().union(*(k.clients for k in members)))),
    )
