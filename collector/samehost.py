"""Whether two sources are of one machine, by what their registries say of it."""

from __future__ import annotations

from shellcase.model import HostFacts


def same_machine(host: HostFacts, other: HostFacts) -> bool:
    """By machine SID and MachineGuid, never by name: clones carry one SID, reinstalled machines one name."""
    told = _told(host, other)
    return bool(told) and all(a == b for a, b in told)


def untold(host: HostFacts, other: HostFacts) -> bool:
    """Whether nothing can tell: one of them has no identity, or they have none in common."""
    return not _told(host, other)


def _told(host: HostFacts, other: HostFacts) -> list[tuple[str, str]]:
    pairs = ((host.machine_sid, other.machine_sid), (host.machine_guid.lower(), other.machine_guid.lower()))
    return [(a, b) for a, b in pairs if a and b]
