"""Remote desktop: which machines a person went to, and how this machine lets people in."""

from __future__ import annotations

from collections.abc import Iterator

from parsers.registry.plugins.base import CONTROL, USER, Key, Plugin, Said, settings

_CLIENT = r"Software\\Microsoft\\Terminal Server Client\\"


def _server(key: Key) -> Iterator[Said]:
    hint = key.text("UsernameHint")
    data = {"host": key.name, "username": hint, "list": "Servers"}
    who = f" of {key.owner}" if key.owner else ""
    as_whom = f" as {hint}" if hint else ""
    yield Said(f"remote desktop{who} went to {key.name}{as_whom}", data, act="connected", user=key.owner)


def _recent(key: Key) -> Iterator[Said]:
    for value in key.all():
        if value.name.casefold().startswith("mru") and value.text:
            data = {"host": value.text[:256], "username": None, "list": value.name}
            who = f" of {key.owner}" if key.owner else ""
            yield Said(f"remote desktop{who} knows {value.text[:256]}", data, act="connected", user=key.owner)


_FIELDS = {"host": "machine", "username": "name that was used", "list": "Servers, or MRU0 as the newest"}
PLUGINS = (
    Plugin(
        kind="windows.registry.rdp_client", hives=USER, keys=_CLIENT + r"Servers\\[^\\]+", read=_server, fields=_FIELDS
    ),
    Plugin(kind="windows.registry.rdp_client", hives=USER, keys=_CLIENT + r"Default", read=_recent, fields=_FIELDS),
    settings(
        kind="windows.registry.rdp_server",
        hives=("SYSTEM",),
        keys=CONTROL + r"Control\\Terminal Server(?:\\WinStations\\RDP-Tcp)?",
        what="remote desktop",
        names={
            "fDenyTSConnections": "1: nobody is let in",
            "PortNumber": "its port",
            "UserAuthentication": "1: people sign in before the desktop comes",
            "SecurityLayer": "0: no TLS",
            "fSingleSessionPerUser": "0: several sessions of one person",
            "Shadow": "who may look on",
            "AllowRemoteRPC": "whether it can be managed from outside",
        },
    ),
)
