"""Local accounts of the SAM hive: names, numbers, times and flags. Never password hashes.

The F value (80 bytes: times, RID, flags, counts) and the descriptors of V that lead to the name are read; the
encrypted hashes, further on in V, are not touched.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from parsers.ntfs import filetime
from parsers.registry.keys import utf16
from parsers.registry.plugins.base import Key, Plugin, Said
from parsers.times import filetime_text

_FLAGS = (
    "ACCOUNT_DISABLED", "HOME_DIRECTORY_REQUIRED", "PASSWORD_NOT_REQUIRED", "TEMPORARY_DUPLICATE", "NORMAL_ACCOUNT",
    "MNS_LOGON", "INTERDOMAIN_TRUST", "WORKSTATION_TRUST", "SERVER_TRUST", "PASSWORD_NEVER_EXPIRES", "LOCKED_OUT",
)  # fmt: skip
_F = struct.Struct("<8xQ8xQ8xQIIH6xHH")  # last logon, password set, wrong password, RID, group, flags, wrong, logons
_V_BASE = 0xCC
_V_NAME = 0x0C


def _read(key: Key) -> Iterator[Said]:
    raw = key.bytes("F")
    if len(raw) < _F.size:
        return
    logon, password, wrong, rid, _, flags, failures, logons = _F.unpack_from(raw)
    name = _user(key.bytes("V"))
    data = {
        "rid": rid,
        "name": name,
        "last_logon": _time(logon),
        "password_set": _time(password),
        "last_wrong_password": _time(wrong),
        "flags": [word for bit, word in enumerate(_FLAGS) if flags >> bit & 1],
        "logons": logons,
        "wrong_passwords": failures,
    }
    yield Said(f"local account {name or 'without name'} (RID {rid})", data, user=name or None)


def _times(key: Key) -> Iterator[Said]:
    """The same account once more, at the times it tells."""
    raw = key.bytes("F")
    if len(raw) < _F.size:
        return
    logon, password, wrong, rid, *_ = _F.unpack_from(raw)
    name = _user(key.bytes("V"))
    told = (
        (logon, "logged on", "last"),
        (password, "had its password set", "last"),
        (wrong, "gave a wrong password", "last"),
    )
    for ticks, what, means in told:
        if filetime.to_ns(ticks) is not None:
            when = filetime.moment(ticks, means)
            subject = f"local account {name or 'without name'} (RID {rid}) {what}"
            yield Said(subject, {"rid": rid, "name": name, "what": what}, when=when, act=what, user=name or None)


def _made(key: Key) -> Iterator[Said]:
    """The key of a name is written when the account is made or renamed; the type of its value is the RID."""
    value = key.values.get("")
    data = {"name": key.name, "rid": value.type if value else None}
    yield Said(f"local account {key.name} was made or named", data, act="created", user=key.name)


def _user(raw: bytes) -> str:
    if len(raw) < _V_BASE:
        return ""
    offset, length = struct.unpack_from("<II", raw, _V_NAME)
    return utf16(raw[_V_BASE + offset : _V_BASE + offset + length]) if length <= 512 else ""


def _time(ticks: int) -> str | None:
    return filetime_text(ticks) if filetime.to_ns(ticks) is not None else None


PLUGINS = (
    Plugin(
        kind="windows.registry.account_time",
        hives=("SAM",),
        keys=r"SAM\\Domains\\Account\\Users\\[0-9A-F]{8}",
        read=_times,
        fields={"rid": "last part of the account's SID", "name": "account name", "what": "what happened then"},
    ),
    Plugin(
        kind="windows.registry.account_name",
        hives=("SAM",),
        keys=r"SAM\\Domains\\Account\\Users\\Names\\[^\\]+",
        read=_made,
        fields={"name": "account name", "rid": "last part of the account's SID"},
    ),
    Plugin(
        kind="windows.registry.account",
        hives=("SAM",),
        keys=r"SAM\\Domains\\Account\\Users\\[0-9A-F]{8}",
        read=_read,
        fields={
            "rid": "last part of the account's SID",
            "name": "account name",
            "last_logon": "time of the last logon",
            "password_set": "time of the last change of the password",
            "last_wrong_password": "time of the last wrong password",
            "flags": "account flags",
            "logons": "number of logons",
            "wrong_passwords": "number of wrong passwords since the last logon",
        },
    ),
)
