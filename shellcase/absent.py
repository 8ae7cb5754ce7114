"""Drives that the machine's own settings name for its logs or for Exchange, and of which nothing could be examined."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from shellcase.model import HostFacts

_LETTERED = re.compile(r"[A-Za-z]:\\")
_UNLETTERED = re.compile(r"vol\d+(?=\\)")
_READ = {"NTFS", "files"}


def absent(hosts: Sequence[HostFacts], paths: Iterable[str]) -> list[str]:
    """One sentence a drive: what should lie there, and why it was not seen. Empty where every drive is at hand.

    `paths` are those of what was taken. A volume whose letter cannot be told counts by what was taken at the same path.
    Loose files tell no drive at all, and may come from each of them: nothing can be said then.
    """
    volumes = [((v.letter or "").upper(), v.fs) for h in hosts for v in h.volumes]
    if any(fs == "files" and not letter.endswith(":") for letter, fs in volumes):
        return []
    held = {letter for letter, fs in volumes if fs in _READ}
    numbered: set[str] = set()
    for path in paths:
        held.add(path[:2].upper())
        if _UNLETTERED.match(path):
            numbered.add(_UNLETTERED.sub("", path).lower())
    other = {letter: fs for letter, fs in volumes if fs not in _READ}
    wanted: dict[str, list[str]] = {}
    for what, path in (setting for h in hosts for setting in _settings(h)):
        drive, rest = path[:2].upper(), path[2:].rstrip("\\").lower()
        if drive not in held and not any(p.startswith(rest) for p in numbered):
            wanted.setdefault(drive, []).append(f"{what} ({path})")
    return [_sentence(drive, list(dict.fromkeys(what)), other.get(drive, "")) for drive, what in sorted(wanted.items())]


def _settings(host: HostFacts) -> Iterator[tuple[str, str]]:
    sites = ((f"request logs of {s.name}", s.log_directory) for s in host.sites)
    events = ((f"event log {channel}", file) for channel, file in host.event_logs)
    exchange = ((f"Exchange {e.version}".rstrip(), e.path) for e in host.exchange)
    yield from (s for s in (*sites, *events, *exchange) if _LETTERED.match(s[1]))


def _sentence(drive: str, what: Sequence[str], fs: str) -> str:
    more = f" and {len(what) - 3} more" if len(what) > 3 else ""
    why = f"that volume is {fs}, which is not read" if fs else "no volume of the sources carries that letter"
    return f"{drive} holds by the machine's own settings {', '.join(what[:3])}{more}; {why}: nothing of it was examined"
