"""Programs that were installed, updates of Windows, and the accounts that have a profile here."""

from __future__ import annotations

from collections.abc import Iterator

from parsers.ntfs import filetime
from parsers.registry.plugins.base import USER, Key, Plugin, Said
from shellcase.model import Moment
from shellcase.model import Value as Field

_STATES = {
    0: "absent", 5: "uninstall pending", 16: "resolving", 32: "resolved", 48: "staging", 64: "staged", 80: "superseded",
    96: "install pending", 101: "partly installed", 112: "installed", 128: "permanent",
}  # fmt: skip
_UNINSTALL = (
    "DisplayName", "DisplayVersion", "Publisher", "InstallDate", "InstallLocation", "InstallSource", "UninstallString",
    "ParentKeyName", "Comments",
)  # fmt: skip


def _program(key: Key) -> Iterator[Said]:
    found: dict[str, Field] = {name: text for name in _UNINSTALL if (text := key.text(name))}
    if found:
        name = f"{found.get('DisplayName', key.name)} {found.get('DisplayVersion', '')}".strip()
        yield Said(f"{name} is installed", {**found, "id": key.name}, act="installed", user=key.owner)


def _halves(key: Key, high: str, low: str) -> Moment | None:
    top, bottom = key.number(high), key.number(low)
    if top is None or bottom is None:
        return None
    when = filetime.moment(top << 32 | bottom)
    return when if when.ns is not None else None


def _package(key: Key) -> Iterator[Said]:
    state = key.number("CurrentState")
    if state is None:
        return
    words = _STATES.get(state, str(state))
    data: dict[str, Field] = {
        "package": key.name,
        "state": words,
        "InstallClient": key.text("InstallClient"),
        "InstallName": key.text("InstallName"),
        "InstallLocation": key.text("InstallLocation"),
        "InstallUser": key.text("InstallUser"),
    }
    when = _halves(key, "InstallTimeHigh", "InstallTimeLow")
    yield Said(f"update package {key.name} is {words}", data, when=when, act="installed", user=key.text("InstallUser"))


def _hotfix(key: Key) -> Iterator[Said]:
    data: dict[str, Field] = {"package": key.name, "state": "installed" if key.number("Installed") else "unknown"}
    yield Said(f"update {key.name} is listed", data, act="installed")


def _profile(key: Key) -> Iterator[Said]:
    path = key.text("ProfileImagePath")
    if not path:
        return
    data: dict[str, Field] = {"sid": key.name, "path": path, "State": key.number("State"), "which": "key"}
    name = path.rpartition("\\")[2]
    yield Said(f"account {key.name} has the profile {path}", data, user=name, file_path=path)
    for which in ("Load", "Unload"):
        when = _halves(key, f"LocalProfile{which}TimeHigh", f"LocalProfile{which}TimeLow")
        if when:
            subject = f"the profile {path} was last {which.lower()}ed"
            yield Said(
                subject, {**data, "which": which}, when=when, act=f"{which.lower()}ed", user=name, file_path=path
            )


_PACKAGE = {
    "package": "name of the package or update",
    "state": "what became of it",
    "InstallClient": "the program that installed it",
    "InstallName": "file it came from",
    "InstallLocation": "folder it came from",
    "InstallUser": "SID of the account",
}
PLUGINS = (
    Plugin(
        kind="windows.registry.program",
        hives=("SOFTWARE", *USER),
        keys=r"(?:Software\\)?(?:Wow6432Node\\)?Microsoft\\Windows\\CurrentVersion\\Uninstall\\[^\\]+",
        read=_program,
        fields={"id": "name of the key", **dict.fromkeys(_UNINSTALL, "as the program says")},
    ),
    Plugin(
        kind="windows.registry.update",
        hives=("SOFTWARE",),
        keys=r"Microsoft\\Windows\\CurrentVersion\\Component Based Servicing\\Packages\\[^\\]+",
        read=_package,
        fields=_PACKAGE,
    ),
    Plugin(
        kind="windows.registry.update",
        hives=("SOFTWARE",),
        keys=r"Microsoft\\Windows NT\\CurrentVersion\\HotFix\\[^\\]+",
        read=_hotfix,
        fields=_PACKAGE,
    ),
    Plugin(
        kind="windows.registry.profile",
        hives=("SOFTWARE",),
        keys=r"Microsoft\\Windows NT\\CurrentVersion\\ProfileList\\S-[^\\]+",
        read=_profile,
        fields={
            "sid": "SID of the account",
            "path": "folder of the profile",
            "State": "flags of the profile",
            "which": "where the time comes from: key, Load or Unload",
        },
    ),
)
