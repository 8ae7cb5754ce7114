"""ExchangeSetup.log: installations and updates, line by line; steps, versions, who ran them, the scripts they ran.

`[03/02/2021 19:08:11.0345] [1] text`, month first; the last four digits are milliseconds with a zero before. Setup
writes UTC and names the server's zone in a line of its own; no real file was at hand to confirm that, so every time
carries both readings as bounds where the zone is known. Lines that follow without a stamp (stack traces, scripts) are
events of their own without a time.
"""

from __future__ import annotations

import re

from parsers import lines
from parsers.linelog import RAW_LINE, LineLog, Said
from parsers.walltime import local_moment, wall, wall_ns
from shellcase.model import Job, Kind, Moment, Parser

KIND = "exchange.setup.step"
_LINE = re.compile(
    r"\[((\d\d)[/.-](\d\d)[/.-](\d{4}) (\d\d)[:.](\d\d)[:.](\d\d)\.(\d{4}))\] \[(\d{1,3})\] (.*)", re.ASCII | re.DOTALL
)
"""Month, day, year in every region; what stands between them is the region's own."""
_HEAD = re.compile(rb"^\[\d\d[/.-]\d\d[/.-]\d{4} (?:\d\d[:.]){2}\d\d\.\d{4}\] \[\d{1,3}\] ", re.MULTILINE)
_USER = re.compile(r"Logged on user: (\S.*?)\.?")
_SCRIPT = re.compile(r"(?:Executing|Running(?: command)?): ?(.+)", re.DOTALL | re.IGNORECASE)
_VERSION = re.compile(r"Setup version: ([0-9.]{3,40}[0-9])\.?", re.ASCII)
_FIELDS = {
    "level": "how deep the step lies, as written",
    "text": "the line's text",
    "version": "the version that is installed, from the line that says so",
    **RAW_LINE,
}


def _moment(match: re.Match[str], job: Job) -> Moment | None:
    text, month, day, year, hour, minute, second, rest = match.groups()[:8]
    reading = wall(int(year), int(month), int(day), int(hour), int(minute), int(second))
    if reading is None:
        return None
    extra = int(rest) * (10**6 if rest.startswith("0") else 10**5)
    ns = wall_ns(reading) + extra
    local = local_moment(reading, text, job.host.zone, extra_ns=extra)
    readings = [n for n in (ns, local.ns, local.low, local.high) if n is not None]
    return Moment(
        ns, 10**6, text, "UTC as Exchange setup writes it; bounds if local", "instant", min(readings), max(readings)
    )


def read(text: str, job: Job) -> Said | None:
    """One line; None for one without a stamp."""
    match = _LINE.fullmatch(text)
    when = _moment(match, job) if match else None
    if match is None or when is None:
        return None
    told = match[10]
    bare = told.strip()
    user, version = _USER.fullmatch(bare[:512]), _VERSION.fullmatch(bare[:512])
    script = _SCRIPT.fullmatch(bare)
    data = {"level": match[9], "text": told, **({"version": version[1]} if version else {})}
    pivots = {"user": user[1] if user else None, "command": script[1] if script else None}
    return Said(when=when, act="installed", subject=f"Exchange setup: {bare}", data=data, pivots=pivots)


def recognises(first: bytes, path: str) -> bool:
    """A stamped line near the start, or the file's name."""
    return _HEAD.search(first) is not None or path.lower().endswith(("\\exchangesetup.log", "/exchangesetup.log"))


LOG = LineLog(kind=KIND, read=read, pivots=("user", "command"))
PARSER = Parser(
    name="exchange.setup",
    version=1,
    definitions=("ExchangeSetupLogs",),
    yields=(Kind(name=KIND, fields=_FIELDS),),
    recognises=recognises,
    parse=LOG.parse,
    split=lines.split,
    tier=1,
)
