"""Text logs without a header, where each line stands for itself: every line becomes one event, none is dropped.

A parser gives a `LineLog`: its kind and how a line is read. A line that cannot be read keeps its raw text. Nothing is
carried from one line to the next, so a damaged line costs itself, and a part of a file reads as the whole does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec
import numpy as np

from parsers import lines
from parsers.account import Account
from parsers.lines import Line
from parsers.rows import ROWS_PER_BATCH, Cell, Rows, ts_cells
from shellcase.model import Issue, Job, Moment, ParserOutput

_LONGEST_SUBJECT = 300
_TIME = ("ts", "ts_ns", "ts_text", "ts_zone", "ts_resolution_ns", "ts_means", "ts_low", "ts_high")
_COLUMNS = (*_TIME, "act", "offset", "length", "locator", "subject", "data")
NO_TIME = Moment(None, 0, "", "")

RAW_LINE: Mapping[str, str] = {"raw": "the whole line when it fits no grammar"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one line says; `pivots` fill the columns of the timeline that `LineLog.pivots` names."""

    when: Moment
    act: str
    subject: str
    data: Mapping[str, str]
    pivots: Mapping[str, Cell] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineLog:
    """One kind of log. `expected` is the form a line should have; empty where other lines are nothing strange."""

    kind: str
    read: Callable[[str, Job], Said | None]
    pivots: tuple[str, ...] = ()
    expected: str = ""

    def parse(self, job: Job) -> Iterator[ParserOutput]:
        """One event for every line that is not empty, an issue for every strange one, one ledger."""
        account, rows = Account(), Rows((*_COLUMNS, *self.pivots), {"kind": self.kind})
        number = lines.lines_before(job)
        for block in lines.blocks(job):
            account.bytes_seen += block.taken
            filled = np.flatnonzero(block.ends > block.starts).tolist()
            account.found += len(filled)
            for index in filled:
                yield from self._take(block.line(index), number + index + 1, job, account, rows)
            number += block.raw.count(b"\n")  # a piece of a line that is too long ends none
        yield from rows.flush()
        yield account.close()

    def _take(self, line: Line, number: int, job: Job, account: Account, rows: Rows) -> Iterator[ParserOutput]:
        text = lines.decode(line.raw)
        said = self.read(text, job)
        account.parsed += 1
        if said is None:
            account.raw_lines += 1
            said = Said(when=NO_TIME, act="logged", subject=f"log line: {text}", data={"raw": text})
            if self.expected:
                yield self._odd(line)
        account.saw(said.when.ns)
        rows.add(self._row(line, number, said))
        if len(rows) >= ROWS_PER_BATCH:
            yield from rows.flush()

    def _row(self, line: Line, number: int, said: Said) -> tuple[Cell, ...]:
        when = said.when
        bounds = (None if ns is None else ns // 1000 for ns in (when.low, when.high))
        time = (*ts_cells(when.ns), when.text, when.zone, when.resolution_ns, when.means, *bounds)
        what = (said.act, line.offset, line.length, f"line {number}", said.subject[:_LONGEST_SUBJECT])
        pivots = (said.pivots.get(name) or None for name in self.pivots)
        return (*time, *what, msgspec.json.encode(said.data).decode(), *pivots)

    def _odd(self, line: Line) -> Issue:
        what = "line fits no grammar, kept as raw text"
        return Issue(grade="odd", what=what, offset=line.offset, length=line.length, expected=self.expected)
