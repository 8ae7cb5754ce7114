"""What the text logs of Exchange have in common: UTF-8, comma-separated, `#` headers or a bare line of column names.

`#Fields:` (or the bare line) may come again inside a file with other columns. A parser gives a `TextLog`: its kind,
its time column and how a row fills the timeline; for large logs also a columnar way for plain rows. Rows that fit no
grammar keep their raw text; of a row that is merely too short the columns it has are kept as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import BinaryIO, NamedTuple

import msgspec
import numpy as np

from parsers import lines, prefix
from parsers.account import Account
from parsers.columns import FEW, Sheet, portions
from parsers.exchange.csvline import Quoted, Run, cells, held, joined_rows, odd_quotes, safe_cut, whole_rows
from parsers.exchange.heads import Heads, possible
from parsers.lines import Block, Bools, Ints, Line, decode
from parsers.rows import ROWS_PER_BATCH, Cell, Rows, ts_cells
from parsers.times import instant
from parsers.weave import Odd, added
from shellcase.model import EventBatch, Issue, Job, ParserOutput, Source, Span

_LONGEST_SUBJECT = 300
_TIME = re.compile(r"date|time", re.IGNORECASE)
_BASE = ("ts", "ts_ns", "ts_text", "ts_zone", "ts_resolution_ns", "offset", "length", "locator", "subject", "data")

ZONE = "UTC by format"

RAW_FIELDS: Mapping[str, str] = {
    "raw": "the whole row when it does not fit its header",
    "truncated": "true when the row ends before its last column; the columns it has are given",
    "columns": "`assumed` when no header stands before the row: its first cells are named as in every known build",
}

Data = dict[str, str | bool]
_Joined = Mapping[int, tuple[int, list[str]]]
"""Rows over several lines: by the first line, the last line and the cells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """How a row appears in the timeline: its line, its pivots (columns named in `TextLog.pivots`), its data."""

    subject: str
    pivots: Mapping[str, Cell]
    data: Data


class Cut(NamedTuple):
    """The plain rows of some lines, with the instant of each and its resolution in nanoseconds."""

    sheet: Sheet
    ns: Ints
    resolution: Ints


