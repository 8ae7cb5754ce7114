"""SRUM (SRUDB.dat): which application of which user used how much network, disk and processor, hour by hour.

On clients since Windows 8, on servers since 2019. Rows are written about once an hour and when Windows shuts down; the
TimeStamp of a row says when, not when the application ran. Applications and users are numbers here and are resolved
from the database's own table.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from functools import partial

from msgspec import Struct

from parsers import times
from parsers.database.ese.catalogue import Database, Row, Table
from parsers.database.ese.telling import NO_TIME, Said, Tell, is_ese, shown, tell
from parsers.database.sid import sid_text
from parsers.database.srum_tables import COMMON, EXTENSIONS, IDS, OTHER, Extension
from shellcase.model import Job, Kind, Moment, Parser, ParserOutput, Span, Value

_OLE_1970 = 25_569  # days from 1899-12-30 to 1970-01-01
_OLE_FAR = 100_000
_USER = 3
_TYPES = {0: "path", 1: "service", 2: "package", 3: "user"}


class Name(Struct, frozen=True, gc=False):
    """An application or user by its number, and the page its row lies in."""

    text: str
    page: int


class Names:
    """The table of applications and users of one database."""

    def __init__(self, database: Database) -> None:
        self._names: dict[int, Name] = {}
        self._pages = database.pages
        table = database.table(IDS)
        self._tree = database.context(table) if table else ()
        for row in database.rows(table) if table else ():
            if isinstance(row, Row) and isinstance(number := row.values.get("IdIndex"), int) and row.live:
                self._names.setdefault(number, Name(_name(row), row.page))

    def text(self, number: object) -> str | None:
        """What stands for a number; None where the table has no such row or no name in it."""
        found = self._names.get(number) if isinstance(number, int) else None
        return (found.text or None) if found else None

    def spans(self, *numbers: object) -> tuple[Span, ...]:
        """The bytes the names were read from."""
        pages = {self._names[n].page for n in numbers if isinstance(n, int) and n in self._names}
        size = self._pages.page_size
        return (*self._tree, *(Span(self._pages.offset(page), size, "context") for page in sorted(pages)))


def _name(row: Row) -> str:
    blob = row.values.get("IdBlob")
    if not isinstance(blob, bytes):
        return ""
    if row.values.get("IdType") == _USER:
        return sid_text(blob) or blob.hex()
    return blob.decode("utf-16-le", "backslashreplace").rstrip("\0")


def ole_moment(raw: object, means: str) -> Moment:
    """An OLE date (days since 1899-12-30 as a double) as `Moment`; it is read to the millisecond it can hold."""
    if not isinstance(raw, int):
        return NO_TIME
    days: float = struct.unpack("<d", raw.to_bytes(8, "little"))[0]
    if not math.isfinite(days) or not 0 < days < _OLE_FAR:
        return Moment(None, 10**6, f"OLE date {days!r}", means=means)
    ns = round((days - _OLE_1970) * 86_400_000) * 10**6
    return Moment(ns, 10**6, times.ns_text(ns, 3), means=means)


def program(app: str) -> str:
    """The file name or path of an application: `!!svchost.exe!…` names it between marks."""
    if app.startswith("!!"):
        return app[2:].partition("!")[0]
    return app


def _row(table: Table, extension: Extension, names: Names, row: Row) -> Iterator[Said]:
    values = row.values
    app, user = names.text(values.get("AppId")), names.text(values.get("UserId"))
    data: dict[str, Value] = {"table": table.name, "app": app, "user": user}
    for name, value in values.items():
        if name in extension.filetimes and isinstance(value, int):
            data[name] = times.filetime_text(value)
        elif name != "TimeStamp":
            data[name] = shown(value)
    amounts = [f"{shown(values[column])} {unit}" for column, unit in extension.columns if column in values]
    who = app or f"application {shown(values.get('AppId'))}"
    yield Said(
        when=ole_moment(values.get("TimeStamp"), "bucket"),
        act="used",
        kind=extension.kind,
        subject=f"{extension.what} of {program(who)}{': ' if amounts else ''}{', '.join(amounts)}",
        data=data,
        pivots={"user": user, "process": program(app) if app else None},
        also=names.spans(values.get("AppId"), values.get("UserId")),
    )


def _id(row: Row) -> Iterator[Said]:
    kind = row.values.get("IdType")
    what = _TYPES.get(kind, "entry") if isinstance(kind, int) else "entry"
    text = _name(row)
    yield Said(
        when=NO_TIME,
        act="known",
        kind="windows.srum.id",
        subject=f"resource usage knows the {what} {text or '(without a name)'}",
        data={"IdIndex": shown(row.values.get("IdIndex")), "IdType": shown(kind), "type": what, "name": text},
        pivots={"user": text} if kind == _USER else {"process": program(text)} if kind == 0 else {},
    )


def _plan(names: list[Names], database: Database, table: Table) -> Tell | None:
    if not names:
        names.append(Names(database))
    if table.name == IDS:
        return _id
    if not table.name.startswith("{"):
        return None
    return partial(_row, table, EXTENSIONS.get(table.name.upper(), OTHER), names[0])


def parse(job: Job) -> Iterator[ParserOutput]:
    """One event for each row of every extension and for each name, issues, and the ledger."""
    yield from tell(job, partial(_plan, []))


def recognises(head: bytes, path: str) -> bool:
    """An ESE database by its magic, this one by its name; or by its full place when the header is damaged."""
    place = path.upper()
    return place.endswith("\\SRUDB.DAT") and (is_ese(head) or (bool(head) and place.endswith("\\SRU\\SRUDB.DAT")))


def _kinds() -> Iterator[Kind]:
    for name in dict.fromkeys([*(e.kind for e in EXTENSIONS.values()), OTHER.kind]):
        yield Kind(name=name, fields=COMMON)
    fields = {
        "IdIndex": "number in the database",
        "IdType": "0 path, 1 service, 2 package, 3 user",
        "type": "the same in words",
        "name": "path, service, package or SID",
    }
    yield Kind(name="windows.srum.id", fields=fields)


PARSER = Parser(
    name="windows.srum",
    version=1,
    definitions=("AmcacheAndPrefetch",),
    yields=tuple(_kinds()),
    recognises=recognises,
    parse=parse,
    tier=2,
)
