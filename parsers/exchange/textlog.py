"""Text logs of Exchange with `#Software`, `#Log-type` and `#Fields`: one event for every row, by their family.

HttpProxy, the control panel's server log and the OAB generator have parsers of their own. Every other log of this
make is read here: the families of `families.NAMED`, and any unknown one as `exchange.log.row`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from parsers.exchange import ecp_server, httpproxy, oabgenerator
from parsers.exchange.families import NAMED, other
from parsers.exchange.family import Family
from parsers.leaning import text_headers
from parsers.lines import UTF8_MARK, decode
from shellcase.model import Job, Parser, ParserOutput

_HEAD = 4096
_TYPE = re.compile(rb"^#Log-type:[ \t]*([^\r\n]*)", re.MULTILINE | re.IGNORECASE)
_NAMES = re.compile(rb"^#Fields:[ \t]*([^\r\n]*)", re.MULTILINE | re.IGNORECASE)
_MAKER = re.compile(rb"^#Software:[ \t]*Microsoft Exchange", re.MULTILINE | re.IGNORECASE)
_BARE = re.compile(rb"((?:date|time|timestamp|date-?time)(?:,[A-Za-z][\w. -]{0,63}){2,511})\r?\n", re.IGNORECASE)
_FOLDER = re.compile(r"[\\/](?:Logging|Logs)[\\/].*\.log\Z", re.IGNORECASE | re.DOTALL)
_TIME = re.compile(r"date|time", re.IGNORECASE)
_OTHERS = (httpproxy, ecp_server, oabgenerator)


def family_of(first: bytes, path: str) -> Family | None:
    """Which log it is: by its log type, then by its name, then any log of this make; None when it is none."""
    head = first.removeprefix(UTF8_MARK)
    if any(module.recognises(head, path) for module in _OTHERS):
        return None
    marked = _TYPE.search(head)
    if marked:
        told = decode(marked[1]).strip().lower()
        named = next((f for f in NAMED if told == f.log_type.lower() or told.endswith(" " + f.log_type.lower())), None)
        return named or other(_time_column(head))
    name = re.split(r"[\\/]", path)[-1]
    named = next((f for f in NAMED if re.fullmatch(f.name, name, re.IGNORECASE)), None)
    known = _MAKER.search(head) or (_BARE.match(head) and _FOLDER.search(path))
    return named or (other(_time_column(head)) if known else None)


def _time_column(head: bytes) -> str:
    """The first column whose name speaks of a time, else the first of all."""
    match = _NAMES.search(head) or _BARE.match(head)
    names = decode(match[1]).strip().split(",") if match else ["date-time"]
    return next(filter(_TIME.search, names), names[0]) or "date-time"


def recognises(first: bytes, path: str) -> bool:
    """The log type in the header, or the name Exchange gives such logs."""
    return family_of(first, path) is not None


def parse(job: Job) -> Iterator[ParserOutput]:
    """One event for every row, an issue for every strange one, one ledger."""
    with job.source.open() as stream:
        first = stream.read(_HEAD)
    family = family_of(first, job.source.path) or other(_time_column(first))
    yield from family.log().parse(job)


PARSER = Parser(
    name="exchange.textlog",
    version=1,
    definitions=(
        "ExchangeEcpActivityLogs", "ExchangeEcpServerLogs", "ExchangeHttpProxyLogs", "ExchangeOabGeneratorLogs",
        "ExchangeOtherLogs", "ExchangeTransportLogs",
    ),
    yields=(*(family.declared() for family in NAMED), other("date-time").declared()),
    recognises=recognises,
    context=text_headers,
    parse=parse,
    split=other("date-time").log().split,
    tier=1,
)  # fmt: skip
