"""IIS access logs in the W3C extended format: one event for every line, whatever a client put into it.

Fields are taken by the names in `#Fields:`, which may change inside a file. Times are UTC by the format and lie near
the end of the request, whole seconds. Plain lines go through Arrow columns, all others one by one; what fits no
grammar is kept as raw text. The format: Extended Log File Format, W3C working draft, and what IIS 6 to 10 write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO

import numpy as np

from parsers import lines, prefix
from parsers.account import Account
from parsers.columns import FEW, portions
from parsers.iis.midnight import COUNTED, Day, changes, dateless
from parsers.iis.plain import batch_of, cut_plain, possible
from parsers.iis.row import DEFAULT, ZONE_DAY, IisRow, Names, assumed_row, is_plain, raw_row, read_row
from parsers.leaning import text_headers
from parsers.lines import Block, Bools
from parsers.rows import ROWS_PER_BATCH, Rows
from parsers.weave import Odd, added
from shellcase.model import Issue, Job, Kind, Parser, ParserOutput, Source, Span

KIND = "iis.request"
MOST_FIELDS = 256
_SITE = re.compile(r"[\\/]((?:W3SVC|FTPSVC|SMTPSVC)\d+)[\\/]", re.IGNORECASE | re.ASCII)

_FIELDS: Mapping[str, str] = {
    "*": "every field of the line under the name its #Fields header gives, as written, `-` kept",
    "site": "the site's log folder, W3SVC1; absent when the path has none",
    "cafeReqId": "the front end's request id out of cs-uri-query; equals RequestId of the HttpProxy log",
    "repaired": "true when spaces inside fields were put back by the forms of the other fields",
    "columns": "`assumed` when no header stands before the line: it fits the fields IIS logs by default",
    "raw": "the whole line when it fits no grammar",
}


@dataclass(slots=True)
class Headers:
    """What the `#` lines so far say: the names of the fields and the day for lines without a date."""

    fields: tuple[str, ...] = ()
    day: Day = field(default_factory=Day)
    site: str = ""
    issues: list[Issue] = field(default_factory=list)

    def take(self, line: lines.Line) -> None:
        """Read one `#` line."""
        name, _, rest = lines.decode(line.raw).partition(":")
        if name == "#Fields":
            self._take_fields(tuple(rest.split()), line)
        elif name == "#Date":
            self.day.take(rest)

    def _take_fields(self, fields: tuple[str, ...], line: lines.Line) -> None:
        if len(fields) > MOST_FIELDS or len(set(fields)) != len(fields):
            found = f"{len(fields)} names, {len(set(fields))} different"
            self.issues.append(
                Issue(grade="odd", what="header with impossible fields", offset=line.offset, found=found)
            )
            fields = ()
        self.fields = fields

    def now(self) -> Names:
        """What holds for the next line."""
        counted = self.day.counted != 0 and dateless(self.fields)
        return Names(self.fields, self.day.text, self.site, COUNTED if counted else ZONE_DAY)


@dataclass(frozen=True, slots=True)
class Flavour:
    """A log in this format: its kind, how rows are told when no header stands before them, whether it is large."""

    kind: str
    act: str
    default: tuple[str, ...]
    plain: bool


@dataclass(frozen=True, slots=True)
class _Run:
    """What reading a run of lines needs: names, which lines of the block are records, lines before the block."""

    names: Names
    records: Bools
    number: int
    account: Account


REQUESTS = Flavour(KIND, "requested", DEFAULT, plain=True)


def site_of(path: str) -> str:
    """The folder of a site's logs, in capitals: W3SVC1; empty when the path has none."""
    match = _SITE.search(path)
    return match[1].upper() if match else ""


def parse(job: Job) -> Iterator[ParserOutput]:
    """One `iis.request` for every line that is neither empty nor a header."""
    yield from read_log(job, REQUESTS)


def read_log(job: Job, flavour: Flavour) -> Iterator[ParserOutput]:
    """One event for every line that is neither empty nor a header, an issue for every strange one, one ledger."""
    account = Account()
    state = Headers(site=site_of(job.source.path))
    none: tuple[lines.Line, ...] = ()
    number, before = prefix.before(job, (b"#Fields:", b"#Date:"), _last, none)
    for line in before:
        state.take(line)
    if dateless(state.fields):
        state = _counted_up_to(job, state.site)
    state.issues.clear()  # the part that holds the header tells what is wrong with it
    for block in lines.blocks(job):
        account.bytes_seen += block.taken
        records = block.records()
        account.found += int(records.sum())
        for low, high, names in _parts(block, records, state):
            yield from _read_part(flavour, block, low, high, _Run(names, records, number, account))
        yield from state.issues
        state.issues.clear()
        number += block.ends_of_line
    yield account.close()


def _last(known: tuple[lines.Line, ...], line: lines.Line, _stream: BinaryIO) -> tuple[lines.Line, ...]:
    """The last line of each kind of header."""
    return (*(k for k in known if k.raw[:5] != line.raw[:5]), line)


def _counted_up_to(job: Job, site: str) -> Headers:
    """What holds where the job's span begins, when the days must be counted from line to line."""
    state, end = Headers(site=site), job.span.offset if job.span else 0
    for block in lines.blocks(replace(job, span=Span(0, end))) if end else ():
        for _part in _parts(block, block.records(), state):
            state.issues.clear()
    return state


