"""The table of Exchange text logs: control panel activity, cmdlets, EWS, audit queue, mail flow, and any other.

Columns and log types: from samples that responders published; the samples' sources are named in the reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from parsers.exchange import ecp_server
from parsers.exchange.family import Family, Told, address, begin
from parsers.exchange.text import Data

_SAID = {"<": "received", ">": "sent", "*": "note", "+": "connected", "-": "disconnected"}
_BEGIN = "when the request began, as written"


def _activity(told: Told) -> Data:
    found = ecp_server.fill(dict(told)).data
    user = str(found.get("PSA", "")).removeprefix("<PII>").removesuffix("</PII>")
    return {**found, **({"user": user} if user else {})}


def _cmdlet(told: Told) -> Data:
    command = f"{told.get('Cmdlet', '')} {told.get('Parameters', '')}".strip()
    return {"command": command, **begin(told, "StartTime")}


def _smtp(told: Told) -> Data:
    remote = told.get("remote-endpoint", "")
    return {"remote_address": address(remote)} if remote else {}


def _smtp_subject(told: Told) -> str:
    event = told.get("event", "")
    return f"SMTP {_SAID.get(event, event)}: {told.get('data') or told.get('context') or told.get('remote-endpoint')}"


def _tracking_subject(told: Told) -> str:
    whom = f"{told.get('sender-address') or '?'} to {told.get('recipient-address') or '?'}"
    return f"mail {told.get('event-id')} {told.get('source')}: {whom}, {told.get('message-subject')!r}"


class _Named(msgspec.Struct, frozen=True):
    """A parameter of an audited cmdlet."""

    Name: str = ""
    Value: object = ""


class _Audit(msgspec.Struct, frozen=True):
    """What of an audit record's JSON goes into the timeline; the whole text stays in `Data`."""

    CreationTime: str = ""
    UserId: str = ""
    ObjectId: str = ""
    ClientIP: str = ""
    ClientIPAddress: str = ""
    OriginatingServer: str = ""
    Parameters: list[_Named] = []


def _audit(told: Told) -> Data:
    try:
        audit = msgspec.json.decode(told.get("Data", ""), type=_Audit)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return {"json": "broken"}
    parameters = " ".join(f'-{p.Name} "{p.Value}"' for p in audit.Parameters)
    named = {
        "command": f"{told.get('Operation', '')} {parameters}".strip(),
        "creation_local": audit.CreationTime,
        "user": told.get("UserKey") or audit.UserId,
        "object": audit.ObjectId,
        "client": address(audit.ClientIP or audit.ClientIPAddress),
        "originating_server": audit.OriginatingServer,
    }
    return {name: value for name, value in named.items() if value}


ACTIVITY = Family(
    kind="exchange.ecp.activity",
    log_type="ECP Activity Context Log",
    name=r"ECPActivity_\d+_\d{8}-\d+\.log",
    time="TimeStamp",
    means="end",
    act="requested",
    usual=("TimeStamp", "ServerName", "EventId", "EventData"),
    pivots={"user": ("user",), "url": ("URL",)},
    subject=lambda told: f"control panel {told.get('EventId')} {told.get('URL', '')}",
    more=_activity,
    replaced=("EventData",),
    fields={"URL": "the panel's URL", "PSA": "the account", "ActID": "activity id", "user": "PSA without its marks"},
)

CMDLET = Family(
    kind="exchange.cmdletinfra.cmdlet",
    log_type="Cmdlet Logs",
    name=r"[^\\/]*_Cmdlet_\d{8,10}-\d+\.log",
    time="DateTime",
    means="end",
    act="ran",
    usual=(
        "DateTime", "StartTime", "RequestId", "ClientRequestId", "MajorVersion", "MinorVersion", "BuildVersion",
        "RevisionVersion", "ServerHostName", "ProcessId", "ProcessName", "ThreadId", "CultureInfo", "Organization",
        "AuthenticatedUser", "ExecutingUserSid", "EffectiveOrganization", "UserServicePlan", "IsAdmin",
        "ClientApplication", "Cmdlet", "Parameters",
    ),
    pivots={"user": ("AuthenticatedUser", "ExecutingUserSid"), "command": ("command",), "process": ("ProcessName",)},
    subject=lambda told: f"cmdlet {told.get('Cmdlet')} {told.get('Parameters')}",
    more=_cmdlet,
    fields={"command": "Cmdlet and Parameters", "begin": f"StartTime: {_BEGIN}"},
)  # fmt: skip

EWS = Family(
    kind="exchange.ews.request",
    log_type="EWS Logs",
    name=r"Ews_\d{8,10}-\d+\.log",
    time="DateTime",
    means="end",
    act="requested",
    usual=(
        "DateTime", "RequestId", "MajorVersion", "MinorVersion", "BuildVersion", "RevisionVersion", "Ring",
        "ClientRequestId", "AuthenticationType", "IsAuthenticated", "AuthenticatedUser", "Organization", "UserAgent",
        "VersionInfo", "ClientIpAddress", "ServerHostName", "FrontEndServer", "SoapAction", "HttpStatus",
    ),
    pivots={
        "user": ("AuthenticatedUser",), "src_ip": ("ClientIpAddress",), "http_status": ("HttpStatus",),
        "user_agent": ("UserAgent",),
    },
    subject=lambda told: f"EWS {told.get('SoapAction')} {told.get('HttpStatus')} by {told.get('AuthenticatedUser')}",
    more=lambda told: begin(told, "StartTime"),
    fields={"begin": f"StartTime: {_BEGIN}"},
)  # fmt: skip

