"""Which fields of a record fill the columns examiners pivot on, as data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

SECURITY, SYSMON = "Microsoft-Windows-Security-Auditing", "Microsoft-Windows-Sysmon"
DEFENDER, SERVICES = "Microsoft-Windows-Windows Defender", "Service Control Manager"
CONTROL_PANEL = "MSExchange Control Panel"

_PROCESS = ("NewProcessName", "Image", "ProcessName", "SourceImage", "Process Name", "Application")
_COMMAND = ("CommandLine", "ScriptBlockText", "HostApplication", "ImagePath", "ServiceFileName", "Payload")
_ADDRESS = ("IpAddress", "SourceIp", "ClientAddress", "SourceAddress", "EventXML.Address", "EventXML.Param3")
_FILE = ("TargetFilename",)
_URL = ("url", "RemoteName")
_USERS = (
    ("TargetDomainName", "TargetUserName"),
    ("SubjectDomainName", "SubjectUserName"),
    ("Domain", "Detection User"),
    ("", "User"),
    ("", "SourceUser"),
    ("", "EventXML.User"),
    ("", "AccountName"),
    ("LogFileCleared.SubjectDomainName", "LogFileCleared.SubjectUserName"),
    ("EventXML.Param2", "EventXML.Param1"),
)
# Here the person acting is the subject of the record, whatever else it names.
_SUBJECT_ACTS = frozenset({"4688", "4697", "4698", "4699", "4702", "4720", "4722", "4724", "4728", "4732", "4756"})
_FILE_BY_EVENT = {
    (SECURITY, "4663"): ("ObjectName",),
    (SECURITY, "4656"): ("ObjectName",),
    (SECURITY, "5145"): ("RelativeTargetName",),
    (SYSMON, "7"): ("ImageLoaded",),
    (SYSMON, "6"): ("ImageLoaded",),
}
NOTHING = frozenset({"", "-", "LOCAL"})
"""Values that stand for none."""
_LINK = re.compile(r"https?://[^\s'\"<>()]+", re.IGNORECASE)
_SHA256 = re.compile(r"SHA256=([0-9A-Fa-f]{64})")
_DEFENDER_FILE = re.compile(r"(?:^|;\s*)(?:container)?file:_([^;]+?)(?:->[^;]*)?(?=;|$)")


class Pivots(NamedTuple):
    """The columns, in the order of the row."""

    user: str | None
    src_ip: str | None
    process: str | None
    command: str | None
    file_path: str | None
    url: str | None
    sha256: str | None


def pivots(
    provider: str, code: str, named: Mapping[str, str], unnamed: Sequence[str], data: Mapping[str, object]
) -> Pivots:
    """Fill the columns from the record's named values; Exchange cmdlets from their own fields."""
    if "Cmdlet" in data:
        command = f"{data['Cmdlet']} {data.get('Parameters', '')}".rstrip()
        return Pivots(_text(data.get("Caller")), None, _text(data.get("Process")), command, None, None, None)
    return Pivots(
        user=_user(code, named),
        src_ip=_first(named, _ADDRESS),
        process=_first(named, _PROCESS),
        command=_first(named, _COMMAND),
        file_path=_file(provider, code, named),
        url=_url(provider, named, unnamed),
        sha256=sha256(named.get("Hashes", "")),
    )


class Sought(NamedTuple):
    """Names of values: for a column the first one that says something, for the user pairs of domain and name."""

    firsts: Mapping[str, Sequence[str]]
    users: Sequence[tuple[str, str]]


def sought(provider: str, code: str, named: Mapping[str, str]) -> Sought | None:
    """The names whose values fill the columns, None where it takes more than a name; `pivots` by rule, not by value."""
    if provider == CONTROL_PANEL or (provider == DEFENDER and "Path" in named):
        return None
    firsts = {"src_ip": _ADDRESS, "process": _PROCESS, "command": _COMMAND, "url": _URL}
    return Sought(firsts | {"file_path": _file_names(provider, code)}, _user_names(code))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value not in NOTHING else None


def _first(named: Mapping[str, str], names: Sequence[str]) -> str | None:
    for name in names:
        value = named.get(name, "")
        if value not in NOTHING:
            return value
    return None


def _user_names(code: str) -> Sequence[tuple[str, str]]:
    return _USERS[1:] if code in _SUBJECT_ACTS else _USERS


def _user(code: str, named: Mapping[str, str]) -> str | None:
    for domain_name, name in _user_names(code):
        user, domain = named.get(name, ""), named.get(domain_name, "")
        if user not in NOTHING:
            return user if domain in NOTHING or "\\" in user else f"{domain}\\{user}"
    return None


def _file(provider: str, code: str, named: Mapping[str, str]) -> str | None:
    if provider == DEFENDER and "Path" in named:
        match = _DEFENDER_FILE.search(named["Path"])
        return match[1] if match else None
    return _first(named, _file_names(provider, code))


def _file_names(provider: str, code: str) -> Sequence[str]:
    return _FILE_BY_EVENT.get((provider, code), _FILE)


def _url(provider: str, named: Mapping[str, str], unnamed: Sequence[str]) -> str | None:
    if provider == CONTROL_PANEL:
        match = _LINK.search(" ".join(unnamed))
        return match[0] if match else None
    return _first(named, _URL)


def sha256(hashes: str) -> str | None:
    """The SHA-256 in a list of hashes as Sysmon writes it."""
    match = _SHA256.search(hashes)
    return match[1].lower() if match else None
