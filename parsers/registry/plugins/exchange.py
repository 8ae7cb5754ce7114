"""Which Exchange is installed, where and in which roles; whether Microsoft's cleaner ran and what it found."""

from __future__ import annotations

from collections.abc import Iterator

from parsers.registry.plugins.base import Key, Plugin, Said, settings

_PARTS = ("MsiProductMajor", "MsiProductMinor", "MsiBuildMajor", "MsiBuildMinor")


def _read(key: Key) -> Iterator[Said]:
    path = key.text("MsiInstallPath")
    if not path:
        return
    parts = [number for name in _PARTS if (number := key.number(name)) is not None]
    version = ".".join(map(str, parts)) if len(parts) == len(_PARTS) else key.text("OwaVersion")
    data = {"MsiInstallPath": path, "version": version, "OwaVersion": key.text("OwaVersion")}
    yield Said(f"Exchange {version or 'of unknown version'} is installed in {path}", data)


def _role(key: Key) -> Iterator[Said]:
    version = key.text("ConfiguredVersion")
    unpacked = key.text("UnpackedVersion")
    if version or unpacked:
        data = {
            "role": key.name,
            "ConfiguredVersion": version,
            "UnpackedVersion": unpacked,
            "Action": key.text("Action"),
        }
        state = f"version {version}" if version else f"unpacked only, version {unpacked}"
        yield Said(f"Exchange role {key.name}: {state}", data)


PLUGINS = (
    Plugin(
        kind="windows.registry.exchange_role",
        hives=("SOFTWARE",),
        keys=r"Microsoft\\ExchangeServer\\v\d{2}\\(?:\w+Role|AdminTools|LanguagePack\w*)",
        read=_role,
        fields={
            "role": "name of the role",
            "ConfiguredVersion": "version it was set up with; none where setup did not end",
            "UnpackedVersion": "version of its files at setup",
            "Action": "what setup was doing when it broke off",
        },
    ),
    settings(
        kind="windows.registry.exchange_mitigation",
        hives=("SOFTWARE",),
        keys=r"(?:Microsoft\\)?MSERTBootstrap",
        what="EOMT ran the safety scanner",
        names={"PatchState": "what it found of the patch"},
    ),
    settings(
        kind="windows.registry.iis",
        hives=("SOFTWARE",),
        keys=r"Microsoft\\InetStp",
        what="IIS",
        names={
            "VersionString": "its version",
            "MajorVersion": "the same",
            "MinorVersion": "the same",
            "InstallPath": "its folder",
            "PathWWWRoot": "folder of the default web site",
            "IISProgramGroup": "its place in the start menu",
        },
    ),
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
