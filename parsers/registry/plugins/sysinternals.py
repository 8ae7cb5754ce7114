"""Sysinternals tools whose licence was accepted: whose hive it is says who ran them (DEFAULT is the system itself)."""

from __future__ import annotations

from collections.abc import Iterator

from parsers.registry.plugins.base import Key, Plugin, Said
from shellcase.model import Value as Field


def _read(key: Key) -> Iterator[Said]:
    accepted = key.number("EulaAccepted")
    if accepted is not None:
        data: dict[str, Field] = {"tool": key.name, "user_hive": key.file, "accepted": accepted}
        yield Said(f"the licence of Sysinternals {key.name} was accepted ({key.file})", data, act="accepted")


PLUGINS = (
    Plugin(
        kind="windows.registry.sysinternals_eula",
        hives=("NTUSER.DAT", "DEFAULT"),
        keys=r"Software\\Sysinternals\\[^\\]+",
        read=_read,
        fields={
            "tool": "name of the tool's key",
            "user_hive": "path of the hive: whose it is",
            "accepted": "1 when accepted",
        },
    ),
)
