"""Tables of an ESE database by its own catalogue, and the pages that hold their records.

Pages of a table are those its tree leads to from the root, by pointers and by the links between leaves. Pages that
name the table as their owner and are not led to hold what was there before: records in them are recovered ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import BinaryIO

from parsers.database.ese.pages import BadNode, Head, Node, Page, Pages, header
from parsers.database.ese.record import BadRecordError, Cell, Column, fixed_size, read
from parsers.database.ese.squeeze import BadSqueezeError, unpack
from shellcase.model import Span

CATALOGUE = 2
"""Number of the catalogue's tree; its root is page 4."""

_ROOT = 4
_TABLE, _COLUMN, _LONG = 1, 2, 4
_MOST_LONG = 1 << 20  # bytes of a long value that are read
_LONG_TYPE, _SHORT_TYPE, _TEXT_TYPE, _BINARY_TYPE = 4, 3, 10, 9
_COLUMNS = (
    Column(1, "ObjidTable", _LONG_TYPE, 4, 4),
    Column(2, "Type", _SHORT_TYPE, 8, 2),
    Column(3, "Id", _LONG_TYPE, 10, 4),
    Column(4, "ColtypOrPgnoFDP", _LONG_TYPE, 14, 4),
    Column(5, "SpaceUsage", _LONG_TYPE, 18, 4),
    Column(7, "PagesOrLocale", _LONG_TYPE, 26, 4),
    Column(9, "RecordOffset", _SHORT_TYPE, 31, 2),
    Column(128, "Name", _TEXT_TYPE, codepage=1252),
    Column(131, "DefaultValue", _BINARY_TYPE),
)


@dataclass(slots=True)
class Table:
    """A table: the number of its tree, its root page, its columns; `tree` are the pages above its leaves.

    `broken` are pages that its tree leads to and that are not there, or are no pages of this table.
    """

    number: int
    name: str
    root: int
    columns: tuple[Column, ...] = ()
    long_number: int = 0
    live: list[int] = field(default_factory=list)
    stale: list[int] = field(default_factory=list)
    tree: list[int] = field(default_factory=list)
    broken: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Row:
    """One record: its values, its bytes in the file, the page they lie in, and whether it still counts."""

    values: dict[str, Cell]
    offset: int
    length: int
    page: int
    live: bool


@dataclass(frozen=True, slots=True)
class Fault:
    """A record that could not be read."""

    offset: int
    length: int
    why: str
    live: bool


