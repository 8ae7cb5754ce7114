"""The day of lines without a date: it stands in `#Date`, and goes on where the clock falls back.

IIS begins a log with the day it is opened on, and one that is not cut by days goes over midnight without a word. Times
of such a log rise but for seconds, so a fall by an hour or more is a new day; a line that would be nearly a day later
than the one before it was written late, after midnight. Days on which nothing was logged at all cannot be seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from parsers.lines import Block, Line
from parsers.times import clock_ns
from shellcase.model import Issue

COUNTED = "UTC by format, day from #Date, counted on over midnight"
_SECOND = 10**9
_FALL, _LATE = -3600 * _SECOND, (86_400 - 60) * _SECOND
_FALL_FROM_HEADER = 12 * _FALL  # other services write #Date in UTC above lines of another zone
_HEADER = re.compile(r"\s*(\d{4}-\d\d-\d\d)?[T ]*(\d\d:\d\d:\d\d)?", re.ASCII)


@dataclass(slots=True)
class Day:
    """The day that holds for the next line. `clock`: the time of day of the last one; `counted`: days since `#Date`;
    `fall`: how far the clock must fall for a new day."""

    header: str = ""
    counted: int = 0
    clock: int | None = None
    fall: int = _FALL

    def take(self, said: str) -> None:
        """What stands behind `#Date:`."""
        match = _HEADER.match(said)
        self.header, self.counted = said.strip()[:10], 0
        self.clock = clock_ns(match[2] or "") if match else None
        self.fall = _FALL_FROM_HEADER

    @property
    def text(self) -> str:
        """The day as lines write it; as the header has it where that is none."""
        try:
            return str(date.fromisoformat(self.header) + timedelta(days=self.counted)) if self.counted else self.header
        except (ValueError, OverflowError):
            return self.header

    def saw(self, word: bytes) -> int:
        """The days by which a line of this time lies behind the line before it, -1 for one that came late."""
        clock = clock_ns(word.decode("latin-1"))
        if clock is None:
            return 0
        step = 0 if self.clock is None else clock - self.clock
        days = 1 if step <= self.fall else -1 if step >= _LATE else 0
        self.clock, self.counted, self.fall = clock, self.counted + days, _FALL
        return days


def dateless(fields: Sequence[str]) -> bool:
    """Whether lines under such a header have a time and no date."""
    return "time" in fields and "date" not in fields


def changes(block: Block, numbers: Sequence[int], at: int, day: Day) -> Iterator[tuple[int, Issue]]:
    """Each of these lines with which another day begins, when `day` already says which. `at`: which word is the time.

    Words in front of the time can hold spaces, so only what has the form of a time is taken for one.
    """
    for number in numbers:
        line = block.line(number)
        words = line.raw.split(b" ", at + 1)
        if days := day.saw(words[at] if at < len(words) else b""):
            yield number, _told(line, day, days)


def _told(line: Line, day: Day, days: int) -> Issue:
    what = "a log without dates went over midnight" if days > 0 else "a line of the evening before, written late"
    return Issue(
        grade="odd",
        what=f"{what}: day counted on from #Date",
        offset=line.offset,
        length=line.length,
        expected=f"times of {day.header or 'a day that no #Date names'} in rising order",
        found=f"taken for {day.text}" if day.header else "no day",
    )
