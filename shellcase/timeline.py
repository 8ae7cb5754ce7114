"""The timeline: events of all parsers as sorted Parquet files, asked with DuckDB.

Workers write shards with `rows`; `write_sorted` merges the shards of one source. The files are a pure function of the
rows: neither the number nor the order of the shards shows in the bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shellcase.copies import PLACES, Linking
from shellcase.refusal import refused
from shellcase.rows import Ids, complete_batch, rows_to_batch
from shellcase.schema import ORDER, TIMELINE

__all__ = ["ROW_GROUP", "SORTING", "Ids", "Timeline", "complete_batch", "rows_to_batch", "write_sorted"]

ROW_GROUP = 65_536
GROUP_BYTES = 64 << 20
GROUPS_PER_FILE = 64
_BLOCK = 4096
_LONG = ("data", "url", "subject", "command")
THREADS, SORTING, MEMORY = 2, ".sort", "768MB"
_ALONE: dict[str, str | bool | int | float | list[str]] = {"threads": "1", "memory_limit": "512MB"}
"""For sorting: two threads do not do with so little where rows are long, and workers may be at it meanwhile."""
_SORT = ", ".join(f'"{c}" ASC NULLS LAST' for c in ORDER)


@dataclass(frozen=True, slots=True)
class Timeline:
    """A DuckDB connection with two views: `timeline` (all rows) and `live` (what counts: no copies, state live)."""

    connection: duckdb.DuckDBPyConnection

    @classmethod
    def connect(cls, folder: Path) -> Timeline:
        """Open every Parquet file below `folder`. DuckDB may read that folder, nothing else, and no network."""
        files = sorted(p.as_posix() for p in folder.rglob("*.parquet"))
        con = _open(folder)
        if files:
            listed = ", ".join(_quoted(f) for f in files)
            select = f"SELECT * FROM read_parquet([{listed}], hive_partitioning = false)"  # noqa: S608 - our own paths
        else:
            select = _empty_select()
        con.execute(f"CREATE VIEW timeline AS {select}")
        con.execute(PLACES)
        con.execute("CREATE VIEW live AS SELECT * FROM timeline WHERE state = 'live' AND copy_of IS NULL")
        con.execute("SET lock_configuration = true")
        return cls(con)

    def query(self, sql: str, params: Sequence[object] | dict[str, object] | None = None) -> pa.Table:
        """The answer as an Arrow table. A query DuckDB refuses raises UsageError with DuckDB's words."""
        try:
            return self._run(sql, params).to_arrow_table()
        except duckdb.Error as e:
            raise refused(sql, e) from e

    def batches(self, where: str = "true", order: str = _SORT, rows: int = 8192) -> Iterator[pa.RecordBatch]:
        """The events in order, batch by batch, in bounded memory."""
        yield from self._run(_select(where, order), None).to_arrow_reader(rows)

    def rows_of(self, query: str, where: str = "true", rows: int = 8192) -> Iterator[pa.RecordBatch]:
        """What a query of ours makes of the events that meet a condition, which stands in it as `{where}`."""
        yield from self._run(query.replace("{where}", where), None).to_arrow_reader(rows)

    def events(self, where: str = "true", order: str = _SORT, limit: int | None = None) -> pa.Table:
        """Events that meet an SQL condition, in the timeline's total order unless another is asked for."""
        return self.query(_select(where, order) + (f" LIMIT {int(limit)}" if limit is not None else ""))

    def event(self, event_id: str) -> dict[str, Any] | None:
        """One event as a mapping of columns, or None."""
        found = self.query("SELECT * FROM timeline WHERE event_id = ? LIMIT 1", [event_id]).to_pylist()
        return found[0] if found else None

    def close(self) -> None:
        """Let go of the files."""
        self.connection.close()

    def _run(self, sql: str, params: Sequence[object] | dict[str, object] | None) -> duckdb.DuckDBPyRelation:
        try:
            return self.connection.sql(sql, params=params or None)
        except duckdb.Error as e:
            raise refused(sql, e) from e


def _select(where: str, order: str) -> str:
    total = f"{order}, event_id ASC" if "event_id" not in order else order
    return f"SELECT * FROM timeline WHERE ({where}) ORDER BY {total}"  # noqa: S608 - the examiner's own condition


def _open(folder: Path) -> duckdb.DuckDBPyConnection:
    offline = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    con = duckdb.connect(":memory:", config={**offline, "threads": str(THREADS), "memory_limit": MEMORY})
    con.execute("SET GLOBAL TimeZone = 'UTC'")  # plain SET would not reach the cursors made of this connection
    if len(folder.parents) > 1 and (work := folder.parents[1] / "work").is_dir():
        con.execute(f"SET temp_directory = {_quoted((work / SORTING).as_posix())}")
    folders = ", ".join(_quoted(f"{p.as_posix()}/") for p in (folder, folder.resolve()))
    con.execute(f"SET allowed_directories = [{folders}]")
    con.execute("SET enable_external_access = false")
    return con


