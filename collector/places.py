r"""Where Exchange and the web server lie when no hive or configuration tells, or what it tells is not there.

The evidence then speaks by its folders: `Logging\HttpProxy`, `FrontEnd\HttpProxy`, `TransportRoles\Logs` (all that
Exchange 2010 has of these) and others lie right below an installation of Exchange, request logs in `W3SVC<number>`,
pages of the default site in `inetpub\wwwroot`. Nothing is searched for while
the configured places exist: a copy that somebody made of the same logs would count every request twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from collector.environment import normal
from collector.survey import VolumeTree
from shellcase.model import ExchangeInstall, HostFacts, IisSite

_BELOW_INSTALL = re.compile(r"(?i)^(.*)\\(?:FrontEnd\\HttpProxy|ClientAccess)(?:\\|$)")
_OF_INSTALL = re.compile(r"(?i)httpproxy|logs|ecp|cmdletinfra|oabgeneratorlog")
_INSTALL = re.compile(
    r"(?i)(.*)\\(?:FrontEnd\\HttpProxy|TransportRoles\\Logs|Logging\\(?:HttpProxy|ECP|CmdletInfra|OABGeneratorLog))"
)
_LOGS = re.compile(r"(?i)w3svc(\d{1,10})")
_LOG_FILES = frozenset({"security.evtx", "application.evtx", "system.evtx", "msexchange management.evtx"})
_MOST = 64

SEEN = "folders"
"""The key of an installation that was found by its folders."""


def named_elsewhere(variables: dict[str, str], sites: Iterable[IisSite]) -> tuple[ExchangeInstall, ...]:
    """Installations that the environment or the web server's configuration names, for when SOFTWARE does not."""
    own = normal(variables.get("exchangeinstallpath", ""))
    if own:
        return (ExchangeInstall(key="environment", path=own + "\\"),)
    found = (_BELOW_INSTALL.match(physical) for site in sites for _virtual, physical in site.roots)
    paths = {m[1].lower(): m[1] for m in found if m}
    return tuple(ExchangeInstall(key="IIS configuration", path=paths[low] + "\\") for low in sorted(paths))


def complete(host: HostFacts, volumes: Sequence[VolumeTree]) -> HostFacts:
    """The facts with places found by walking, where none of the configured ones exists. Volumes carry their letters."""
    notes: list[str] = []
    exchange, sites = host.exchange, host.sites
    if not any(_exists(volumes, e.path + part) for e in exchange for part in ("Logging", "FrontEnd", "ClientAccess")):
        exchange += tuple(ExchangeInstall(key=SEEN, path=p + "\\") for p in _installs(volumes))
    if not sites or not all(_exists(volumes, s.log_directory) for s in sites):
        told = {s.log_directory.lower() for s in sites}
        sites += tuple(s for s in _log_sites(volumes) if s.log_directory.lower() not in told)
    if not any(_exists(volumes, physical) for s in sites for _virtual, physical in s.roots):
        sites += tuple(_root_sites(volumes))
    logs = host.event_logs or tuple(_event_logs(volumes))
    notes += [f"event logs: {path} found by its name, no hive names it" for _c, path in logs if not host.event_logs]
    notes += [f"Exchange: {e.path} found by its folders, no configuration names it" for e in exchange if e.key == SEEN]
    notes += [_site_note(s) for s in sites if s.name == SEEN]
    return msgspec.structs.replace(host, exchange=exchange, sites=sites, event_logs=logs, notes=(*host.notes, *notes))


def _site_note(site: IisSite) -> str:
    where = site.log_directory or site.roots[0][1]
    return f"web server: {where} found by its folders, no configuration names it"


def _exists(volumes: Sequence[VolumeTree], path: str) -> bool:
    """Whether the folder is there: on the volume of that letter, else on any volume without one."""
    name, _slash, rest = normal(path).partition("\\")
    fits = [v for v in volumes if v.volume.name.lower() == name.lower()]
    return bool(rest) and any(v.tree.find(rest) for v in fits or [v for v in volumes if v.volume.letter is None])


def _folders(volumes: Sequence[VolumeTree], wanted: re.Pattern[str]) -> Iterator[tuple[str, re.Match[str]]]:
    """Full path and match of folders whose name fits, in order of volume and path."""
    for volume in volumes:
        tree = volume.tree
        hits = [(r, m) for r, e in tree.folders.items() if (m := wanted.fullmatch(e.name)) and r not in tree.reparse]
        named = sorted(((tree.folder_path(r), m) for r, m in hits), key=lambda x: (x[0].lower(), x[0]))
        yield from ((volume.volume.name + path, m) for path, m in named)


def _installs(volumes: Sequence[VolumeTree]) -> list[str]:
    found = (_INSTALL.fullmatch(path) for path, _m in _folders(volumes, _OF_INSTALL))
    return list({m[1].lower(): m[1] for m in found if m}.values())[:_MOST]


def _event_logs(volumes: Sequence[VolumeTree]) -> list[tuple[str, str]]:
    """Logs of every Windows outside the usual folder: where they lie, their neighbours lie."""
    found = [
        (entry.name[: -len(".evtx")], volume.volume.name + path)
        for volume in volumes
        for entry in volume.tree.files
        if entry.name.lower() in _LOG_FILES
        and not (path := volume.tree.path(entry)).lower().startswith("\\windows\\system32\\winevt\\logs\\")
    ]
    return sorted(found)[:_MOST]


def _log_sites(volumes: Sequence[VolumeTree]) -> list[IisSite]:
    found = [IisSite(id=int(m[1]), name=SEEN, log_directory=path) for path, m in _folders(volumes, _LOGS)]
    return found[:_MOST]


def _root_sites(volumes: Sequence[VolumeTree]) -> list[IisSite]:
    found = (p for p, _m in _folders(volumes, re.compile(r"(?i)wwwroot")) if p.lower().endswith("\\inetpub\\wwwroot"))
    return [IisSite(id=0, name=SEEN, log_directory="", roots=(("/", p),)) for p in found][:_MOST]
