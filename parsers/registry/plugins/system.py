"""Which machine this is: names, Windows version, control set; when it was installed and last shut down."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from parsers.ntfs import filetime
from parsers.registry.plugins.base import Key, Plugin, Said
from shellcase.model import Moment
from shellcase.zones import utc

_CONTROL = r"ControlSet\d{3}\\"
_KIND = "windows.registry.system"
_COPIED = {
    "productname": "product_name",
    "currentbuild": "build",
    "currentbuildnumber": "build_number",
    "ubr": "update_build_revision",
    "displayversion": "display_version",
    "releaseid": "release_id",
    "editionid": "edition",
    "registeredowner": "registered_owner",
    "systemroot": "system_root",
}


def _names(key: Key) -> Iterator[Said]:
    names = {
        "computername": "computer_name",
        "hostname": "host_name",
        "nv hostname": "nv_host_name",
        "domain": "domain",
    }
    found = {field: text for value, field in names.items() if (text := key.text(value))}
    if found:
        yield Said(f"this computer is named {', '.join(found.values())}", found)


def _select(key: Key) -> Iterator[Said]:
    found = {name.lower(): key.number(name) for name in ("Current", "Default", "LastKnownGood", "Failed")}
    yield Said(f"the control set in use is number {found['current']}", found)


def _machine(key: Key) -> Iterator[Said]:
    guid = key.text("MachineGuid")
    if guid:
        yield Said(f"the machine GUID is {guid}", {"machine_guid": guid})


def _version(key: Key) -> Iterator[Said]:
    found = {field: text for value, field in _COPIED.items() if (text := key.text(value))}
    if found:
        build = found.get("build", found.get("build_number", "unknown"))
        yield Said(f"the operating system is {found.get('product_name', 'Windows')}, build {build}", found)
    installed = _installed(key)
    if installed:
        yield Said("Windows was installed", {"install_date": installed.text}, when=installed, act="installed")


def _installed(key: Key) -> Moment | None:
    """InstallTime (FILETIME) where there is one, else InstallDate (seconds since 1970)."""
    ticks, seconds = key.number("InstallTime"), key.number("InstallDate")
    if ticks and filetime.to_ns(ticks) is not None:
        return filetime.moment(ticks)
    if not seconds or seconds > 0xFFFF_FFFF:
        return None
    return Moment(seconds * 10**9, 10**9, f"{utc(seconds * 10**9):%Y-%m-%dT%H:%M:%SZ}")


def _shutdown(key: Key) -> Iterator[Said]:
    raw = key.bytes("ShutdownTime")
    if len(raw) == 8:
        when = filetime.moment(struct.unpack("<Q", raw)[0])
        yield Said("Windows was shut down", {"shutdown_time": when.text}, when=when, act="shut down")


_FIELDS = {
    "computer_name": "name of the machine",
    "host_name": "its name in the network",
    "nv_host_name": "the same, as set by a person",
    "domain": "its DNS domain",
    "current": "number of the control set in use",
    "default": "number of the control set to start with",
    "lastknowngood": "number of the control set that started well last",
    "failed": "number of the control set that failed",
    "machine_guid": "GUID given at installation",
    "product_name": "name of the operating system",
    "build": "its build",
    "build_number": "the same, in its older place",
    "update_build_revision": "revision within the build",
    "display_version": "its version as shown to people",
    "release_id": "the same, in its older place",
    "edition": "its edition",
    "registered_owner": "who it is registered to",
    "system_root": "folder of Windows",
    "install_date": "when Windows was installed",
    "shutdown_time": "when Windows was shut down last",
}


PLUGINS = (
    Plugin(
        kind=_KIND,
        hives=("SYSTEM",),
        keys=_CONTROL + r"(?:Control\\ComputerName\\(?:Active)?ComputerName|Services\\Tcpip\\Parameters)",
        read=_names,
        fields=_FIELDS,
    ),
    Plugin(kind=_KIND, hives=("SYSTEM",), keys="Select", read=_select, fields=_FIELDS),
    Plugin(kind=_KIND, hives=("SYSTEM",), keys=_CONTROL + r"Control\\Windows", read=_shutdown, fields=_FIELDS),
    Plugin(kind=_KIND, hives=("SOFTWARE",), keys=r"Microsoft\\Cryptography", read=_machine, fields=_FIELDS),
    Plugin(
        kind=_KIND, hives=("SOFTWARE",), keys=r"Microsoft\\Windows NT\\CurrentVersion", read=_version, fields=_FIELDS
    ),
)
