r"""Folders that lead elsewhere (`mklink /J`, symbolic links): where logs and pages lie that were moved to another disk.

One step is followed, inside the evidence alone: what a pattern asks of such a folder is asked of the folder it leads
to, and taken under its own path there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from collector.gathered.listing import Listing
from collector.identity import link_target
from collector.survey import VolumeTree
from collector.tree import Entry

FOLLOWED = frozenset(
    [
        "AspNetTemporaryFiles", "ExchangeEcpActivityLogs", "ExchangeEcpServerLogs", "ExchangeHttpProxyLogs",
        "ExchangeOabGeneratorLogs", "ExchangeOtherLogs", "ExchangeTransportLogs", "ExchangeWebFolders",
        "IisConfiguration", "IisHttpErrLogs", "IisLogs", "WebRoots", "WindowsEventLogs",
    ]
)  # fmt: skip
"""Definitions whose files are sought behind such folders; Windows' own links for old programs would lead in circles."""

_ABSOLUTE = re.compile(r"(?:\\\?\?\\)?([A-Za-z]:)(\\.+)\Z", re.DOTALL)


def targets(volume: VolumeTree, volumes: Sequence[VolumeTree]) -> Mapping[int, tuple[VolumeTree, Entry]]:
    """Record of each folder that leads elsewhere → volume and folder it leads to, where that is in the evidence."""
    if isinstance(volume.fs, Listing):
        return {}  # links of a collection may have been made by whoever sent it
    found = ((record, _target(volume, record, volumes)) for record in sorted(volume.tree.reparse))
    return {record: there for record, there in found if there is not None}


def _target(volume: VolumeTree, record: int, volumes: Sequence[VolumeTree]) -> tuple[VolumeTree, Entry] | None:
    file = volume.fs.file(record)
    match = _ABSOLUTE.match(link_target(file)) if file else None
    if match is None:
        return None
    drive = match[1].upper()
    near = [v for v in volumes if v.snapshot == volume.snapshot]
    at = next((v for v in near if (v.volume.letter or "").upper() == drive), None)
    if at is None and volume.volume.letter is None:
        at = volume  # a volume whose letter nobody knows: most links stay on it
    entry = at.tree.find(match[2].rstrip("\\")) if at else None
    return (at, entry) if at and entry and entry.record in at.tree.folders else None
