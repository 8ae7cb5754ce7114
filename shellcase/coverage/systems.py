"""Artefacts that a version of Windows does not make: their absence says nothing about anybody.

Builds: 9200 Server 2012, 9600 2012 R2, 14393 Server 2016, 16299 Windows 10 1709, 17763 Server 2019, 20348 Server 2022,
22621 Windows 11 22H2. Facts: domain page 0a (C6) and section 8.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from shellcase.coverage.record import NotOnSystem
from shellcase.model import HostFacts

_FROM = (
    (9200, "User Access Logging (SUM)", "made by Windows Server 2012 and later"),
    (9200, "Amcache.hve", "made by Windows 8 and Server 2012 and later"),
    (14393, "Microsoft Defender's own logs", "part of Windows Server 2016 and later"),
    (10240, "PowerShell script block logging (4104)", "comes with PowerShell 5; an update can add it to older systems"),
    (16299, "Background Activity Moderator (BAM)", "made by Windows 10 1709, Server 2019 and later"),
    (17763, "System Resource Usage Monitor (SRUM)", "on servers made by Server 2019 and later"),
    (22621, "PcaAppLaunchDic.txt", "made by Windows 11 22H2 and later"),
)  # fmt: skip


def not_on_system(hosts: Mapping[str, HostFacts]) -> tuple[NotOnSystem, ...]:
    """Source → machine to what each of them cannot have. Nothing where the build is not known."""
    return tuple(one for source in sorted(hosts) for one in _absent(source, hosts[source]))


def _absent(source: str, host: HostFacts) -> Iterator[NotOnSystem]:
    build = re.search(r"\d{4,6}", host.os_build)
    if not build:
        return
    for since, artefact, reason in _FROM:
        if int(build[0]) < since:
            yield NotOnSystem(source=source, artefact=artefact, reason=f"{reason}; this one is build {build[0]}")
