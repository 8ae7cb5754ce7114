"""Exchange Control Panel, server log: one event for every cmdlet the panel ran.

Columns `TimeStamp,ServerName,EventId,EventData`; UTC, milliseconds. EventData is `S:KEY=value;S:KEY=value…`. An item
whose value has special characters is wrapped whole in single quotes, inner single quotes doubled:
`'S:CMD=Set-OabVirtualDirectory.ExternalUrl=''http://f/…'''`. Several cmdlets of one request follow each other after
`Pipeline.1|`. CSV quoting lies outside of all this and is undone first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from parsers.exchange.text import RAW_FIELDS, Data, Filled, TextLog
from parsers.leaning import text_headers
from parsers.lines import UTF8_MARK
from shellcase.model import Kind, Parser

KIND = "exchange.ecp.command"
_FIELDS: Mapping[str, str] = {
    "*": "every column under its header's name and every item of EventData under its key without `S:`",
    "ServerName": "the server",
    "EventId": "ECP.Request and others",
    "CMD": "the cmdlets with their parameters",
    "URL": "the panel's URL",
    "SID": "session id",
    "REQID": "request id",
    "REFERRER": "referring page",
    "EX": "error",
    "ACTID": "activity id",
    "TIME": "milliseconds",
    "canary": "msExchEcpCanary out of the URL",
    "EventData": "the whole text, only when it does not have that form",
    **RAW_FIELDS,
}
_CANARY = re.compile(r"msExchEcpCanary=([^&\s'\";]+)", re.IGNORECASE)
_QUOTED = re.compile(r"'((?:[^']|'')*)'(?=;|\Z)", re.DOTALL)
_NEXT = re.compile(r";(?='?[A-Za-z0-9]{1,8}:)")
_ITEM = re.compile(r"([A-Za-z0-9]{1,8}):([^=]+)=(.*)", re.DOTALL)


def items(text: str) -> Iterator[tuple[str, str]]:
    """(key, value) of each item of an EventData text; pieces that are no items have an empty key."""
    at = 0
    while at < len(text):
        quoted = _QUOTED.match(text, at)
        if quoted:
            piece, end = quoted[1].replace("''", "'"), quoted.end()
        else:
            mark = _NEXT.search(text, at)
            end = mark.start() if mark else len(text)
            piece = text[at:end]
        at = end + 1
        match = _ITEM.fullmatch(piece)
        if match:
            yield (match[2] if match[1] == "S" else f"{match[1]}:{match[2]}"), match[3]
        elif piece:
            yield "", piece


def fill(data: Data) -> Filled:
    """Every item of EventData under its own key; the commands and the URL for the timeline."""
    named = {name: value for name, value in data.items() if name not in {"EventData", "TimeStamp"}}
    pairs = list(items(str(data.get("EventData", ""))))
    if any(not key for key, _ in pairs):
        named["EventData"] = data["EventData"]
    for key, value in pairs:
        _put(named, key, value)
    match = _CANARY.search(str(named.get("URL", "")))
    if match:
        named["canary"] = match[1]
    command, event = str(named.get("CMD", "")), str(data.get("EventId", ""))
    subject = f"{event} {command or named.get('URL', '')}"
    pivots = {"command": command, "url": str(named.get("URL", ""))}
    return Filled(subject=subject, pivots=pivots, data=named)


def _put(named: Data, key: str, value: str) -> None:
    """Keep a key that comes again under `KEY#n`; the first one keeps the plain name."""
    if key and key not in named:
        named[key] = value
    elif key:
        named[f"{key}#{len(named)}"] = value


def recognises(first: bytes, path: str) -> bool:
    """The log type in the header, or the name Exchange gives such logs."""
    head = first.removeprefix(UTF8_MARK)
    if b"#Log-type: ECP Server Log" in head:
        return True
    return re.search(r"[\\/]ECPServer\d{8}-\d+\.LOG$", path, re.IGNORECASE) is not None


LOG = TextLog(
    kind=KIND,
    act="ran",
    means="end",
    time="TimeStamp",
    bare=b"TimeStamp,",
    pivots=("command", "url"),
    fill=fill,
    usual=("TimeStamp", "ServerName", "EventId", "EventData"),
)
PARSER = Parser(
    name="exchange.ecp",
    version=1,
    definitions=("ExchangeEcpServerLogs", "ExchangeOtherLogs"),
    yields=(Kind(name=KIND, fields=_FIELDS),),
    recognises=recognises,
    context=text_headers,
    parse=LOG.parse,
    split=LOG.split,
    tier=0,
)
