"""IIS access logs in the W3C extended format: one event for every line, whatever a client put into it.

Fields are taken by the names in `#Fields:`, which may change inside a file. Times are UTC by the format and lie near
the end of the request, whole seconds. Plain lines go through Arrow columns, all others one by one; what fits no
grammar is kept as raw text. The format: Extended Log File Format, W3C working draft, and what IIS 6 to 10 write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np

from parsers import lines, prefix
from parsers.account import Account
from parsers.iis.plain import plain_batch
from parsers.iis.row import DEFAULT, IisRow, assumed_row, raw_row, read_row
from parsers.leaning import text_headers
from parsers.lines import Block, Bools
from parsers.rows import ROWS_PER_BATCH, Rows
from shellcase.model import Issue, Job, Kind, Parser, ParserOutput

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
    day: str = ""
    site: str = ""
    issues: list[Issue] = field(default_factory=list)

    def take(self, line: lines.Line) -> None:
        """Read one `#` line."""
        name, _, rest = lines.decode(line.raw).partition(":")
        if name == "#Fields":
            self._take_fields(tuple(rest.split()), line)
        elif name == "#Date":
            self.day = rest.strip()[:10]

    def _take_fields(self, fields: tuple[str, ...], line: lines.Line) -> None:
        if len(fields) > MOST_FIELDS or len(set(fields)) != len(fields):
            found = f"{len(fields)} names, {len(set(fields))} different"
            self.issues.append(
                Issue(grade="odd", what="header with impossible fields", offset=line.offset, found=found)
            )
            fields = ()
        self.fields = fields


@dataclass(frozen=True, slots=True)
class Flavour:
    """A log in this format: its kind, how rows are told when no header stands before them, whether it is large."""

    kind: str
    act: str
    default: tuple[str, ...]
    plain: bool


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
    state.issues.clear()  # the part that holds the header tells what is wrong with it
    for block in lines.blocks(job):
        account.bytes_seen += len(block.raw)
        account.found += int(block.records().sum())
        for part, names in _parts(block, state):
            yield from _read_part(flavour, block, part, names, number, account)
        yield from state.issues
        state.issues.clear()
        number += block.ends_of_line
    yield account.close()


def _last(known: tuple[lines.Line, ...], line: lines.Line, _stream: BinaryIO) -> tuple[lines.Line, ...]:
    """The last line of each kind of header."""
    return (*(k for k in known if k.raw[:5] != line.raw[:5]), line)


def _parts(block: Block, state: Headers) -> Iterator[tuple[Bools, Headers]]:
    """The record lines of a block in runs under one header."""
    records, start = block.records(), 0
    heads = [*np.flatnonzero(block.headers()).tolist(), len(block)]
    for head in heads:
        before = state.fields, state.day
        now = Headers(state.fields, state.day, state.site)
        if head < len(block):
            state.take(block.line(head))
        if (state.fields, state.day) != before or head == len(block):
            run = np.zeros(len(block), np.bool_)
            run[start:head] = records[start:head]
            if run.any():
                yield run, now
            start = head


def _read_part(
    flavour: Flavour, block: Block, part: Bools, names: Headers, number: int, account: Account
) -> Iterator[ParserOutput]:
    if flavour.plain and len(names.fields) > 1:
        batch, done = plain_batch(block, part, names.fields, names.day, names.site, number, account)
        if batch is not None:
            yield batch
        part = part & ~done
    rows = Rows(IisRow.columns(), {"kind": flavour.kind, "act": flavour.act, "ts_means": "end"})
    for index in np.flatnonzero(part).tolist():
        line = block.line(index)
        row = read_row(line, names.fields, names.day, names.site)
        if row is None:
            row = None if names.fields else assumed_row(line, names.site, flavour.default)
            account.raw_lines += row is None
            row = row or raw_row(line, names.site)
            yield _odd(line, names)
        rows.add(row.cells(number + index + 1))
        account.parsed += 1
        account.saw(row.ns)
        if len(rows) >= ROWS_PER_BATCH:
            yield from rows.flush()
    yield from rows.flush()


def _odd(line: lines.Line, names: Headers) -> Issue:
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
    context=text_headers,
    parse=parse,
    split=lines.split,
    tier=1,
)
