"""IIS access logs in the NCSA common format: one event for every line.

`host ident user [07/Apr/2004:17:39:04 -0800] "GET /path HTTP/1.0" 200 3401`, as RFC-less practice has it since NCSA
httpd; IIS writes it when a site asks for it (`logFormat="NCSA"`). The offset in the line makes the time UTC. A line
with a referrer and an agent behind (the combined format) is read as well. What a client sends is not escaped: the
first date in brackets and the last quote are taken as the line's own.
"""

from __future__ import annotations

import re

from parsers import lines
from parsers.iis.w3c import site_of
from parsers.linelog import RAW_LINE, LineLog, Said
from parsers.walltime import month_of, wall, wall_ns
from shellcase.model import Job, Kind, Moment, Parser

KIND = "iis.ncsa.request"
_DATE = re.compile(r" \[((\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)([0-5]\d))\] ", re.ASCII)
_WHO = re.compile(r"(\S+) (\S+) (.+)")
_TAIL = re.compile(r"(\d{1,5}|-) (\d{1,20}|-)", re.ASCII)
_EXTRA = re.compile(r' "([^"]*)" "([^"]*)"\Z')
_HEAD = re.compile(
    rb'^\S{1,255} \S{1,255} [^\r\n\[]{1,255}\[\d\d/[A-Z][a-z]{2}/\d{4}(?::\d\d){3} [+-]\d{4}\] "', re.MULTILINE
)
_FIELDS = {
    "c-ip": "the client's address or name",
    "ident": "the client's word on its user (RFC 1413), nearly always `-`",
    "user": "the authenticated user",
    "request": "the request line as the client sent it",
    "status": "the answer's status",
    "bytes": "bytes of the answer",
    "referer": "where the client says it came from",
    "user_agent": "what the client says it is",
    "site": "the site's log folder, W3SVC1; absent when the path has none",
    **RAW_LINE,
}


def _instant(match: re.Match[str]) -> Moment | None:
    _, day, month, year, hour, minute, second, sign, east, rest = match.groups()
    reading = wall(int(year), month_of(month), int(day), int(hour), int(minute), int(second))
    if reading is None:
        return None
    offset = (int(east) * 60 + int(rest)) * 60 * 10**9
    ns = wall_ns(reading) - (offset if sign == "+" else -offset)
    return Moment(ns, 10**9, match[1], "offset in the line", "end")


def read(text: str, job: Job) -> Said | None:
    """One line; None when it is none of this format."""
    date = _DATE.search(text)
    who = _WHO.fullmatch(text[: date.start()]) if date else None
    when = _instant(date) if date else None
    answer = _answer(text[date.end() :]) if date else None
    if who is None or when is None or answer is None:
        return None
    data = {"c-ip": who[1], "ident": who[2], "user": who[3], **answer}
    site = site_of(job.source.path)
    method, _, rest = data["request"].partition(" ")
    url = rest.rpartition(" HTTP/")[0] or rest
    pivots = {
        "src_ip": _given(who[1]),
        "user": _given(who[3]),
        "url": url,
        "http_method": method,
        "http_status": int(data["status"]) if data["status"] != "-" else None,
        "user_agent": _given(data.get("user_agent", "-")),
    }
    subject = f"{method} {url} {data['status']}"
    return Said(
        when=when, act="requested", subject=subject, data={**data, **({"site": site} if site else {})}, pivots=pivots
    )


def _given(text: str) -> str:
    return "" if text == "-" else text


def _answer(tail: str) -> dict[str, str] | None:
    """`"request" status bytes`, with referrer and agent in the combined format."""
    extra = _EXTRA.search(tail) if tail.endswith('"') else None
    request, quote, numbers = (tail[: extra.start()] if extra else tail).rpartition('" ')
    match = _TAIL.fullmatch(numbers)
    if not quote or match is None or not request.startswith('"'):
        return None
    found = {"request": request[1:], "status": match[1], "bytes": match[2]}
    return {**found, "referer": extra[1], "user_agent": extra[2]} if extra else found


def recognises(first: bytes, path: str) -> bool:
    """A line of this form near the start, or the name IIS gives such logs."""
    if _HEAD.search(first):
        return True
    return (
        not first.startswith(b"#")
        and re.search(r"[\\/](?:u_)?nc(?:sa)?\d{4,10}[^\\/]*\.log$", path, re.IGNORECASE) is not None
    )


LOG = LineLog(
    kind=KIND,
    read=read,
    pivots=("user", "src_ip", "url", "http_method", "http_status", "user_agent"),
    expected='host ident user [date offset] "request" status bytes',
)
PARSER = Parser(
    name="iis.ncsa",
    version=1,
    definitions=("IisLogs",),
    yields=(Kind(name=KIND, fields=_FIELDS),),
    recognises=recognises,
    parse=LOG.parse,
    split=lines.split,
    tier=1,
)
