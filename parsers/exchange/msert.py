"""Logs of Microsoft's Safety Scanner (msert.log) and removal tool (mrt.log): what was found, where, and if it is gone.

One run after another: `Started On Tue Mar  9 14:42:37 2021`, lines on each threat with its places, `Finished On …`;
UTF-16 as a rule, times by the server's clock. A line between start and end has the run's start as its time and both
as bounds; the lines it leans on are spans with the role context. The reports of responders who quote it show the form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from parsers import lines
from parsers.account import Account
from parsers.leaning import whole
from parsers.lines import Line
from parsers.walltime import local_moment, month_of, wall
from shellcase.model import Event, Job, Kind, Moment, Origin, Parser, ParserOutput, Span
from shellcase.zones import Zone

KIND = "windows.msert.line"
_STAMP = re.compile(
    r"(Started|Finished) On ([A-Z][a-z]{2} ([A-Z][a-z]{2}) +(\d{1,2}) (\d\d):(\d\d):(\d\d) (\d{4}))", re.ASCII
)
_THREAT = re.compile(r"Threat [Dd]etected: (\S.{0,300}?)(?: and (.{1,60}?)!?)?")
_PLACE = re.compile(r"(?:-> ?)?(file|containerfile|process|regkey|runkey|service|taskscheduler)://?(.+)")
_SHA1 = re.compile(r"SHA1:\s{0,40}([0-9A-Fa-f]{40})")
_MARK = re.compile("Safety Scanner|Malicious Software Removal Tool")
_MOST_RUNS = 10_000
_FIELDS = {
    "text": "the line as written",
    "threat": "name of the threat the line is about",
    "result": "what the tool says became of it",
    "place": "kind of place: file, process, regkey …",
    "sha1": "hash of the file",
}


@dataclass(frozen=True, slots=True)
class _Mark:
    """A line that later ones lean on."""

    span: Span
    when: Moment | None = None
    text: str = ""


@dataclass(slots=True)
class _Run:
    """The run a line lies in, as far as it is known."""

    start: _Mark | None = None
    finish: _Mark | None = None
    threat: _Mark | None = None


def _all_lines(job: Job) -> Iterator[tuple[int, Line]]:
    number = 0
    for block in lines.blocks(job):
        for index in range(len(block)):
            number += 1
            if block.ends[index] > block.starts[index]:
                yield number, block.line(index)


def _stamp(line: Line, zone: Zone | None) -> tuple[str, _Mark] | None:
    """Started or Finished, and its instant."""
    match = _STAMP.search(lines.decode(line.raw[:4096]))
    if match is None:
        return None
    reading = wall(int(match[8]), month_of(match[3]), int(match[4]), int(match[5]), int(match[6]), int(match[7]))
    if reading is None:
        return None
    means = "start" if match[1] == "Started" else "end"
    return match[1], _Mark(_context(line), local_moment(reading, match[2], zone, means=means))


def _context(line: Line) -> Span:
    return Span(line.offset, line.length, "context")


def _finishes(job: Job) -> list[_Mark | None]:
    """For each start in the file the end of its run, None where another start comes first."""
    found: list[_Mark | None] = []
    for _, line in _all_lines(job):
        stamp = _stamp(line, job.host.zone) if b" On " in line.raw else None
        if stamp and stamp[0] == "Started" and len(found) < _MOST_RUNS:
            found.append(None)
        elif stamp and stamp[0] == "Finished" and found and found[-1] is None:
            found[-1] = stamp[1]
    return found


def parse(job: Job) -> Iterator[ParserOutput]:
    """One event for every line that is not empty, and the ledger."""
    account, run = Account(bytes_seen=job.source.size), _Run()
    finishes = iter(_finishes(job))
    for number, line in _all_lines(job):
        account.found += 1
        account.parsed += 1
        stamp = _stamp(line, job.host.zone)
        if stamp and stamp[0] == "Started":
            run = _Run(stamp[1], next(finishes, None))
        event = _event(line, number, run, stamp[1].when if stamp else None, job.source.state)
        account.saw(event.when.ns)
        yield event
    yield account.close()


def _event(line: Line, number: int, run: _Run, own: Moment | None, state: str) -> Event:
    text = lines.decode(line.raw)
    threat, place, sha1 = (pattern.fullmatch(text.strip()[:4096]) for pattern in (_THREAT, _PLACE, _SHA1))
    if threat:
        run.threat = _Mark(_context(line), None, threat[1])
    about = run.threat.text if run.threat and (threat or place or sha1) else ""
    data = {
        "text": text,
        "threat": about,
        "result": (threat[2] or "") if threat else "",
        "place": place[1] if place else "",
        "sha1": sha1[1] if sha1 else "",
    }
    subject = (
        f"Safety Scanner: {about}{' in ' + place[2] if place else ''}" if about else f"Safety Scanner: {text.strip()}"
    )
    return Event(
        when=own or _within(run),
        act="found" if about else "scanned",
        kind=KIND,
        subject=subject[:300],
        origin=Origin((Span(line.offset, line.length), *_leans_on(line, run, own, about)), f"line {number}", state),
        data={name: value for name, value in data.items() if value},
        file_path=place[2] if place and place[1] in {"file", "containerfile"} else None,
    )


def _leans_on(line: Line, run: _Run, own: Moment | None, about: str) -> Iterator[Span]:
    """The lines whose words the event repeats."""
    marks = [] if own else [run.start, run.finish]
    marks += [run.threat] if about else []
    return (m.span for m in marks if m and m.span.offset != line.offset)


def _within(run: _Run) -> Moment:
    """Some time in the run: its start, with start and end as bounds."""
    start = run.start.when if run.start else None
    if start is None:
        return Moment(None, 0, "", "")
    end = run.finish.when if run.finish else None
    high = (end.high or end.ns) if end else None
    return Moment(start.ns, start.resolution_ns, start.text, start.zone, "bucket", start.low or start.ns, high)


def recognises(first: bytes, path: str) -> bool:
    """The tool's own name near the start, in UTF-16 or not."""
    wide = first[:2] in lines.UTF16_MARKS
    head = first.decode("utf-16" if wide else "latin-1", "replace")
    return (
        _MARK.search(head) is not None
        and re.search(r"[\\/](?:msert|mrt)[^\\/]*\.log$", path, re.IGNORECASE) is not None
    )


PARSER = Parser(
    name="windows.msert",
    version=1,
    definitions=("ResponderTraces",),
    yields=(Kind(name=KIND, fields=_FIELDS),),
    recognises=recognises,
    context=whole,
    parse=parse,
    tier=1,
)
