"""Which Exchange is installed, and where."""

from __future__ import annotations

from collections.abc import Iterator

from parsers.registry.plugins.base import Key, Plugin, Said

_PARTS = ("MsiProductMajor", "MsiProductMinor", "MsiBuildMajor", "MsiBuildMinor")


def _read(key: Key) -> Iterator[Said]:
    path = key.text("MsiInstallPath")
    if not path:
        return
    parts = [number for name in _PARTS if (number := key.number(name)) is not None]
    version = ".".join(map(str, parts)) if len(parts) == len(_PARTS) else key.text("OwaVersion")
    data = {"MsiInstallPath": path, "version": version, "OwaVersion": key.text("OwaVersion")}
    yield Said(f"Exchange {version or 'of unknown version'} is installed in {path}", data)


PLUGINS = (
    Plugin(
        kind="windows.registry.exchange_setup",
        hives=("SOFTWARE",),
        keys=r"Microsoft\\ExchangeServer\\v\d{2}\\Setup",
        read=_read,
        fields={
            "MsiInstallPath": "folder of the installation",
            "OwaVersion": "the same, as OWA keeps it",
            "version": "version at installation or cumulative update; security updates do not change it",
        },
    ),
)
