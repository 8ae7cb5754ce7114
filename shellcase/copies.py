"""Only primaries count: the same record in a shadow copy, an export or a second source of the computer is a copy.

Two steps keep it so. An artefact whose bytes are already parsed for the same path is not parsed again (`Repeats`). Of
what is parsed, a record that equals one of a better place gets that one's id in `copy_of` (`Linking`). The live volume
is the best place of a source, then its newest shadow copy; what an earlier source wrote stays as it is.

Two equal lines in one artefact are two records: the n-th of one artefact is the copy of the n-th of the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from msgspec import Struct

from shellcase.ledger import Entry
from shellcase.model import Ledger
from shellcase.records import Item, SnapshotInfo
from shellcase.schema import PIVOTS

if TYPE_CHECKING:
    import duckdb

    from shellcase.timeline import Timeline

SHADOW = "snapshot:"
_ELSEWHERE = "EventLogsElsewhere"
_OWN_WORDS = 4096
"""Bytes of a log that say more than its header does: no other log has the same."""


def of_shadow(state: str) -> bool:
    """Whether a state is that of something in a shadow copy."""
    return state.startswith(SHADOW)


def counted(item: Item) -> bool:
    """Live items and those of shadow copies; recovered ones stand for nothing else."""
    return item.state == "live" or (of_shadow(item.state) and "+" not in item.state)


Rank = tuple[int, str, int]
"""How good a place is, least first: length and text of the source's number, then the place in the source."""


def ranks(source: str, snapshots: Iterable[SnapshotInfo]) -> dict[tuple[str, str], Rank]:
    """(source, state) → its rank: live, then shadow copies, the newest first."""
    newest = sorted(snapshots, key=lambda s: (-s.created, s.snapshot))
    states = ["live", *(SHADOW + s.snapshot for s in newest)]
    return {(source, state): (len(source), source, n) for n, state in enumerate(states)}


_Bytes = tuple[str, str | None, str, tuple[tuple[str, str], ...]]


@dataclass(slots=True)
class Repeats:
    """Artefacts by their bytes, for one parser: which of them are the same as a better one."""

    rank: Mapping[tuple[str, str], Rank]
    pairs: list[tuple[Item, Item]] = field(default_factory=list)
    """What was left out, with the item that is parsed in its stead."""
    _first: dict[_Bytes, Item] = field(default_factory=dict)

    def pick(self, items: Iterable[Item], beside: Mapping[str, Mapping[str, Item]], own: str) -> list[Item]:
        """Items of the source `own` that are to be parsed. `beside`: companions of each item by artefact id.

        Files read beside an artefact belong to its bytes: the same hive with another log is another hive.
        """
        kept: list[Item] = []
        for item in sorted(items, key=lambda i: (*self._rank(i), i.item)):
            logs = tuple(sorted((role, c.sha256) for role, c in beside.get(item.artifact_id, {}).items()))
            key = (_named(item), item.stream, item.sha256, logs)
            known = self._first.setdefault(key, item) if counted(item) else item
            same_place = (known.source, known.state) == (item.source, item.state)
            if item.source != own:
                continue
            if same_place:
                kept.append(item)
            else:
                self.pairs.append((item, known))
        return kept

    def _rank(self, item: Item) -> Rank:
        return self.rank.get((item.source, item.state), (len(item.source), item.source, len(self.rank)))


def _named(item: Item) -> str:
    """The path, but of logs: who hands some on puts them anywhere and gives them other names."""
    return "" if item.cls == "log" and item.size >= _OWN_WORDS else item.path.lower()


def entry_of(item: Item, known: Item, parser: str, version: int) -> Entry:
    """The account of an artefact that was not parsed again."""
    return Entry(
        artifact_id=item.artifact_id,
        item=item.item,
        path=f"{item.path}:{item.stream}" if item.stream else item.path,
        parser=parser,
        version=version,
        state=item.state,
        ledger=Ledger(),
        events=0,
        same_as=known.item,
    )


_CRC = ',?"crc":"[0-9a-f]{8}"'  # bytes that nothing decodes (a log sequence number) do not make another record
_SITE = ',"site":"[A-Z0-9]+"'  # told by the folder, which a log that was handed on may have lost
_DATA = f"""coalesce(regexp_replace(regexp_replace("data"::VARCHAR, '{_CRC}', ''), '{_SITE}', ''), chr(1))"""
_KEY = ", ".join([*(f'coalesce("{n}"::VARCHAR, chr(1))' for n in ("kind", "ts", "ts_ns", "act", "subject")), _DATA])
_FIELDS = ", ".join(f'coalesce("{name}"::VARCHAR, chr(1))' for name, _type in PIVOTS)
_FAMILY = r"""CASE WHEN channel IS NOT NULL THEN channel
  WHEN kind LIKE 'windows.registry.%' THEN lower(regexp_extract(path, '\\(.*)$', 1))
  ELSE lower(regexp_extract(path, '[^\\]*$')) END"""
_CONDITION = (
    "CASE WHEN state LIKE 'snapshot:%' THEN split_part(state, '+', 2) WHEN state = 'live' THEN '' ELSE state END"
)
_SAME = f"md5_number(concat_ws(chr(0), {_KEY}, {_FIELDS}, {_FAMILY}, {_CONDITION}))"
"""What makes two records the same: everything but where they lie. A record recovered from unused space never stands
for a sound one, so how it was found (`state` without the snapshot) is part of it."""
_PICK = f'event_id, artifact_id, "offset", {_SAME} AS k'


