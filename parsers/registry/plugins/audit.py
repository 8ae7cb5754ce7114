"""Which security events are logged: the audit policy in `PolAdtEv` of the hive SECURITY.

Twelve bytes of header (number of categories, place of the table behind the values), then two bytes per subcategory in
a fixed order, then per category how many of them there are. Windows 7 to 11 add subcategories at the end of theirs.
The order is the one that dissect.target documents.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from parsers.registry.plugins.base import Key, Plugin, Said
from shellcase.model import Value as Field

_WORDS = ("no", "success", "failure", "success and failure")
_NAMES = (
    ("Security State Change", "Security System Extension", "System Integrity", "IPsec Driver", "Other System Events"),
    (
        "Logon", "Logoff", "Account Lockout", "IPsec Main Mode", "Special Logon", "IPsec Quick Mode",
        "IPsec Extended Mode", "Other Logon/Logoff Events", "Network Policy Server", "User/Device Claims",
        "Group Membership",
    ),
    (
        "File System", "Registry", "Kernel Object", "SAM", "Other Object Access Events", "Certification Services",
        "Application Generated", "Handle Manipulation", "File Share", "Filtering Platform Packet Drop",
        "Filtering Platform Connection", "Detailed File Share", "Removable Storage", "Central Policy Staging",
    ),
    ("Sensitive Privilege Use", "Non Sensitive Privilege Use", "Other Privilege Use Events"),
    (
        "Process Creation", "Process Termination", "DPAPI Activity", "RPC Events", "Plug and Play Events",
        "Token Right Adjusted Events",
    ),
    (
        "Audit Policy Change", "Authentication Policy Change", "Authorization Policy Change",
        "MPSSVC Rule-Level Policy Change", "Filtering Platform Policy Change", "Other Policy Change Events",
    ),
    (
        "User Account Management", "Computer Account Management", "Security Group Management",
        "Distribution Group Management", "Application Group Management", "Other Account Management Events",
    ),
    (
        "Directory Service Access", "Directory Service Changes", "Directory Service Replication",
        "Detailed Directory Service Replication",
    ),
    (
        "Credential Validation", "Kerberos Service Ticket Operations", "Other Account Logon Events",
        "Kerberos Authentication Service",
    ),
)  # fmt: skip
_MOST = 32


def policy(raw: bytes) -> dict[str, str]:
    """What is logged, by subcategory; empty where the value has another form."""
    if len(raw) < 14:
        return {}
    count, table = struct.unpack_from("<4xH2xH", raw)
    if count > len(_NAMES) or table + 2 * count > len(raw) or table < 12:
        return {}
    found: dict[str, str] = {}
    at = 12
    for category, number in enumerate(struct.unpack_from(f"<{count}H", raw, table)):
        for place in range(min(number, _MOST)):
            if at + 2 > table:
                return found
            names = _NAMES[category]
            name = names[place] if place < len(names) else f"category {category}, number {place}"
            found[name] = _WORDS[struct.unpack_from("<H", raw, at)[0] & 3]
            at += 2
    return found


def _read(key: Key) -> Iterator[Said]:
    raw = key.bytes("")
    found = policy(raw)
    if not found:
        return
    on = [name for name, words in found.items() if words != "no"]
    data: dict[str, Field] = {"enabled": bool(raw[0]), "policy": found, "logged": on}
    yield Said(f"{len(on)} of {len(found)} kinds of security event are logged", data)


PLUGINS = (
    Plugin(
        kind="windows.registry.audit_policy",
        hives=("SECURITY",),
        keys=r"Policy\\PolAdtEv",
        read=_read,
        fields={
            "enabled": "whether the policy is in force",
            "policy": "what is logged, by subcategory: no, success, failure, success and failure",
            "logged": "the subcategories of which something is",
        },
    ),
)
