"""From an ESE database to events: the state it was left in, its records one by one, and the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from parsers.account import Account
from parsers.database.ese.catalogue import Database, Fault, Row, Table
from parsers.database.ese.pages import CLEAN, MAGIC, SIZES, STATES, Head, read_head
from shellcase.model import Event, Issue, Job, Moment, Origin, ParserOutput, Span, Value

_MOST_HEX = 2048  # bytes of a binary value that are shown
_MOST_SUBJECT = 300
NO_TIME = Moment(None, 0, "", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One event of a record. `pivots` fill columns of the timeline, `also` are further bytes it was read from."""

    when: Moment
    act: str
    kind: str
    subject: str
    data: Mapping[str, Value]
    pivots: Mapping[str, str | None] = field(default_factory=dict)
    also: tuple[Span, ...] = ()


Tell = Callable[[Row], Iterator[Said]]
Plan = Callable[[Database, Table], Tell | None]
"""How the records of a table are told; None for tables that hold nothing of their own."""


def is_ese(head: bytes) -> bool:
    """The magic of an ESE database."""
    return int.from_bytes(head[4:8], "little") == MAGIC


def shown(value: object) -> Value:
    """A value of a record as data of an event: bytes as hexadecimal, cut where nobody would read on."""
    if isinstance(value, bytes):
        return value.hex() if len(value) <= _MOST_HEX else f"{value[:_MOST_HEX].hex()}… ({len(value)} bytes)"
    return value if isinstance(value, str | int | float | bool) else None


def tell(job: Job, plan: Plan) -> Iterator[ParserOutput]:
    """Issues of the file, events of every record of the tables in the plan, one ledger."""
    size = job.source.size
    account = Account(bytes_seen=size)
    with job.source.open() as stream:
        head, at = _head(stream.read(1 << 16))
        if head is None:
            yield from _no_database(account, size)
            return
        yield from _state(head, at, size)
        database = Database(stream, size, head)
        yield from _page_issues(database)
        told = [(table, how) for table in database.tables if (how := plan(database, table))]
        account.found = sum(database.count(table) for table, _ in told)
        for table in (database.catalogue, *(table for table, _ in told)):
            yield from _broken(database, table, account)
        for table, how in told:
            yield from _table(job, database, table, how, account)
        yield account.close()


def _head(raw: bytes) -> tuple[Head | None, int]:
    """The header, or where that is damaged its copy on the second page; and where it lies."""
    first = read_head(raw)
    if first is not None and first.sound:
        return first, 0
    for size in sorted(SIZES):
        copy = read_head(raw[size : 2 * size])
        if copy is not None and copy.sound and copy.page_size == size:
            return copy, size
    return first, 0


def _no_database(account: Account, size: int) -> Iterator[ParserOutput]:
    what = "neither header of this database can be read, so none of its records"
    yield Issue(grade="lost", what=what, offset=0, length=size, expected="an ESE database")
    account.found = 1 if size else 0
    account.lost(0, size)
    yield account.close()


def _state(head: Head, at: int, size: int) -> Iterator[Issue]:
    if at or not head.sound:
        found = f"its copy at {at}" if at else "the copy fits no better"
        what = "the header's checksum does not fit"
        yield Issue(grade="damaged", what=what, offset=0, length=min(size, head.page_size), found=found)
    if head.state != CLEAN:
        what = "the database was not closed: changes that are only in its logs are missing, logs are not replayed"
        found = STATES.get(head.state, f"state {head.state}")
        yield Issue(grade="odd", what=what, offset=52, length=4, expected=STATES[CLEAN], found=found)
    if size % head.page_size:
        rest = size % head.page_size
        what = "the file ends inside a page"
        yield Issue(grade="damaged", what=what, offset=size - rest, length=rest, expected=f"{head.page_size} bytes")


def _page_issues(database: Database) -> Iterator[Issue]:
    for number in database.spoiled:
        where, length = database.pages.offset(number), database.head.page_size
        what = "a page's checksum does not fit: values in it may be wrong"
        yield Issue(grade="damaged", what=what, offset=where, length=length, locator=f"page {number}")
    for fault in database.faults:
        yield _bad(fault, "MSysObjects")
    if not database.tables:
        what = "the catalogue names no table"
        yield Issue(grade="lost", what=what, offset=0, length=0, expected="tables")


def _broken(database: Database, table: Table, account: Account) -> Iterator[Issue]:
    """Pages that a table's tree names: how many records they held nobody knows, so each counts as one that is lost."""
    length, size = database.head.page_size, database.pages.size
    for number in table.broken:
        where = database.pages.offset(number)
        there = 0 <= where <= size - length
        account.found += 1
        if there:
            account.lost(where, length)
        yield Issue(
            grade="lost",
            what="a page with records is missing: others of its table lead to it",
            offset=where if there else size,
            length=length if there else 0,
            expected=f"page {number} of {table.name}",
            found="a page of something else, or of nothing" if there else "the file ends before it",
            locator=f"page {number}",
        )


def _bad(fault: Fault, table: str) -> Issue:
    what = "a record cannot be read" if fault.live else "a left-over record cannot be read"
    grade = "damaged" if fault.live else "odd"
    return Issue(
        grade="damaged" if grade == "damaged" else "odd",
        what=what,
        offset=fault.offset,
        length=fault.length,
        expected=f"a record of {table}",
        found=fault.why,
    )


def _table(job: Job, database: Database, table: Table, how: Tell, account: Account) -> Iterator[ParserOutput]:
    context = database.context(table)
    for number, row in enumerate(database.rows(table), 1):
        if isinstance(row, Fault):
            yield _bad(row, table.name)
            if row.live:
                account.lost(row.offset, row.length)
            continue
        if row.live:
            account.parsed += 1
        else:
            account.recovered += 1
        page = Span(database.pages.offset(row.page), database.head.page_size, "context")
        for ordinal, said in enumerate(how(row)):
            if row.live:
                account.saw(said.when.ns)
            spans = (Span(row.offset, row.length), page, *context, *said.also)
            state = job.source.state if row.live or job.source.state != "live" else "recovered"
            yield _event(said, Origin(spans, f"{table.name} record {number}", state), ordinal)


def _event(said: Said, origin: Origin, ordinal: int) -> Event:
    pivots = {name: value for name, value in said.pivots.items() if value}
    return Event(
        when=said.when,
        act=said.act,
        kind=said.kind,
        subject=said.subject[:_MOST_SUBJECT],
        origin=origin,
        data=said.data,
        ordinal=ordinal,
        user=pivots.get("user"),
        src_ip=pivots.get("src_ip"),
        process=pivots.get("process"),
        command=pivots.get("command"),
        file_path=pivots.get("file_path"),
        url=pivots.get("url"),
    )
