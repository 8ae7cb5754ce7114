"""Network: interfaces with their addresses, the networks the machine was in, forwarded ports.

Times of an interface's lease are seconds since 1970 in UTC; those of a network profile are SYSTEMTIMEs in local time.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import datetime

from parsers.registry.plugins.base import CONTROL, Key, Plugin, Said
from parsers.times import ns_text
from parsers.walltime import local_moment
from shellcase.model import Moment
from shellcase.model import Value as Field

_LISTS = ("IPAddress", "SubnetMask", "DefaultGateway", "DhcpDefaultGateway")
_TEXTS = ("DhcpIPAddress", "DhcpSubnetMask", "DhcpServer", "NameServer", "DhcpNameServer", "Domain", "DhcpDomain")
_LEASES = ("LeaseObtainedTime", "LeaseTerminatesTime")


def _interface(key: Key) -> Iterator[Said]:
    found: dict[str, Field] = {name: parts for name in _LISTS if (parts := key.parts(name))}
    found |= {name: text for name in _TEXTS if (text := key.text(name))}
    found |= {name: ns_text(n * 10**9, 0) for name in _LEASES if (n := key.number(name)) and n < 1 << 32}
    addresses = [*key.parts("IPAddress"), *key.parts("DhcpIPAddress")]
    if addresses:
        found |= {"interface": key.name, "dhcp": bool(key.number("EnableDHCP"))}
        yield Said(f"network interface {key.name} has {', '.join(addresses)}", found)


def _systemtime(raw: bytes, key: Key, means: str) -> Moment | None:
    if len(raw) < 16:
        return None
    year, month, _, day, hour, minute, second, milli = struct.unpack_from("<8H", raw)
    try:
        reading = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - wall time
    except ValueError:
        return None
    text = f"{reading:%Y-%m-%d %H:%M:%S}.{milli:03d}"
    return local_moment(reading, text, key.zone, means=means, extra_ns=milli % 1000 * 10**6, resolution=10**6)


def _profile(key: Key) -> Iterator[Said]:
    name = key.text("ProfileName") or ""
    data: dict[str, Field] = {
        "ProfileName": name,
        "Description": key.text("Description"),
        "Category": key.number("Category"),
        "profile": key.name,
    }
    for value, means, words in (("DateCreated", "first", "first"), ("DateLastConnected", "last", "last")):
        when = _systemtime(key.bytes(value), key, means)
        if when:
            yield Said(f"network {name} was {words} connected", {**data, "which": value}, when=when, act="connected")


def _forward(key: Key) -> Iterator[Said]:
    for value in key.all():
        listens, connects = value.name.replace("/", ":"), value.text.replace("/", ":")
        data = {"listens": listens, "connects": connects, "rule": key.path.partition("PortProxy\\")[2]}
        yield Said(f"connections to {listens} are forwarded to {connects}", data)


PLUGINS = (
    Plugin(
        kind="windows.registry.network_interface",
        hives=("SYSTEM",),
        keys=CONTROL + r"Services\\Tcpip6?\\Parameters\\Interfaces\\[^\\]+",
        read=_interface,
        fields={
            "interface": "GUID of the interface",
            "dhcp": "whether it gets its address by DHCP",
            **dict.fromkeys((*_LISTS, *_TEXTS), "as Windows names it"),
            **dict(zip(_LEASES, ("start of the lease", "end of the lease"), strict=True)),
        },
    ),
    Plugin(
        kind="windows.registry.network_profile",
        hives=("SOFTWARE",),
        keys=r"Microsoft\\Windows NT\\CurrentVersion\\NetworkList\\Profiles\\[^\\]+",
        read=_profile,
        fields={
            "ProfileName": "name of the network",
            "Description": "its description",
            "Category": "0 public, 1 private, 2 domain",
            "profile": "GUID of the profile",
            "which": "the value that the time comes from",
        },
    ),
    Plugin(
        kind="windows.registry.portproxy",
        hives=("SYSTEM",),
        keys=CONTROL + r"Services\\PortProxy\\v[46]tov[46]\\[^\\]+",
        read=_forward,
        fields={"listens": "address and port here", "connects": "address and port there", "rule": "kind of rule"},
    ),
)
