"""One SQLite database: table `events` with the timeline's columns, and `ts_us` in microseconds since 1970."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from shellcase.clean import storable
from shellcase.exporting.rows import Row, iso
from shellcase.schema import TIMELINE

_NUMBERS = ("int16", "int32", "int64")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NAMES = [f.name for f in TIMELINE if f.name != "ts_ns"]


def write(batches: Iterator[pa.RecordBatch], out: BinaryIO) -> int:
    """Made in a folder for temporary files, then copied whole, as `out` may be a pipe."""
    with tempfile.TemporaryDirectory(prefix="shellcase-") as folder:
        path = Path(folder, "events.sqlite")
        with closing(sqlite3.connect(path)) as database:
            count = _fill(database, batches)
        with path.open("rb") as made:
            shutil.copyfileobj(made, out, 1 << 20)
    return count


def _fill(database: sqlite3.Connection, batches: Iterator[pa.RecordBatch]) -> int:
    database.execute("PRAGMA journal_mode = OFF")
    database.execute("PRAGMA synchronous = OFF")
    columns = [f'"{n}" {_type(n)}' for n in _NAMES]
    database.execute(f"CREATE TABLE events (event_id TEXT PRIMARY KEY, ts_us INTEGER, {', '.join(columns[1:])})")
    marks = ", ".join("?" * (len(_NAMES) + 1))
    count = 0
    for batch in batches:
        rows = [_row(row) for row in batch.to_pylist()]
        database.executemany(f"INSERT INTO events VALUES ({marks})", rows)  # noqa: S608 - question marks
        count += len(rows)
    for column in ("ts_us", "kind"):
        database.execute(f"CREATE INDEX events_{column} ON events ({column})")
    database.commit()
    return count


def _type(name: str) -> str:
    return "INTEGER" if str(TIMELINE.field(name).type) in _NUMBERS else "TEXT"


def _row(row: Row) -> Sequence[object]:
    instant, ns, resolution = row["ts"], row["ts_ns"], row["ts_resolution_ns"]
    micros = (instant - _EPOCH) // _MICROSECOND if isinstance(instant, datetime) else None
    row["ts"] = iso(instant, ns, resolution) if isinstance(instant, datetime) else None  # type: ignore[arg-type]
    for name in ("ts_low", "ts_high"):
        bound = row[name]
        row[name] = iso(bound) if isinstance(bound, datetime) else None
    values = [storable(v) if isinstance(v, str) else v for v in (row[n] for n in _NAMES)]
    return (values[0], micros, *values[1:])