AUDIT = Family(
    kind="exchange.audit.record",
    log_type="audit",
    name=r"audit\d{8}-\d+\.log",
    time="Timestamp",
    means="written",
    act="ran",
    usual=(
        "Timestamp", "Server", "TenantId", "RecordType", "Data", "UserKey", "RecordId", "Operation", "Workload",
        "ResultStatus",
    ),
    pivots={"user": ("user", "UserKey"), "command": ("command", "Operation"), "src_ip": ("client",)},
    subject=lambda told: f"audited {told.get('command') or told.get('Operation')}",
    more=_audit,
    fields={
        "command": "Operation with its parameters",
        "creation_local": "CreationTime of the JSON: by the server's own clock, not UTC",
        "object": "what was changed",
        "client": "the client's address",
        "originating_server": "OriginatingServer of the JSON",
        "user": "who",
        "json": "`broken` when Data cannot be read as JSON",
    },
)  # fmt: skip

TRACKING = Family(
    kind="exchange.tracking.event",
    log_type="Message Tracking Log",
    name=r"MSGTRK[A-Z]*\d{8,10}-\d+\.log",
    time="date-time",
    means="instant",
    act="sent",
    usual=(
        "date-time", "client-ip", "client-hostname", "server-ip", "server-hostname", "source-context", "connector-id",
        "source", "event-id", "internal-message-id", "message-id", "network-message-id", "recipient-address",
        "recipient-status", "total-bytes", "recipient-count", "related-recipient-address", "reference",
        "message-subject", "sender-address", "return-path", "message-info", "directionality", "tenant-id",
        "original-client-ip", "original-server-ip",
    ),
    pivots={"user": ("sender-address",), "src_ip": ("original-client-ip", "client-ip")},
    subject=_tracking_subject,
)  # fmt: skip

_SMTP = (
    "date-time", "connector-id", "session-id", "sequence-number", "local-endpoint", "remote-endpoint", "event", "data",
    "context",
)  # fmt: skip


def _smtp_family(kind: str, log_type: str, name: str) -> Family:
    return Family(
        kind=kind,
        log_type=log_type,
        name=name + r"\d{8,10}-\d+\.log",
        time="date-time",
        means="instant",
        act="spoke",
        usual=_SMTP,
        pivots={"src_ip": ("remote_address",)},
        subject=_smtp_subject,
        more=_smtp,
        fields={"remote_address": "remote-endpoint without its port"},
    )


RECEIVE = _smtp_family("exchange.smtp.receive", "SMTP Receive Protocol Log", "RECV")
SEND = _smtp_family("exchange.smtp.send", "SMTP Send Protocol Log", "SEND")

AGENT = Family(
    kind="exchange.agent.action",
    log_type="Agent Log",
    name=r"AGENTLOG\d{8,10}-\d+\.log",
    time="Timestamp",
    means="instant",
    act="acted",
    usual=(
        "Timestamp", "SessionId", "LocalEndpoint", "RemoteEndpoint", "EnteredOrgFromIP", "MessageId", "P1FromAddress",
        "P2FromAddresses", "Recipient", "NumRecipients", "Agent", "Event", "Action",
    ),
    pivots={"user": ("P1FromAddress",), "src_ip": ("EnteredOrgFromIP", "remote_address")},
    subject=lambda told: f"transport agent {told.get('Agent')}: {told.get('Action')} at {told.get('Event')}",
    more=lambda told: {"remote_address": address(told["RemoteEndpoint"])} if told.get("RemoteEndpoint") else {},
    fields={"remote_address": "RemoteEndpoint without its port"},
)  # fmt: skip

NAMED = (ACTIVITY, CMDLET, EWS, AUDIT, TRACKING, RECEIVE, SEND, AGENT)


def other(time: str) -> Family:
    """Any other log of the same make, its time in the column of this name."""
    return Family(
        kind="exchange.log.row",
        log_type="",
        name="",
        time=time,
        means="instant",
        act="logged",
        pivots={
            "user": ("AuthenticatedUser", "User", "user"),
            "src_ip": ("ClientIpAddress", "ClientIp", "ClientIP", "client-ip", "client_address"),
            "http_status": ("HttpStatus",), "user_agent": ("UserAgent",), "http_method": ("Method",),
        },
        subject=lambda told: ", ".join(_telling(told)),
        more=_client,
        fields={"client_address": "the client's endpoint (POP3, IMAP, SMTP) without its port"},
    )  # fmt: skip


def _client(told: Told) -> Data:
    endpoint = told.get("cIp") or told.get("remote-endpoint") or told.get("RemoteEndpoint")
    return {"client_address": address(endpoint)} if endpoint else {}


def _telling(told: Mapping[str, str]) -> Iterator[str]:
    """Column by column, what is not empty; the timeline cuts it."""
    return (f"{name}={value}" for name, value in list(told.items())[1:24] if value)