class Database:
    """An open ESE database. `spoiled` are pages whose checksum does not fit."""

    def __init__(self, stream: BinaryIO, size: int, head: Head) -> None:
        self.pages = Pages(stream, size, head.page_size)
        self.head = head
        self._small = head.page_size <= 8192
        self.spoiled: list[int] = []
        self.unchecked = 0
        self._leaves: dict[int, list[int]] = {}
        self._long: dict[int, list[int]] = {}
        self._values: dict[int, dict[bytes, list[tuple[int, int, int]]]] = {}
        self._survey()
        self.faults: list[Fault] = []
        self.catalogue = Table(CATALOGUE, "MSysObjects", _ROOT, _COLUMNS)
        self._place(self.catalogue)
        self.tables = self._tables()

    def _survey(self) -> None:
        for page, fits in self.pages.headers():
            if fits is False:
                self.spoiled.append(page.number)
            self.unchecked += fits is None
            if page.leaf and page.data:
                self._leaves.setdefault(page.owner, []).append(page.number)
            elif page.leaf and page.long_values:
                self._long.setdefault(page.owner, []).append(page.number)

    def _page(self, number: int) -> tuple[Page, bytes] | None:
        raw = self.pages.raw(number)
        return (header(number, raw), raw) if len(raw) == self.head.page_size else None

    def _place(self, table: Table) -> None:
        """Sort the pages of a table into those its tree leads to and those that are left over."""
        seen, queue, live = {table.root}, [table.root], set[int]()
        while queue:
            number = queue.pop()
            found = self._page(number)
            if found is None or found[0].owner != table.number or not found[0].data:
                table.broken.append(number)
                continue
            page, raw = found
            if page.leaf:
                live.add(number)
                fresh = [page.previous, page.following]
            else:
                table.tree.append(number)
                fresh = [_child(node) for node in self.pages.nodes(page, raw)]
            for child in fresh:
                if child and child not in seen:
                    seen.add(child)
                    queue.append(child)
        table.broken.sort()
        table.live = sorted(live)
        table.stale = [n for n in self._leaves.get(table.number, []) if n not in live]

    def _tables(self) -> list[Table]:
        """The tables the catalogue names, in its order, with the pages of each."""
        tables: dict[int, Table] = {}
        columns: dict[int, dict[int, Column]] = {}
        for row in self.rows(self.catalogue):
            if isinstance(row, Fault):
                self.faults.append(row)
            if isinstance(row, Fault) or not row.live:
                continue
            values = row.values
            owner, kind, number = (_int(values, name) for name in ("ObjidTable", "Type", "Id"))
            if kind == _TABLE and owner not in tables:
                tables[owner] = Table(owner, str(values.get("Name", "")), _int(values, "ColtypOrPgnoFDP"))
            elif kind == _COLUMN:
                columns.setdefault(owner, {}).setdefault(number, _column(values))
            elif kind == _LONG and owner in tables:
                tables[owner].long_number = number
        for table in tables.values():
            table.columns = _placed(columns.get(table.number, {}))
            self._place(table)
        return list(tables.values())

    def table(self, name: str) -> Table | None:
        """A table by its name."""
        return next((t for t in self.tables if t.name == name), None)

    def count(self, table: Table) -> int:
        """Records of a table by the tags of its live pages; nothing is decoded."""
        return sum(1 for node in self._nodes(table.live) if isinstance(node, BadNode) or not node.deleted)

    def _nodes(self, numbers: list[int]) -> Iterator[Node | BadNode]:
        for number in numbers:
            found = self._page(number)
            if found is not None:
                yield from self.pages.nodes(*found)

    def rows(self, table: Table) -> Iterator[Row | Fault]:
        """Records of the live pages, then those left over, in the order of the file."""
        for alive, numbers in ((True, table.live), (False, table.stale)):
            for number in numbers:
                found = self._page(number)
                for node in self.pages.nodes(*found) if found else ():
                    yield self._row(table, node, number, alive)

    def _row(self, table: Table, node: Node | BadNode, number: int, alive: bool) -> Row | Fault:
        if isinstance(node, BadNode):
            return Fault(node.offset, node.length, node.why, alive)
        live = alive and not node.deleted
        try:
            values = read(node.data, table.columns, self._small, lambda key: self.long_value(table, key))
        except (BadRecordError, BadSqueezeError) as error:
            return Fault(node.offset, node.length, str(error), live)
        return Row(values, node.offset, node.length, number, live)

    def long_value(self, table: Table, key: bytes) -> bytes | None:
        """A value too big for its record, put together from its pieces; None where one is missing."""
        index = self._values.get(table.number)
        if index is None:
            index = self._values.setdefault(table.number, self._index(table.long_number))
        pieces = index.get(key[::-1], [])
        out = bytearray()
        for at, number, place in pieces:
            if at != len(out) and at < _MOST_LONG:
                return None
            out += self._piece(number, place)
            if len(out) >= _MOST_LONG:
                break
        return bytes(out[:_MOST_LONG]) if pieces else None

    def _index(self, owner: int) -> dict[bytes, list[tuple[int, int, int]]]:
        """Pieces of long values by their key: (offset in the value, page, index), in that order."""
        out: dict[bytes, list[tuple[int, int, int]]] = {}
        for number in self._long.get(owner, []):
            found = self._page(number)
            for index, node in enumerate(self.pages.nodes(*found) if found else ()):
                if isinstance(node, Node) and not node.deleted and len(node.key) in (8, 12):
                    place = (int.from_bytes(node.key[-4:], "big"), number, index)
                    out.setdefault(node.key[:-4], []).append(place)
        return {key: sorted(places) for key, places in out.items()}

    def _piece(self, number: int, index: int) -> bytes:
        """One piece; a full one is as long as the page allows and is never packed."""
        found = self._page(number)
        node = next(islice(self.pages.nodes(*found), index, None), None) if found else None
        if not isinstance(node, Node):
            return b""
        return unpack(node.data) if len(node.data) < self.head.page_size // 2 else node.data

    def context(self, table: Table) -> tuple[Span, ...]:
        """What else of the file a record of the table cannot be read without: header, catalogue, tree."""
        needed = sorted({*self.catalogue.tree, *self.catalogue.live, *table.tree})
        size = self.head.page_size
        spans = [Span(0, min(size, self.pages.size), "context")]
        for number in needed:
            last = spans[-1]
            if last.offset + last.length == self.pages.offset(number):
                spans[-1] = Span(last.offset, last.length + size, "context")
            else:
                spans.append(Span(self.pages.offset(number), size, "context"))
        return tuple(spans)


def _child(node: Node | BadNode) -> int:
    if isinstance(node, BadNode) or len(node.data) < 4:
        return 0
    return int.from_bytes(node.data[:4], "little")


def _int(values: dict[str, Cell], name: str) -> int:
    found = values.get(name)
    return int(found) if isinstance(found, int | float) else 0


def _column(values: dict[str, Cell]) -> Column:
    kind, default = _int(values, "ColtypOrPgnoFDP"), values.get("DefaultValue")
    return Column(
        number=_int(values, "Id"),
        name=str(values.get("Name", "")),
        kind=kind,
        size=fixed_size(kind, _int(values, "SpaceUsage")),
        codepage=_int(values, "PagesOrLocale"),
        default=default if isinstance(default, bytes) and default else None,
    )


def _placed(columns: dict[int, Column]) -> tuple[Column, ...]:
    """Columns by number; fixed ones follow each other from byte 4 of the record on."""
    out, at = [], 4
    for number in sorted(columns):
        column = columns[number]
        if number <= 127:
            column = Column(number, column.name, column.kind, at, column.size, column.codepage, column.default)
            at += column.size
        out.append(column)
    return tuple(out)