def _parts(block: Block, records: Bools, state: Headers) -> Iterator[tuple[int, int, Names]]:
    """The lines of a block in runs under one header, and of one day, that hold records."""
    start, before = 0, np.concatenate((np.zeros(1, np.int64), np.cumsum(records)))
    heads = [*np.flatnonzero(block.headers()).tolist(), len(block)]
    for head in heads:
        now = state.now()
        if dateless(state.fields):
            for change, after in _days(block, records, (start, head), state):
                if before[change] > before[start]:
                    yield start, change, now
                start, now = change, after
        if head < len(block):
            state.take(block.line(head))
        if state.now() != now or head == len(block):
            if before[head] > before[start]:
                yield start, head, now
            start = head


def _days(block: Block, records: Bools, run: tuple[int, int], state: Headers) -> Iterator[tuple[int, Names]]:
    """The lines of a run with which another day begins, and what holds from there on."""
    numbers = (np.flatnonzero(records[run[0] : run[1]]) + run[0]).tolist()
    for number, issue in changes(block, numbers, state.fields.index("time"), state.day):
        state.issues.append(issue)
        yield number, state.now()


def headers_and_days(source: Source, offset: int) -> Sequence[Span]:
    """The headers; and where the days are counted, the lines they are counted from."""
    state = Headers()
    for block in lines.blocks(Job(source=source)):
        for line in map(block.line, np.flatnonzero(block.headers()).tolist()):
            if line.offset < offset:
                state.take(line)
        if block.offset + block.taken > offset:
            break
    counted = (Span(0, offset, "context"),) if dateless(state.fields) else ()
    return (*counted, *text_headers(source, offset))


def _read_part(flavour: Flavour, block: Block, low: int, high: int, run: _Run) -> Iterator[ParserOutput]:
    """A run of lines, by columns where there are enough of them."""
    names, records, account = run.names, run.records, run.account
    if not (flavour.plain and possible(names.fields) and high - low >= FEW):
        yield from _read_lines(flavour, block, (np.flatnonzero(records[low:high]) + low).tolist(), run)
        return
    for start, end in portions(block, low, high, added(names.fields)):
        sheet, ns = cut_plain(block, start, end, records, names)
        left = records[start:end].copy()
        left[sheet.index - start] = False
        others = (np.flatnonzero(left) + start).tolist()
        if not len(sheet):
            yield from _read_lines(flavour, block, others, run)
            continue
        odd = Odd(IisRow.columns())
        for index in others:
            yield from _read_line(flavour, block, index, run, odd)
        account.parsed += len(sheet)
        account.saw(int(ns.min()), int(ns.max()))
        yield batch_of(block, sheet, ns, odd, names, run.number)


def _read_lines(flavour: Flavour, block: Block, indices: Sequence[int], run: _Run) -> Iterator[ParserOutput]:
    """Lines one by one."""
    constant = {"kind": flavour.kind, "act": flavour.act, "ts_means": "end"}
    rows = Rows(IisRow.columns(), constant)
    for index in indices:
        odd = Odd(IisRow.columns())
        yield from _read_line(flavour, block, index, run, odd)
        rows.add(odd.rows[0])
        if len(rows) >= ROWS_PER_BATCH:
            yield from rows.flush()
    yield from rows.flush()


def _read_line(flavour: Flavour, block: Block, index: int, run: _Run, odd: Odd) -> Iterator[Issue]:
    line, names = block.line(index), run.names
    row = read_row(line, names, plain=flavour.plain and possible(names.fields) and is_plain(line))
    if row is None:
        row = None if names.fields else assumed_row(line, names.site, flavour.default)
        run.account.raw_lines += row is None
        row = row or raw_row(line, names.site)
        yield _odd(line, names)
    odd.add(index, row.cells(run.number + index + 1))
    run.account.parsed += 1
    run.account.saw(row.ns)


def _odd(line: lines.Line, names: Names) -> Issue:
    found = line.raw.count(b" ") + 1
    return Issue(
        grade="odd",
        what="line fits no grammar, kept as raw text" if names.fields else "line without a header before it",
        offset=line.offset,
        length=line.length,
        expected=f"{len(names.fields)} fields" if names.fields else "a #Fields header before it",
        found=f"{found} words",
    )


def recognises(first: bytes, path: str) -> bool:
    """A W3C header near the start, or the name IIS gives such logs."""
    head = first.removeprefix(lines.UTF8_MARK)
    if re.search(rb"^#Fields:[^\n]*\bs-reason\b", head, re.MULTILINE):
        return False  # a log of the kernel's own errors
    if head.startswith(b"#"):
        named = re.search(rb"^#Fields:[^\n]*\b(?:cs-uri-stem|cs-method|c-ip)\b", head, re.MULTILINE)
        return named is not None or head.startswith(b"#Software: Microsoft Internet Information Services")
    return re.search(r"[\\/]u_ex\d{4,10}[^\\/]*\.log$", path, re.IGNORECASE) is not None


PARSER = Parser(
    name="iis.w3c",
    version=1,
    definitions=("IisLogs",),
    yields=(Kind(name=KIND, fields=_FIELDS),),
    recognises=recognises,
    context=headers_and_days,
    parse=parse,
    split=lines.split,
    tier=1,
)
