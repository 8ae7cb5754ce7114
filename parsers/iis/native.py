"""IIS access logs in Microsoft's own comma-separated format (`logFormat="IIS"`): one event for every line.

Fifteen fields, each followed by a comma and a space: client, user, date, time, service, server, its address,
milliseconds, bytes received, bytes sent, status, Windows status, method, target, parameters. Date (month first) and
time are by the server's clock. Commas are not escaped, so all that is too much belongs to the target.
"""

from __future__ import annotations

import re

from parsers import lines
from parsers.iis.w3c import site_of
from parsers.linelog import RAW_LINE, LineLog, Said
from parsers.walltime import local_moment, wall
from shellcase.model import Job, Kind, Moment, Parser

KIND = "iis.native.request"
_NAMES = (
    "c-ip", "user", "date", "time", "service", "server", "s-ip", "time-taken", "bytes-received", "bytes-sent",
    "status", "win32-status", "method",
)  # fmt: skip
_NUMBERS = re.compile(r"\d{1,20}|-", re.ASCII)
_STATUS = re.compile(r"\d{1,5}", re.ASCII)
_WHEN = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d\d) (\d{1,2}):(\d\d):(\d\d)", re.ASCII)
_HEAD = re.compile(
    rb"^[^\s,]{1,255}, [^,\r\n]{1,255}, \d{1,2}/\d{1,2}/\d{2,4}, \d{1,2}:\d\d:\d\d, [A-Za-z0-9]{1,26}, ",
    re.MULTILINE,
)
_FIELDS = {
    "c-ip": "the client's address",
    "user": "the authenticated user",
    "date": "by the server's clock, month first",
    "time": "by the server's clock",
    "service": "service and instance, W3SVC1",
    "server": "the server's name",
    "s-ip": "the server's address",
    "time-taken": "milliseconds",
    "bytes-received": "bytes of the request",
    "bytes-sent": "bytes of the answer",
    "status": "the answer's status",
    "win32-status": "the status in terms of Windows",
    "method": "the request's method",
    "target": "what was asked for",
    "parameters": "what was sent with it",
    "site": "the site's log folder; absent when the path has none",
    **RAW_LINE,
}


def _moment(data: dict[str, str], job: Job) -> Moment | None:
    text = f"{data['date']} {data['time']}"
    match = _WHEN.fullmatch(text)
    if match is None:
        return None
    month, day, year, hour, minute, second = map(int, match.groups())
    century = 0 if len(match[3]) == 4 else 1900 if year >= 80 else 2000
    reading = wall(year + century, month, day, hour, minute, second)
    return local_moment(reading, text, job.host.zone, means="end") if reading else None


def read(text: str, job: Job) -> Said | None:
    """One line; None when it is none of this format."""
    values = text.removesuffix(" ").split(", ", len(_NAMES))
    if len(values) != len(_NAMES) + 1 or not values[-1].endswith(","):
        return None
    target, comma, parameters = values[-1][:-1].rpartition(", ")
    data = dict(zip(_NAMES, values, strict=False)) | {"target": target, "parameters": parameters}
    when = _moment(data, job)
    if when is None or not comma or not all(_NUMBERS.fullmatch(data[name]) for name in _NAMES[7:12]):
        return None
    status = int(data["status"]) if _STATUS.fullmatch(data["status"]) else None
    pivots = {
        "src_ip": data["c-ip"],
        "user": "" if data["user"] == "-" else data["user"],
        "url": target if parameters == "-" else f"{target}?{parameters}",
        "http_method": data["method"],
        "http_status": status,
    }
    site = site_of(job.source.path)
    subject = f"{data['method']} {target} {data['status']}"
    return Said(
        when=when, act="requested", subject=subject, data=data | ({"site": site} if site else {}), pivots=pivots
    )


def recognises(first: bytes, path: str) -> bool:
    """A line of this form near the start, or the name IIS gives such logs."""
    if _HEAD.search(first):
        return True
    return (
        not first.startswith(b"#")
        and re.search(r"[\\/](?:u_)?in(?:etsv)?\d{2,10}[^\\/]*\.log$", path, re.IGNORECASE) is not None
    )


LOG = LineLog(
    kind=KIND,
    read=read,
    pivots=("user", "src_ip", "url", "http_method", "http_status"),
    expected="fifteen fields, each with a comma behind it",
)
PARSER = Parser(
    name="iis.native",
    version=1,
    definitions=("IisLogs",),
    yields=(Kind(name=KIND, fields=_FIELDS),),
    recognises=recognises,
    parse=LOG.parse,
    split=lines.split,
    tier=1,
)
