"""The user's time window: which log files lie wholly outside it, by their names and times, with a day's margin."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from collector.ntfs import FileRecord

_UNIX_1601 = 116_444_736_000_000_000
_DAY = 86_400 * 10**9
_LONG = re.compile(r"(?<!\d)(20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])?(?!\d)")
_SHORT = re.compile(r"(?i)(?:ex|in|nc|ncsa)(\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?!\d)")


@dataclass(frozen=True, slots=True)
class Window:
    """`since` and `until` in UTC ns; `dated` are the definitions it applies to."""

    since: int | None
    until: int | None
    dated: frozenset[str]

    def outside(self, path: str, file: FileRecord, definitions: tuple[str, ...]) -> str:
        """Why a file is left out, empty when it is not.

        Everything that tells a time must agree: the name, $STANDARD_INFORMATION (easily forged) and $FILE_NAME. A log
        may go on for a while after the day in its name, so without times only the name's following day is trusted.
        """
        if (self.since is None and self.until is None) or not self.dated.issuperset(definitions):
            return ""
        named = day_in(path.rpartition("\\")[2])
        sets = [t for t in (file.si, *(n.times for n in file.names)) if t]
        lasts = [_ns(max(t.b, t.m, t.c)) for t in sets] or [n + 2 * _DAY for n in _some(named)]
        firsts = [*(_ns(t.b) for t in sets), *_some(named)]
        if self.since is not None and lasts and max(*lasts, *_some(named), -1) < self.since - _DAY:
            return "last written more than a day before --since"
        if self.until is not None and firsts and min(firsts) > self.until + _DAY:
            return "begun more than a day after --until"
        return ""


def day_in(name: str) -> int | None:
    """The day a log is named after (HttpProxy_2021030306-1.LOG, u_ex210303.log), as the UTC ns of its first instant."""
    found = _LONG.search(name) or _SHORT.search(name)
    if not found:
        return None
    year, month, day = (int(part) for part in found.groups())
    try:
        return int(datetime(year if year > 99 else 2000 + year, month, day, tzinfo=UTC).timestamp()) * 10**9
    except ValueError:
        return None


def _some(value: int | None) -> Iterator[int]:
    if value is not None:
        yield value


def _ns(filetime: int) -> int:
    return (filetime - _UNIX_1601) * 100