def _empty_select() -> str:
    types = {"timestamp[us, tz=UTC]": "TIMESTAMPTZ", "int16": "SMALLINT", "int32": "INTEGER", "int64": "BIGINT"}
    columns = ", ".join(f'NULL::{types.get(str(f.type), "VARCHAR")} AS "{f.name}"' for f in TIMELINE)
    return f"SELECT {columns} WHERE false"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def write_sorted(shards: Sequence[Path], out_dir: Path, source_id: str, linking: Linking | None = None) -> list[Path]:
    """Merge the shards of one source into `<parser>-<n>.parquet` files in the timeline's order; returns the files.

    DuckDB sorts out of core; rows stream into row groups of a fixed size. Rows of another source are refused. `linking`
    fills `copy_of`.
    """
    by_parser: dict[str, list[Path]] = {}
    for shard in sorted(shards):
        for parser in _parsers_in(shard):
            by_parser.setdefault(parser, []).append(shard)
    out_dir.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for parser in sorted(by_parser):
        rows = _sorted_rows(parser, by_parser[parser], out_dir, source_id, linking)
        written += _write_parser(parser, rows, out_dir)
    return written


def _parsers_in(shard: Path) -> list[str]:
    """From the footer's statistics where they settle it, else from the column."""
    column = TIMELINE.get_field_index("parser")
    with pq.ParquetFile(shard) as file:
        found: set[str] = set()
        for g in range(file.metadata.num_row_groups):
            stats = file.metadata.row_group(g).column(column).statistics
            if stats is not None and stats.has_min_max and stats.min == stats.max:
                found.add(stats.min)
            else:
                found |= set(file.read_row_group(g, columns=["parser"])["parser"].unique().to_pylist())
    return sorted(found)


def _write_parser(parser: str, rows: Iterator[pa.RecordBatch], out_dir: Path) -> list[Path]:
    stem = re.sub(r"[^A-Za-z0-9._-]", "_", parser)
    written: list[Path] = []
    groups = _row_groups(rows)
    for n, first in enumerate(groups):
        path = out_dir / f"{stem}-{n}.parquet"
        with pq.ParquetWriter(path, TIMELINE, compression="zstd", compression_level=3) as writer:
            writer.write_table(first, row_group_size=ROW_GROUP)
            for _, more in zip(range(GROUPS_PER_FILE - 1), groups, strict=False):
                writer.write_table(more, row_group_size=ROW_GROUP)
        written.append(path)
    return written


def _sorted_rows(
    parser: str, shards: list[Path], out_dir: Path, source_id: str, linking: Linking | None
) -> Iterator[pa.RecordBatch]:
    with duckdb.connect(":memory:", config=_ALONE) as con:
        con.execute("SET GLOBAL TimeZone = 'UTC'; SET autoinstall_known_extensions = false")  # GLOBAL: for cursors too
        con.execute(f"SET temp_directory = {_quoted((out_dir / SORTING).as_posix())}")
        listed = ", ".join(_quoted(p.as_posix()) for p in shards)
        sql = f"FROM read_parquet([{listed}], hive_partitioning = false) WHERE parser = ?"
        strangers = con.execute(f"SELECT count(*) {sql} AND source_id IS DISTINCT FROM ?", [parser, source_id])  # noqa: S608
        [(count,)] = strangers.fetchall()
        if count:
            raise ValueError(f"{count} rows of {parser} belong to another source than {source_id}")
        select = linking.link(con, sql, parser) if linking else f"SELECT * {sql}"
        query = f"FROM ({select}) ORDER BY {_SORT}, data, subject"
        yield from con.sql(query, params=[parser]).to_arrow_reader(_BLOCK)


def _row_groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Cut at the same rows, whatever the sizes of the batches: the bytes depend on it. Long texts make groups short."""
    held: list[pa.Table] = []
    rows = size = 0
    for block in _blocks(batches):
        held.append(block)
        rows += block.num_rows
        size += sum(_text(block[name]) for name in _LONG)
        if rows >= ROW_GROUP or size >= GROUP_BYTES:
            group = _canonical(pa.concat_tables(held))
            held, rows, size = [], 0, 0
            yield group
    if rows:
        yield _canonical(pa.concat_tables(held))


def _text(column: pa.ChunkedArray) -> int:
    return pc.call_function("sum", [pc.call_function("binary_length", [column])]).as_py() or 0


def _blocks(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The same rows in tables of `_BLOCK` rows, the last one shorter."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        table, at = pa.Table.from_batches([*held, batch]), 0
        while table.num_rows - at >= _BLOCK:
            yield table.slice(at, _BLOCK)
            at += _BLOCK
        held = table.slice(at).to_batches()
    if held:
        yield pa.Table.from_batches(held)


def _canonical(table: pa.Table) -> pa.Table:
    return table.cast(TIMELINE).combine_chunks()
