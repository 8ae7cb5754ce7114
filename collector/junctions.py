r"""Folders that lead elsewhere (`mklink /J`, `mountvol`, links): where logs and pages lie that went to another disk.

One step is followed, inside the evidence alone: what a pattern asks of such a folder is asked of the folder it leads
to, and taken under its own path there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from collector.gathered.listing import Listing
from collector.identity import link_target
from collector.survey import VolumeTree
from collector.tree import ROOT, Entry

FOLLOWED = frozenset(
    [
        "AspNetTemporaryFiles", "ExchangeEcpActivityLogs", "ExchangeEcpServerLogs", "ExchangeHttpProxyLogs",
        "ExchangeOabGeneratorLogs", "ExchangeOtherLogs", "ExchangeTransportLogs", "ExchangeWebFolders",
        "IisConfiguration", "IisHttpErrLogs", "IisLogs", "WebRoots", "WindowsEventLogs",
    ]
)  # fmt: skip
"""Definitions whose files are sought behind such folders; Windows' own links for old programs would lead in circles."""

_ABSOLUTE = re.compile(r"(?:\\\?\?\\)?([A-Za-z]:)(\\.+)\Z", re.DOTALL)
_MOUNTED = re.compile(r"\\\?\?\\(volume\{[0-9a-f-]{36}\})(\\.*)\Z", re.DOTALL | re.IGNORECASE | re.ASCII)


def targets(volume: VolumeTree, volumes: Sequence[VolumeTree]) -> Mapping[int, tuple[VolumeTree, Entry]]:
    """Record of each folder that leads elsewhere → volume and folder it leads to, where that is in the evidence."""
    if isinstance(volume.fs, Listing):
        return {}  # links of a collection may have been made by whoever sent it
    found = ((record, _target(volume, record, volumes)) for record in sorted(volume.tree.reparse))
    return {record: there for record, there in found if there is not None}


def _target(volume: VolumeTree, record: int, volumes: Sequence[VolumeTree]) -> tuple[VolumeTree, Entry] | None:
    file = volume.fs.file(record)
    written = link_target(file) if file else ""
    near = [v for v in volumes if v.snapshot == volume.snapshot]
    if mounted := _MOUNTED.match(written):
        named = (v for v in near if mounted[1].lower() in v.volume.mounts)
        return _folder(next(named, None), mounted[2])
    match = _ABSOLUTE.match(written)
    if match is None:
        return None
    at = next((v for v in near if (v.volume.letter or "").upper() == match[1].upper()), None)
    if at is None and volume.volume.letter is None:
        at = volume  # a volume whose letter nobody knows: most links stay on it
    return _folder(at, match[2])


def _folder(at: VolumeTree | None, path: str) -> tuple[VolumeTree, Entry] | None:
    if at is None:
        return None
    wanted = path.strip("\\")
    entry = at.tree.find(wanted) if wanted else at.tree.folders.get(ROOT)
    return (at, entry) if entry and entry.record in at.tree.folders else None
