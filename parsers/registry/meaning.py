"""What the plug-ins say of the keys of a hive, as events with the bytes of their key."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache

from parsers.registry.keys import BadValue, Value, values
from parsers.registry.plugins import PLUGINS, Key, Plugin, Said
from parsers.registry.tree import Hive
from shellcase.model import Event
from shellcase.zones import Zone


def meanings(hive: Hive, path: str, good: list[Value], generic: Event, zone: Zone | None) -> Iterator[Event]:
    """Events of a key beside its own. `generic` is its own: they share its bytes, and its time unless they have one."""
    if not _gate(hive.role).fullmatch(path):
        return
    key = Key(hive.role, hive.file, path, generic.when, _by_name(good), zone, _near(hive))
    told = [
        (plugin.kind, said)
        for plugin in _plugins(hive.role)
        if plugin.knows(hive.role, path)
        for said in plugin.read(key)
    ]
    for ordinal, (kind, said) in enumerate(told, 1):
        yield _event(kind, said, generic, ordinal)


def _event(kind: str, said: Said, generic: Event, ordinal: int) -> Event:
    return Event(
        when=said.when or generic.when,
        act=said.act,
        kind=kind,
        subject=said.subject,
        origin=generic.origin,
        data={**said.data, "crc": generic.data["crc"]},  # every byte of the key's cells is vouched for
        ordinal=ordinal,
        user=said.user,
        process=said.process,
        command=said.command,
        file_path=said.file_path,
        src_ip=said.src_ip,
        url=said.url,
        sha256=said.sha256,
    )


@cache
def _plugins(role: str) -> tuple[Plugin, ...]:
    return tuple(plugin for plugin in PLUGINS if role in plugin.hives)


@cache
def _gate(role: str) -> re.Pattern[str]:
    """One look that says of most keys that no plug-in knows them."""
    return re.compile("|".join(f"(?:{plugin.keys})" for plugin in _plugins(role)) or r"(?!)", re.IGNORECASE)


def _by_name(good: list[Value]) -> Mapping[str, Value]:
    """Values by lower-case name in their order; the first of a name counts, as it does for Windows."""
    found: dict[str, Value] = {}
    for value in good:
        found.setdefault(value.name.casefold(), value)
    return found


def _near(hive: Hive) -> Callable[[str], Mapping[str, Value]]:
    def look(path: str) -> Mapping[str, Value]:
        node = hive.find(path)
        if node is None:
            return {}
        return _by_name([value for value in values(hive.raw, node) if not isinstance(value, BadValue)])

    return look
