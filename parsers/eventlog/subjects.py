"""One line in plain words for the records that matter in a break-in of a mail server; as data.

`{Name}` stands for a named value of the record, `{0}` for an unnamed one. Everything else is called by its provider
and event id.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_LONGEST = 300
_SLOT = re.compile(r"\{([^{}]+)\}")

_SECURITY = {
    "1102": "the Security log was cleared by {LogFileCleared.SubjectUserName}",
    "4616": "system time changed from {PreviousTime} to {NewTime} by {ProcessName}",
    "4624": "logon type {LogonType} of {TargetDomainName}\\{TargetUserName} from {IpAddress}",
    "4625": "failed logon type {LogonType} of {TargetDomainName}\\{TargetUserName} from {IpAddress}",
    "4634": "logoff of {TargetDomainName}\\{TargetUserName}",
    "4648": "logon with explicit credentials of {TargetUserName} to {TargetServerName} by {ProcessName}",
    "4656": "handle to {ObjectName} requested by {ProcessName}, access {AccessMask}",
    "4663": "{ObjectName} accessed by {ProcessName}, access {AccessMask}",
    "4672": "special privileges given to {SubjectDomainName}\\{SubjectUserName}",
    "4673": "privilege {PrivilegeList} used by {ProcessName}",
    "4688": "process started: {NewProcessName} {CommandLine}",
    "4689": "process ended: {ProcessName}",
    "4697": "service {ServiceName} installed: {ServiceFileName}",
    "4698": "scheduled task {TaskName} created by {SubjectUserName}",
    "4699": "scheduled task {TaskName} deleted by {SubjectUserName}",
    "4702": "scheduled task {TaskName} changed by {SubjectUserName}",
    "4719": "audit policy changed by {SubjectUserName}",
    "4720": "account {TargetUserName} created by {SubjectUserName}",
    "4722": "account {TargetUserName} enabled by {SubjectUserName}",
    "4724": "password of {TargetUserName} reset by {SubjectUserName}",
    "4728": "{MemberSid} added to global group {TargetUserName} by {SubjectUserName}",
    "4732": "{MemberSid} added to local group {TargetUserName} by {SubjectUserName}",
    "4756": "{MemberSid} added to universal group {TargetUserName} by {SubjectUserName}",
    "4776": "credentials of {TargetUserName} checked for {Workstation}, status {Status}",
    "5140": "share {ShareName} opened by {SubjectUserName} from {IpAddress}",
    "5145": "share {ShareName}: access to {RelativeTargetName} by {SubjectUserName} from {IpAddress}",
    "5156": "connection allowed: {Application} {SourceAddress} to {DestAddress}:{DestPort}",
}
_SYSMON = {
    "1": "process started: {Image} {CommandLine}, parent {ParentImage}",
    "2": "creation time of {TargetFilename} changed by {Image}",
    "3": "connection: {Image} {SourceIp} to {DestinationIp}:{DestinationPort}",
    "5": "process ended: {Image}",
    "6": "driver loaded: {ImageLoaded}",
    "7": "{ImageLoaded} loaded by {Image}",
    "8": "thread created in {TargetImage} by {SourceImage}",
    "10": "{TargetImage} opened by {SourceImage}, access {GrantedAccess}",
    "11": "file created: {TargetFilename} by {Image}",
    "12": "registry key {EventType}: {TargetObject} by {Image}",
    "13": "registry value set: {TargetObject} by {Image}",
    "15": "stream created: {TargetFilename} by {Image}",
    "22": "name looked up: {QueryName} by {Image}",
    "23": "file deleted: {TargetFilename} by {Image}",
}
_DEFENDER = {
    "1006": "Defender found {Threat Name} in {Path}",
    "1007": "Defender acted on {Threat Name}: {Action Name}",
    "1013": "Defender history of {Threat Name} deleted by {User}",
    "1015": "Defender saw suspicious behaviour {Threat Name} in {Path}",
    "1116": "Defender found {Threat Name} in {Path}",
    "1117": "Defender acted on {Threat Name} in {Path}: {Action Name}",
    "1121": "Defender blocked by rule {ID}: {Path} in {Process Name}",
    "1122": "Defender would have blocked by rule {ID}: {Path} in {Process Name}",
    "5001": "Defender real-time protection was switched off",
    "5007": "Defender setting changed: {New Value}",
    "5010": "Defender scanning for spyware was switched off",
    "5012": "Defender scanning for viruses was switched off",
}
_SUBJECTS: Mapping[str, Mapping[str, str]] = {
    "Microsoft-Windows-Security-Auditing": _SECURITY,
    "Microsoft-Windows-Sysmon": _SYSMON,
    "Microsoft-Windows-Windows Defender": _DEFENDER,
    "Microsoft-Windows-Eventlog": {
        "104": "the {LogFileCleared.Channel} log was cleared by {LogFileCleared.SubjectUserName}",
        "1100": "the event log service stopped",
        "1102": "the Security log was cleared by {LogFileCleared.SubjectUserName}",
    },
    "EventLog": {
        "6005": "the event log service started",
        "6006": "the event log service stopped",
        "6008": "the last shutdown was unexpected",
    },
    "Service Control Manager": {
        "7034": "service {param1} ended unexpectedly",
        "7036": "service {param1} is now {param2}",
        "7040": "start type of service {param1} changed from {param2} to {param3}",
        "7045": "service {ServiceName} installed: {ImagePath}",
    },
    "Microsoft-Windows-PowerShell": {
        "4100": "PowerShell error: {Payload}",
        "4103": "PowerShell command: {Payload}",
        "4104": "PowerShell script: {ScriptBlockText}",
    },
    "PowerShell": {
        "400": "PowerShell engine started: {2}",
        "600": "PowerShell provider started: {0}",
        "800": "PowerShell pipeline: {0}",
    },
    "Microsoft-Windows-TaskScheduler": {
        "106": "scheduled task {TaskName} registered by {UserContext}",
        "140": "scheduled task {TaskName} changed by {UserName}",
        "141": "scheduled task {TaskName} deleted by {UserName}",
        "200": "scheduled task {TaskName} ran {ActionName}",
    },
    "Microsoft-Windows-TerminalServices-LocalSessionManager": {
        "21": "remote desktop logon of {EventXML.User} from {EventXML.Address}",
        "24": "remote desktop session of {EventXML.User} from {EventXML.Address} disconnected",
        "25": "remote desktop session of {EventXML.User} from {EventXML.Address} taken up again",
    },
    "Microsoft-Windows-TerminalServices-RemoteConnectionManager": {
        "1149": "remote desktop: {EventXML.Param2}\\{EventXML.Param1} authenticated from {EventXML.Param3}",
    },
    "Microsoft-Windows-Bits-Client": {
        "59": "BITS transfer started: {url}",
        "60": "BITS transfer ended: {url}",
    },
    "Microsoft-Windows-ProcessExitMonitor": {
        "3001": "silent exit of {param1} caused by {param2}",
    },
    "Microsoft-Windows-IIS-W3SVC-WP": {"2303": "IIS worker process of {AppPoolID} is told to read its settings again"},
    "MSExchange Control Panel": {
        "4": "Exchange Control Panel: request failed: {1} {0}",
        "47": "Exchange Control Panel: web request started: {0}",
        "48": "Exchange Control Panel: web request finished: {0}",
    },
    "MSExchange Front End HTTP Proxy": {
        "1001": "Exchange front end: application starting: {0}",
        "1002": "Exchange front end: application shutting down: {0}",
    },
    "MSExchange Unified Messaging": {"1423": "Exchange Unified Messaging could not process a message: {0}"},
    "MSExchange Common": {"4999": "Exchange crash report: {4} {5}"},
    "Application Error": {"1000": "program crashed: {0}, module {3}"},
    "Windows Error Reporting": {"1001": "error report: {2} {5}"},
    "ESENT": {
        "216": "database moved: {0} {3}",
        "325": "database created: {0} {4}",
        "327": "database detached: {0} {4}",
    },
    "Microsoft-Windows-Kernel-General": {"1": "system time changed from {OldTime} to {NewTime}"},
}


def subject(provider: str, code: str, named: Mapping[str, str], unnamed: Sequence[str]) -> str:
    """The line for a record; its values are the record's own words, shortened."""
    template = _SUBJECTS.get(provider, {}).get(code)
    if template is None:
        return f"{provider or 'unknown provider'} / {code or 'no event id'}"[:_LONGEST]

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        if name.isdecimal():
            return unnamed[int(name)] if int(name) < len(unnamed) else ""
        return named.get(name, "")

    return " ".join(_SLOT.sub(fill, template).split())[:_LONGEST]
