"""One line of an IIS log that is not plain: repaired if possible, else kept as raw text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import msgspec

from parsers.iis.repair import all_fit, fits, repair
from parsers.lines import Line, decode
from parsers.rows import Cell, ts_cells
from parsers.times import clock_ns, date_ns

CAFE = re.compile(r"cafeReqId=(?P<id>[^;&]+)")
ZONE, ZONE_DAY = "UTC by format", "UTC by format, day from #Date"
_START = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?: |$)", re.ASCII)
CHECKED = ("s-port", "c-ip", "sc-status")
"""Fields whose forms show that none has slipped, where a line has as many words as there are fields."""
_SUBJECT = 300
DEFAULT = (
    "date", "time", "s-ip", "cs-method", "cs-uri-stem", "cs-uri-query", "s-port", "cs-username", "c-ip",
    "cs(User-Agent)", "cs(Referer)", "sc-status", "sc-substatus", "sc-win32-status", "time-taken",
)  # fmt: skip


class Names(NamedTuple):
    """What holds for a run of lines: the names of their fields, the day for lines without a date and how it is known,
    the site."""

    fields: tuple[str, ...]
    day: str
    site: str
    zone: str = ZONE_DAY


@dataclass(frozen=True, slots=True)
class IisRow:
    """A line that was read, or could not be: `values` has then only `raw`. `plain`: told as `plain.batch_of` does."""

    line: Line
    ns: int | None
    ts_text: str
    zone: str
    values: Mapping[str, str | bool]
    plain: bool = False

    @staticmethod
    def columns() -> tuple[str, ...]:
        """The order of `cells`."""
        return (
            *("ts", "ts_ns", "ts_text", "ts_zone", "ts_resolution_ns", "offset", "length", "locator", "subject"),
            *("user", "src_ip", "url", "http_method", "http_status", "user_agent", "data"),
        )

    def cells(self, number: int) -> tuple[Cell, ...]:
        """The row for the timeline; `number` is the line number."""
        status = self._value("sc-status")
        return (
            *ts_cells(self.ns),
            *(self.ts_text, self.zone, 10**9, self.line.offset, self.line.length, f"line {number}", self._subject()),
            *(
                self._value("cs-username") if self.plain else (self._value("cs-username") or "").strip() or None,
                self._value("c-ip"),
                self._url(),
                self._value("cs-method"),
            ),
            int(status) if status else None,
            self._value("cs(User-Agent)"),
            msgspec.json.encode(self.values).decode(),
        )

    def _value(self, name: str) -> str | None:
        value = self.values.get(name, "-")
        return None if value == "-" else str(value)

    def _url(self) -> str | None:
        if self.plain:
            stem, query = self._value("cs-uri-stem"), self._value("cs-uri-query")
            return stem if stem is None or query is None else f"{stem}?{query}"
        stem, query = self._value("cs-uri-stem") or self._value("cs-uri"), self._value("cs-uri-query")
        return f"{stem}?{query}" if stem and query else stem

    def _subject(self) -> str:
        if "raw" in self.values:
            return f"unreadable log line: {self.values['raw']}"[:_SUBJECT]
        if self.plain:
            return " ".join(str(self.values.get(n, "-")) for n in ("cs-method", "cs-uri-stem", "sc-status"))[:_SUBJECT]
        target = self._value("cs-uri-stem") or self._value("cs-uri") or "-"
        words = (self._value("cs-method") or "-", target, self._value("sc-status") or "-", self._value("s-reason"))
        return " ".join(filter(None, words))[:_SUBJECT]


def is_plain(line: Line) -> bool:
    """Whether a line is printable ASCII."""
    return line.raw.isascii() and line.raw.decode().isprintable()


def _checked(fields: Sequence[str], words: Sequence[str]) -> bool:
    return all(fits(name, words[fields.index(name)]) for name in CHECKED if name in fields)


def read_row(line: Line, names: Names, *, plain: bool = False) -> IisRow | None:
    """The line's fields by name; None when it fits no grammar.

    `plain`: as many words as fields will do where those of `CHECKED` have their forms; so it does by columns.
    """
    fields, day, site, _zone = names
    words = decode(line.raw).split(" ")
    plain = plain and len(words) == len(fields) and _checked(fields, words)
    good = plain or (len(words) == len(fields) and all_fit(fields, words))
    values = list(words) if good else repair(fields, words)
    if values is None or len(fields) < 2:
        return None
    named: dict[str, str | bool] = dict(zip(fields, values, strict=True))
    date = str(named.get("date", day))
    start, clock = date_ns(date), clock_ns(str(named.get("time", "")))
    if start is None or clock is None:
        return None
    if len(words) != len(fields):
        named["repaired"] = True
    _add_keys(named, site)
    text = f"{date} {named['time']}"
    return IisRow(line, start + clock, text, ZONE if "date" in named else names.zone, named, plain)


def assumed_row(line: Line, site: str, default: tuple[str, ...] = DEFAULT) -> IisRow | None:
    """A line whose header is lost, where each word has the form of the field that is logged there by default."""
    words = decode(line.raw).split(" ")
    stem = default.index("cs-uri-stem") if "cs-uri-stem" in default else default.index("cs-uri")
    if len(words) != len(default) or not words[stem].startswith(("/", "-")):
        return None
    row = read_row(line, Names(default, "", site))
    return replace(row, values={**row.values, "columns": "assumed"}) if row else None


def _add_keys(named: dict[str, str | bool], site: str) -> None:
    if site and "site" not in named:
        named["site"] = site
    match = CAFE.search(str(named.get("cs-uri-query", "")))
    if match:
        named["cafeReqId"] = match["id"]


def raw_row(line: Line, site: str) -> IisRow:
    """A line nobody can read, with the instant it begins with, if it does."""
    text = decode(line.raw)
    values: dict[str, str | bool] = {"raw": text, **({"site": site} if site else {})}
    match = _START.match(text)
    start, clock = (date_ns(match[1]), clock_ns(match[2])) if match else (None, None)
    if start is None or clock is None:
        return IisRow(line, None, "", ZONE, values)
    return IisRow(line, start + clock, f"{match[1]} {match[2]}" if match else "", ZONE, values)
