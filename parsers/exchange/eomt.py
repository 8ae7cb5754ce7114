"""Traces of Microsoft's mitigation tool (EOMT): what a defender ran and when, so that it is not taken for an intruder.

`EOMT.log` has `2021-03-15 14:02:11 INFO: text`, local time, often as UTF-16 (Out-File); `EOMTSummary.txt` is prose
without times. The tool's own source, in CSS-Exchange, tells both forms.
"""

from __future__ import annotations

import re

from parsers import lines
from parsers.leaning import whole
from parsers.linelog import NO_TIME, RAW_LINE, LineLog, Said
from parsers.walltime import local_moment, wall
from shellcase.model import Job, Kind, Parser

KIND = "exchange.eomt.line"
_LINE = re.compile(
    r"((\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d))[ :]+(?:(INFO|WARNING|ERROR|VERBOSE|DEBUG): ?)?(.*)",
    re.ASCII | re.DOTALL,
)
_NAMES = re.compile(r"[\\/]EOMT(?:Summary\.txt|[^\\/]{0,40}\.log)\Z", re.IGNORECASE)
_FIELDS = {
    "stamped": "the whole line, its time included",
    "level": "INFO and others",
    "text": "the line's text",
    **RAW_LINE,
}


def read(text: str, job: Job) -> Said | None:
    """A stamped line, or one of the summary; None for a line that goes on with the one before."""
    if job.source.path.lower().endswith(".txt"):
        return Said(when=NO_TIME, act="mitigated", subject=f"EOMT summary: {text.strip()}", data={"text": text})
    match = _LINE.fullmatch(text)
    reading = wall(*map(int, match.groups()[1:7])) if match else None
    if match is None or reading is None:
        return None
    when = local_moment(reading, match[1], job.host.zone)
    data = {"stamped": text, "level": match[8] or "", "text": match[9]}
    return Said(when=when, act="mitigated", subject=f"EOMT: {match[9].strip()}", data=data)


def recognises(first: bytes, path: str) -> bool:
    """Only by the names the tool gives its files."""
    return bool(first) and _NAMES.search(path) is not None


LOG = LineLog(kind=KIND, read=read)
PARSER = Parser(
    name="exchange.eomt",
    version=1,
    definitions=("ResponderTraces",),
    yields=(Kind(name=KIND, fields=_FIELDS),),
    recognises=recognises,
    context=whole,
    parse=LOG.parse,
    split=lines.split,
    tier=1,
)
