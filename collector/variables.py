"""Values of the definitions' variables for one machine, and patterns with them filled in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from msgspec import structs

from collector.definitions import Definition
from collector.environment import normal
from collector.patterns import Pattern, make
from collector.survey import VolumeTree
from collector.tree import ROOT, Entry
from shellcase.model import HostFacts

_VARIABLE = re.compile(r"%%([^%]+)%%")
_FORMER = re.compile(r"(?i)windows\.old(\.\d{3})?")
_SERVICE_PROFILES = ("\\ServiceProfiles\\*", "\\System32\\config\\systemprofile", "\\SysWOW64\\config\\systemprofile")


def values(host: HostFacts) -> dict[str, tuple[str, ...]]:
    r"""Every variable's values. Without hives the usual places are tried on every volume (no drive letter)."""
    known = dict(host.environment)
    drive, root = known.get("systemdrive", ""), known.get("systemroot", "\\Windows")
    users = f"{drive}\\Users"
    homes = [normal(p) for _sid, p in host.profiles]
    logs = f"{root}\\System32\\winevt\\Logs"
    usual = (f"{drive}\\Program Files\\Microsoft\\Exchange Server\\V15",)
    return {
        "environ_systemroot": (root,),
        "environ_systemdrive": (drive,),
        "environ_programdata": (normal(known.get("programdata", f"{drive}\\ProgramData")),),
        "users.homedir": (f"{users}\\*", *(root + s for s in _SERVICE_PROFILES), *_outside(homes, [users, root])),
        "exchange_install": tuple(dict.fromkeys(normal(e.path) for e in host.exchange)) or usual,
        "iis_log_directory": tuple(dict.fromkeys(s.log_directory for s in host.sites if s.log_directory)),
        "iis_site_root": _outermost(p for s in host.sites for _v, p in s.roots),
        "event_log_file": _moved_logs(_outside([f for _n, f in host.event_logs], [logs])),
    }


def _moved_logs(files: Sequence[str]) -> tuple[str, ...]:
    """Logs that were moved, and whatever other event logs lie beside them (archives of full logs)."""
    folders = [f.rpartition("\\")[0] for f in files]
    return tuple(dict.fromkeys([*(f"{f}\\*.evtx" for f in folders if len(f) > 2), *files]))


def _outside(paths: Iterable[str], folders: Sequence[str]) -> list[str]:
    """Paths that lie in none of the folders."""
    starts = tuple(f.lower() + "\\" for f in folders)
    return [p for p in dict.fromkeys(paths) if p and not p.lower().startswith(starts)]


def _outermost(paths: Iterable[str]) -> tuple[str, ...]:
    """Folders without those that lie inside another; a whole drive is not a web root to copy."""
    ordered = sorted({p for p in paths if len(p) > 3}, key=lambda p: (len(p), p))
    kept: list[str] = []
    for path in ordered:
        if _outside([path], kept) and path.lower() not in {k.lower() for k in kept}:
            kept.append(path)
    return tuple(sorted(kept))


def former(patterns: Sequence[Pattern], volumes: Iterable[VolumeTree]) -> list[Pattern]:
    r"""The same patterns below `\Windows.old` of each volume that has it: where an upgrade moved the former system.

    Windows adds three digits when there is one already. Files of the file system and searches of whole volumes need
    no second pattern.
    """
    found = {(v.volume.name, e.name) for v in volumes for e in v.tree.folders.values() if _is_former(v, e)}
    inner = [p for p in patterns if not p.path.startswith(("\\$", "\\**"))]
    return [
        structs.replace(p, drive=drive, path=f"\\{name}{p.path}")
        for drive, name in sorted(found)
        for p in inner
        if p.drive in ("", drive)
    ]


def _is_former(volume: VolumeTree, folder: Entry) -> bool:
    return bool(_FORMER.fullmatch(folder.name)) and volume.tree.parent_of(folder) == ROOT


def fill(definition: Definition, known: dict[str, tuple[str, ...]]) -> tuple[list[Pattern], list[str]]:
    """The definition's patterns, and those that name a variable without any value."""
    patterns: list[Pattern] = []
    empty: list[str] = []
    for text in definition.patterns:
        name = _VARIABLE.search(text)
        if name is None:
            patterns.append(make(definition.name, text))
            continue
        found = known.get(name[1], ())
        patterns += [make(definition.name, text.replace(name[0], v)) for v in found]
        if not found:
            empty.append(text)
    return [p for p in dict.fromkeys(patterns) if p.path.startswith("\\")], empty
