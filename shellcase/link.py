"""Attack chains: findings joined by exact keys first, then by time, and laid out in the stages of one intrusion.

Keys (exchange-2021 7.3): request id, canary, identity of the virtual directory, page, file path, process id. A key
that is used again joins only in its time: process ids within an hour, client addresses within five minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from itertools import pairwise
from typing import get_args

from msgspec import Struct
from msgspec.structs import replace

from shellcase.model import Finding
from shellcase.rulebook import Stage

STAGES: tuple[Stage, ...] = get_args(Stage)
_REQUEST_STAGES = ("RECON", "SSRF", "AUTH", "CONFIG", "WRITE", "CLEANUP")
_TIMED_KEYS = {"pid": 3600.0, "client": 300.0}
_WINDOWS: tuple[tuple[tuple[str, ...], tuple[str, ...], float], ...] = (
    (_REQUEST_STAGES, _REQUEST_STAGES, 30.0),
    (("USE",), ("POST",), 60.0),
    (("POST",), ("POST",), 600.0),
)
"""Seconds that may lie between findings of these stages for time alone to join them."""


class Keyed(Struct, frozen=True, kw_only=True):
    """A finding with what it can be joined by. `begin` and `end` are seconds since 1970, None without a time."""

    finding: Finding
    stage: Stage
    keys: tuple[tuple[str, str], ...] = ()
    begin: float | None = None
    end: float | None = None


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
    """Findings of one course of events. Times are ISO 8601 with Z; `clients` are addresses as recorded."""

    id: str
    number: str
    stages: tuple[StageFindings, ...]
    links: tuple[Link, ...]
    first: str | None
    last: str | None
    clients: tuple[str, ...]

    @property
    def findings(self) -> tuple[str, ...]:
        """Ids of all its findings, stage by stage."""
        return tuple(f for s in self.stages for f in s.findings)


def link(keyed: Sequence[Keyed]) -> tuple[Chain, ...]:
    """Join findings (context is left out) and number the chains in order of time. A finding alone is no chain."""
    able = sorted((k for k in keyed if k.finding.claim != "context"), key=_order)
    links = [*_by_key(able), *_by_time(able)]
    groups = _components([k.finding.id for k in able], links)
    by_id = {k.finding.id: k for k in able}
    chains = [_chain([by_id[i] for i in g], links) for g in groups if len(g) > 1]
    chains.sort(key=lambda c: (c.first or "9999", c.id))
    return tuple(replace(c, number=f"CH-{n:02d}") for n, c in enumerate(chains, 1))


def _order(k: Keyed) -> tuple[float, str, str]:
    return (float("inf") if k.begin is None else k.begin, k.finding.rule, k.finding.id)


def _by_key(able: Sequence[Keyed]) -> Iterator[Link]:
    sharing: dict[tuple[str, str], list[Keyed]] = {}
    for k in able:
        for key in k.keys:
            sharing.setdefault(key, []).append(k)
    for (name, value), members in sorted(sharing.items()):
        for a, b in pairwise(members):
            if name not in _TIMED_KEYS or _apart(a, b) <= _TIMED_KEYS[name]:
                yield Link(a=a.finding.id, b=b.finding.id, key=name, value=value)


def _by_time(able: Sequence[Keyed]) -> Iterator[Link]:
    """Neighbours in time: each finding is compared with those that begin before the widest window after it ends."""
    timed = [k for k in able if k.begin is not None]
    widest = max(w for _, _, w in _WINDOWS)
    for n, a in enumerate(timed):
        for b in timed[n + 1 :]:
            if (b.begin or 0.0) - (a.end or 0.0) > widest:
                break
            if any(_fits(a, b, window) for window in _WINDOWS):
                yield Link(a=a.finding.id, b=b.finding.id, key="time", value=f"{_apart(a, b):.1f} s apart")


def _fits(a: Keyed, b: Keyed, window: tuple[tuple[str, ...], tuple[str, ...], float]) -> bool:
    before, after, seconds = window
    return a.stage in before and b.stage in after and _apart(a, b) <= seconds


def _apart(a: Keyed, b: Keyed) -> float:
    """Seconds between two spans of time, 0 when they overlap, infinite when one has no time."""
    if a.begin is None or b.begin is None or a.end is None or b.end is None:
        return float("inf")
    return max(b.begin - a.end, a.begin - b.end, 0.0)


def _components(ids: Iterable[str], links: Iterable[Link]) -> list[list[str]]:
    parent = {i: i for i in ids}

    def root(i: str) -> str:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for one in links:
        parent[root(one.b)] = root(one.a)
    groups: dict[str, list[str]] = {}
    for i in parent:
        groups.setdefault(root(i), []).append(i)
    return list(groups.values())


def _chain(members: list[Keyed], links: Sequence[Link]) -> Chain:
    ids = {k.finding.id for k in members}
    stages = tuple(
        StageFindings(name=s, findings=tuple(k.finding.id for k in members if k.stage == s))
        for s in STAGES
        if any(k.stage == s for k in members)
    )
    timed = [k for k in members if k.begin is not None]
    begins = min(timed, key=lambda k: k.begin or 0.0, default=None)
    ends = max(timed, key=lambda k: k.end or 0.0, default=None)
    clients = sorted({v for k in members for name, v in k.keys if name == "client"})
    return Chain(
        id="C-" + sha256("\n".join(sorted(ids)).encode()).hexdigest()[:12],
        number="",
        stages=stages,
        links=tuple(one for one in links if one.a in ids),
        first=begins.finding.first if begins else None,
        last=ends.finding.last if ends else None,
        clients=tuple(clients),
    )


def seconds(moment: datetime | None) -> float | None:
    """Seconds since 1970 of an aware datetime."""
    return None if moment is None else moment.timestamp()
