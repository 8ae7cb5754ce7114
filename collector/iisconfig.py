"""Sites of applicationHost.config: log directories and served folders, expanded with the evidence's variables."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml import ElementTree as SafeTree

from collector.environment import expand, normal
from shellcase.model import IisSite

_DEFAULT_LOGS = "%SystemDrive%\\inetpub\\logs\\LogFiles"


def read_sites(raw: bytes, variables: Mapping[str, str]) -> tuple[tuple[IisSite, ...], list[str]]:
    """Sites in order of their number, and notes on what could not be read."""
    try:
        root = SafeTree.fromstring(raw)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        return (), [f"applicationHost.config: cannot be read ({error})"]
    holder = root.find(".//sites")
    if holder is None:
        return (), ["applicationHost.config: has no <sites>"]
    defaults = holder.find("siteDefaults/logFile")
    notes: list[str] = []
    found = [_site(s, defaults, variables, notes) for s in holder.findall("site")]
    return tuple(sorted((s for s in found if s), key=lambda s: s.id)), notes


def _site(site: Element, defaults: Element | None, variables: Mapping[str, str], notes: list[str]) -> IisSite | None:
    number = site.get("id", "")
    if not number.isdecimal() or len(number) > 12:
        notes.append(f"applicationHost.config: site with the id {number!r} left out")
        return None
    own = site.find("logFile")
    logs = expand(_setting("directory", _DEFAULT_LOGS, own, defaults), variables)
    return IisSite(
        id=int(number),
        name=site.get("name", ""),
        log_directory=f"{normal(logs)}\\W3SVC{number}",
        log_format=_setting("logFormat", "W3C", own, defaults),
        roots=_roots(site, variables),
    )


def _setting(name: str, default: str, *elements: Element | None) -> str:
    return next((e.get(name, "") for e in elements if e is not None and e.get(name)), default)


def _roots(site: Element, variables: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    roots = []
    for application in site.findall("application"):
        base = application.get("path", "/").rstrip("/")
        for directory in application.findall("virtualDirectory"):
            path = normal(expand(directory.get("physicalPath", ""), variables))
            if path:
                roots.append((base + directory.get("path", "/").rstrip("/") or "/", path))
    return tuple(sorted(set(roots)))