@dataclass(frozen=True, slots=True)
class Linking:
    """What is needed to fill `copy_of` of one source: its places and those before it, by artefact.

    `places` has artifact_id, rank (least is best) and later (whether its records may be copies). `earlier`: Parquet
    files of sources before this one, of the same computer.
    """

    places: pa.Table
    earlier: tuple[Path, ...] = ()

    def link(self, con: duckdb.DuckDBPyConnection, rows: str, parser: str) -> str:
        """The SELECT that gives the rows of a parser with `copy_of` filled. `rows`: FROM clause with a `?` for it."""
        con.register("places", self.places)
        con.execute(f"CREATE TEMP TABLE own AS SELECT {_PICK} {rows}", [parser])
        con.execute("CREATE TEMP TABLE pool AS SELECT own.*, rank, later FROM own JOIN places USING (artifact_id)")
        con.execute("DROP TABLE own")
        con.execute("CREATE TEMP TABLE wanted AS SELECT DISTINCT k FROM pool WHERE later")
        con.execute("DELETE FROM pool WHERE k NOT IN (FROM wanted)")
        if self.earlier:
            listed = ", ".join("'" + p.as_posix().replace("'", "''") + "'" for p in self.earlier)
            before = f"SELECT {_PICK} FROM read_parquet([{listed}], hive_partitioning = false) WHERE parser = ?"  # noqa: S608
            con.execute(
                f"INSERT INTO pool SELECT b.*, rank, false FROM ({before}) b JOIN places USING (artifact_id) "  # noqa: S608
                "WHERE k IN (FROM wanted)",
                [parser],
            )
        con.execute(_LINK)
        con.execute("DROP TABLE pool; DROP TABLE wanted")
        return f"SELECT r.* REPLACE (c.copy_of AS copy_of) FROM (SELECT * {rows}) r LEFT JOIN copies c USING (event_id)"  # noqa: S608


_LINK = """
CREATE TEMP TABLE copies AS
WITH numbered AS (
  SELECT *, row_number() OVER (PARTITION BY k, artifact_id ORDER BY "offset" NULLS LAST, event_id) AS n FROM pool),
best AS (SELECT k, n, min({'rank': rank, 'event_id': event_id}) AS first FROM numbered GROUP BY k, n)
SELECT event_id, min(first.event_id) AS copy_of
FROM numbered JOIN best USING (k, n)
WHERE later AND rank > first.rank
GROUP BY event_id"""


def linking(
    own: str, items: Iterable[Item], rank: Mapping[tuple[str, str], Rank], earlier: Sequence[Path]
) -> Linking | None:
    """The places of a source's artefacts; None where nothing can be a copy.

    That is one source without shadow copies, from which no event log was taken that lies where no log is kept.
    """
    known = list(items)
    if not earlier and not any(of_shadow(i.state) or _stray(i) for i in known if i.source == own):
        return None
    strays = {i.artifact_id: n for n, i in enumerate(sorted(filter(_stray, known), key=lambda i: i.item), start=1)}
    order = {place: n * (len(strays) + 1) for n, place in enumerate(sorted(rank.values()))}
    rows = [
        (
            i.artifact_id,
            order[_place(i, rank)] + strays.get(i.artifact_id, 0),
            i.source == own and (bool(earlier) or of_shadow(i.state) or _stray(i)),
        )
        for i in sorted(known, key=lambda i: i.artifact_id)
    ]
    names, types = ("artifact_id", "rank", "later"), (pa.string(), pa.int32(), pa.bool_())
    columns = [pa.array([r[n] for r in rows], kind) for n, kind in enumerate(types)]
    return Linking(pa.Table.from_arrays(columns, names=list(names)), tuple(earlier))


def _stray(item: Item) -> bool:
    """Whether it is an event log that only the search of all folders found: an export, perhaps, of one at its place."""
    return item.definitions == (_ELSEWHERE,)


def _place(item: Item, rank: Mapping[tuple[str, str], Rank]) -> Rank:
    state = item.state.partition("+")[0]
    return rank.get((item.source, state), rank[item.source, "live"])


PLACES = """
CREATE VIEW places AS
SELECT coalesce(copy_of, event_id) AS primary_id, event_id, source_id, host, state, path, artifact_id,
  "offset", length, locator FROM timeline"""
"""The view `places`: every place of each primary."""


class PlaceOf(Struct, frozen=True, kw_only=True):
    """One place where a record lies. `event_id` is empty where its artefact was not parsed again."""

    event_id: str
    source_id: str
    state: str
    path: str
    offset: int | None
    locator: str
    item: str = ""


def places(timeline: Timeline, event_id: str, entries: Iterable[Entry] = ()) -> list[PlaceOf]:
    """Every place of a record, its primary first, by the id of any of them.

    `entries` is the ledger: with it, artefacts that were not parsed again because their bytes are the same are listed
    too. Empty when there is no such event.
    """
    rows = timeline.query(
        'SELECT event_id, source_id, state, path, "offset", locator, artifact_id FROM places '
        "WHERE primary_id = (SELECT min(primary_id) FROM places WHERE event_id = ?) "
        "ORDER BY event_id <> primary_id, source_id, event_id",
        [event_id],
    ).to_pylist()
    ledger = list(entries)
    items = {e.artifact_id: e.item for e in ledger}
    found: list[PlaceOf] = []
    for row in rows:
        item = items.get(row.pop("artifact_id"), "")
        here = PlaceOf(**row, item=item)
        found.append(here)
        found += [_unparsed(here, e) for e in ledger if item and e.same_as == item]
    return found


def _unparsed(known: PlaceOf, entry: Entry) -> PlaceOf:
    return PlaceOf(
        event_id="",
        source_id="",
        state=entry.state,
        path=entry.path,
        offset=known.offset,
        locator=known.locator,
        item=entry.item,
    )
