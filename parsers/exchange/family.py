"""What the kinds of Exchange text log share, and how one of them is told from another.

A `Family` is a row of the table in `families`: its kind, its time column, which columns the timeline pivots on and
what identifies such a file. The reading itself is `text.TextLog`, driven by the header of the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from parsers.exchange.text import RAW_FIELDS, Data, Filled, TextLog
from parsers.rows import Cell
from parsers.times import iso_ns
from shellcase.model import Kind

_STATUS = re.compile(r"\d{1,5}", re.ASCII)
_ENDPOINT = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45}(?:%\w{1,16})?)\]|([0-9.]{7,15})):\d{1,5}", re.ASCII)
PIVOTS = ("user", "src_ip", "process", "command", "url", "http_method", "http_status", "user_agent")

Told = Mapping[str, str]
"""A row's columns as text, before anything is added."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One kind of text log.

    `log_type` is sought in what follows `#Log-type:`, `name` in the file's name when that header is lost. `pivots`
    names, for a column of the timeline, the columns it is taken from: the first that is not empty. `more` is what is
    added to the row's own columns; of these, `replaced` are left out, since what is added holds all they say.
    `subject` gives the line people read and sees what was added.
    """

    kind: str
    log_type: str
    name: str
    time: str
    means: str
    act: str
    usual: tuple[str, ...] = ()
    pivots: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    subject: Callable[[Told], str]
    more: Callable[[Told], Data] | None = None
    replaced: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)

    def log(self) -> TextLog:
        """The reader of such a log."""
        return TextLog(
            kind=self.kind,
            act=self.act,
            means=self.means,
            time=self.time,
            bare=self.time.encode() + b",",
            pivots=PIVOTS,
            fill=partial(_fill, self),
            usual=self.usual,
        )

    def declared(self) -> Kind:
        """The kind with its fields for the contract."""
        own = {"*": "every column under the name its header gives, as written", **self.fields}
        return Kind(name=self.kind, fields={**own, **RAW_FIELDS})


def _fill(family: Family, data: Data) -> Filled:
    told = {name: str(value) for name, value in data.items()}
    added = family.more(told) if family.more else {}
    whole: Data = {**{k: v for k, v in data.items() if k not in family.replaced}, **added}
    pivots = {column: _pivot(column, family.pivots[column], whole) for column in PIVOTS if column in family.pivots}
    return Filled(
        subject=" ".join(family.subject({**told, **{k: str(v) for k, v in added.items()}}).split()),
        pivots=pivots,
        data=whole,
    )


def _pivot(column: str, sources: tuple[str, ...], data: Data) -> Cell:
    text = next((str(data[name]) for name in sources if data.get(name)), "")
    if column == "http_status":
        return int(text) if _STATUS.fullmatch(text) else None
    return text


def address(endpoint: str) -> str:
    """The address of `10.0.0.5:25` or `[fe80::1%3]:25`; the text itself when it has neither form."""
    match = _ENDPOINT.fullmatch(endpoint)
    return (match[1] or match[2]) if match else endpoint


def begin(told: Told, column: str) -> Data:
    """The instant in a column as `begin`, when it is one."""
    text = told.get(column, "")
    return {"begin": text} if iso_ns(text) else {}