@dataclass(frozen=True, slots=True)
class Plain:
    """How plain rows are read by columns, and the columns a row adds, which no header may have for that."""

    cut: Callable[[Block, int, int, Bools, tuple[str, ...]], Cut]
    batch: Callable[[Block, Cut, Odd, tuple[str, ...], int], EventBatch]
    adds: frozenset[str]

    def can(self, log: TextLog, fields: tuple[str, ...]) -> bool:
        """Whether rows under such a header can be read so."""
        return len(fields) > 1 and log.time in fields and self.adds.isdisjoint(fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLog:
    """One kind of text log. `bare` is how its line of column names begins when it has no `#Fields:`.

    `usual` are the first columns of every known build, for rows whose header is lost.
    """

    kind: str
    act: str
    means: str
    time: str
    bare: bytes
    pivots: tuple[str, ...]
    fill: Callable[[Data], Filled]
    plain: Plain | None = None
    usual: tuple[str, ...] = ()

    @property
    def heads(self) -> Heads:
        """How its lines of column names are known."""
        return Heads(self.time, self.bare, self.usual)

    def time_in(self, fields: Sequence[str]) -> str:
        """The column of the time, in other builds the first whose name speaks of one; empty where there is none."""
        return self.time if self.time in fields else next(filter(_TIME.search, fields), "")

    def parse(self, job: Job) -> Iterator[ParserOutput]:
        """One event for every row, an issue for every strange one, one ledger."""
        yield from _parse(self, job)

    def split(self, source: Source) -> tuple[Span, ...]:
        """Cut a big log into parts of about the same size, never inside a row of several lines."""
        return tuple(lines.cuts(source, safe_cut))


@dataclass(slots=True)
class _State:
    """The columns in force and what is being gathered."""

    account: Account
    rows: Rows
    fields: tuple[str, ...] = ()
    number: int = 0
    issues: list[Issue] = field(default_factory=list)


def _parse(log: TextLog, job: Job) -> Iterator[ParserOutput]:
    constant = {"kind": log.kind, "act": log.act, "ts_means": log.means}
    unnamed: tuple[str, ...] = ()
    number, fields = prefix.before(job, (b"#Fields:", *log.heads.starts), partial(_in_force, log), unnamed)
    state = _State(Account(), Rows((*_BASE, *log.pivots), constant), fields, number)
    for block in whole_rows(lines.blocks(job)):
        state.account.bytes_seen += block.taken
        headers, records = log.heads.sort(block)
        state.account.found += int(records.sum())
        for run in _runs(log, block, headers, records, state):
            yield from _read_run(log, block, run, state)
        yield from state.issues
        state.issues.clear()
        state.number += block.ends_of_line
    yield from state.rows.flush()
    yield state.account.close()


def _runs(log: TextLog, block: Block, headers: Bools, records: Bools, state: _State) -> Iterator[Run]:
    """The lines between changes of the header, where there are records; `state.fields` is in force for each."""
    start, odd = 0, odd_quotes(block).tolist()
    before = np.concatenate((np.zeros(1, np.int64), np.cumsum(records)))
    hashes = block.headers()
    quoted = Quoted(block, odd, lambda found: _fits(log, state.fields, found))
    for head in [*np.flatnonzero(headers).tolist(), len(block)]:
        names = log.heads.names(block.line(head)) if head < len(block) else ()
        if head < len(block) and (names is None or names == state.fields or quoted.holds(head)):
            continue
        if before[head] > before[start]:
            yield Run(start, head, records, hashes, odd)
        start = head
        if head < len(block):
            _take(names or (), block.line(head), state)


def _in_force(log: TextLog, fields: tuple[str, ...], line: Line, stream: BinaryIO) -> tuple[str, ...]:
    """The columns after a line before the part that looks like a header; unchanged where it lies in a quoted cell."""
    names = log.heads.names(line)
    if names is None or names == fields or held(stream, line.offset, partial(_fits, log, fields)):
        return fields
    return names if possible(names) else ()


def _take(names: tuple[str, ...], line: Line, state: _State) -> None:
    if not possible(names):
        found = f"{len(names)} names, {len(set(names))} different"
        state.issues.append(Issue(grade="odd", what="header with impossible fields", offset=line.offset, found=found))
        names = ()
    state.fields = names


def _read_run(log: TextLog, block: Block, run: Run, state: _State) -> Iterator[ParserOutput]:
    joined: dict[int, tuple[int, list[str]]] = {}
    for first, last, found in joined_rows(block, run, partial(_fits, log, state.fields)):
        state.account.parsed += int(run.records[first : last + 1].sum())
        run.records[first : last + 1] = False
        joined[first] = last, found
    if log.plain is None or not log.plain.can(log, state.fields) or run.high - run.low < FEW:
        yield from _read_lines(log, block, run.left(run.low, run.high, joined), joined, state)
        return
    for low, high in portions(block, run.low, run.high, added(state.fields)):
        rows = log.plain.cut(block, low, high, run.records, state.fields)
        run.records[rows.sheet.index] = False
        left = run.left(low, high, joined)
        if len(rows.sheet):
            yield from _read_sheet(log, block, rows, left, joined, state)
        else:
            yield from _read_lines(log, block, left, joined, state)


def _read_sheet(
    log: TextLog, block: Block, rows: Cut, left: Sequence[int], joined: _Joined, state: _State
) -> Iterator[ParserOutput]:
    """Rows by columns, those left over in their places among them."""
    yield from state.rows.flush()
    odd = Odd(state.rows.columns)
    for index in left:
        row, issue = _read(log, block, index, joined, state)
        odd.add(index, row)
        yield from issue
    state.account.parsed += len(rows.sheet)
    state.account.saw(int(rows.ns.min()), int(rows.ns.max()))
    if log.plain:
        yield log.plain.batch(block, rows, odd, state.fields, state.number)


def _read_lines(
    log: TextLog, block: Block, left: Sequence[int], joined: _Joined, state: _State
) -> Iterator[ParserOutput]:
    """Rows one by one."""
    for index in left:
        row, issue = _read(log, block, index, joined, state)
        state.rows.add(row)
        yield from issue
        if len(state.rows) >= ROWS_PER_BATCH:
            yield from state.rows.flush()


def _read(
    log: TextLog, block: Block, index: int, joined: _Joined, state: _State
) -> tuple[tuple[Cell, ...], tuple[Issue, ...]]:
    """The row that begins in a line, and what is strange about it."""
    if index in joined:
        return _row(log, block, state, index, *joined[index])[0], ()
    state.account.parsed += 1
    line = block.line(index)
    found = cells(decode(line.raw))
    row, fits = _row(log, block, state, index, index, found)
    state.account.raw_lines += not fits
    return row, () if fits else (_odd(line, state.fields, found),)


def _fits(log: TextLog, fields: tuple[str, ...], found: list[str] | None) -> bool:
    """As many cells as columns, and the time can be read."""
    if found is None or len(found) != len(fields) or not (time := log.time_in(fields)):
        return False
    return instant(found[fields.index(time)]) is not None


def _row(
    log: TextLog, block: Block, state: _State, first: int, last: int, found: list[str] | None
) -> tuple[tuple[Cell, ...], bool]:
    """The cells of one row; False when it did not fit and was kept raw."""
    start, end = block.line(first), block.line(last)
    fits = _fits(log, state.fields, found)
    named: Data = dict(zip(state.fields, found or (), strict=False))
    data = named if fits else _misfit(start, state.fields, named, found) | _assumed(log, state.fields, found)
    time = log.time_in(state.fields or log.usual)
    filled = log.fill(data) if time in data else _raw(data)
    text = str(data.get(time) or decode(start.raw[:40]).partition(",")[0])
    stamp = instant(text)
    state.account.saw(stamp[0] if stamp else None)
    length = end.offset + end.length - start.offset
    when = (text, _zone(stamp[2]), stamp[1]) if stamp else ("", ZONE, 0)
    base = (*when, start.offset, length, f"line {state.number + first + 1}")
    tail = (filled.subject[:_LONGEST_SUBJECT], msgspec.json.encode(filled.data).decode())
    pivots = (filled.pivots.get(name) or None for name in log.pivots)
    return (*ts_cells(stamp[0] if stamp else None), *base, *tail, *pivots), fits


def _zone(offset: str) -> str:
    return f"UTC by the offset {offset} in the text" if offset else ZONE


def _misfit(line: Line, fields: tuple[str, ...], named: Data, found: list[str] | None) -> Data:
    """The raw text, and the columns where a row is too short (its last one may be cut) or only lacks a time."""
    raw: Data = {"raw": decode(line.raw)}
    if found is None or not 1 < len(found) <= len(fields):
        return raw
    return {**named, **raw, **({"truncated": True} if len(found) < len(fields) else {})}


def _assumed(log: TextLog, fields: tuple[str, ...], found: list[str] | None) -> Data:
    """The first cells of a row without header, where there are enough and the first one is a time."""
    if fields or found is None or not log.usual or len(found) < len(log.usual) or instant(found[0]) is None:
        return {}
    return {**dict(zip(log.usual, found, strict=False)), "columns": "assumed"}


def _raw(data: Data) -> Filled:
    return Filled(subject=f"unreadable log line: {data['raw']}", pivots={}, data=data)


def _odd(line: Line, fields: tuple[str, ...], found: list[str] | None) -> Issue:
    return Issue(
        grade="odd",
        what="row does not fit its header, kept as raw text",
        offset=line.offset,
        length=line.length,
        expected=f"{len(fields)} columns, the first a time" if fields else "a header before it",
        found="broken quoting" if found is None else f"{len(found)} columns",
    )
