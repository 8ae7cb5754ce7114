"""A table for the terminal, CSV for spreadsheets and for programs, JSON lines, Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from shellcase.clean import cell, plain
from shellcase.exporting.rows import LOCAL, Row
from shellcase.schema import TIMELINE

TABLE_COLUMNS = ("ts", "act", "kind", "subject", "event_id")
_TABLE_LIMIT = 160
_BOM = b"\xef\xbb\xbf"


def table(found: Iterator[Row], out: BinaryIO, *, local: bool) -> int:
    """A few columns for people."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    text = io.TextIOWrapper(out, encoding="utf-8", write_through=True)
    names = _with_local(TABLE_COLUMNS, local=local)
    drawn = Table(*names, show_lines=False)
    count = 0
    for row in found:
        drawn.add_row(*(Text(plain(str(row[c] or ""), _TABLE_LIMIT)) for c in names))
        count += 1
    Console(file=text, width=200, no_color=True).print(drawn)
    text.detach()
    return count


def safe_csv(found: Iterator[Row], out: BinaryIO, *, local: bool) -> int:
    """Every column; no cell that a spreadsheet would run. Not lossless."""
    out.write(_BOM)
    return _delimited(found, out, cell, local=local)


def raw_csv(found: Iterator[Row], out: BinaryIO, *, local: bool) -> int:
    """Every column as it is."""
    return _delimited(found, out, str, local=local)


def _with_local(names: tuple[str, ...], *, local: bool) -> tuple[str, ...]:
    at = names.index("ts") + 1
    return (*names[:at], LOCAL, *names[at:]) if local else names


def _delimited(found: Iterator[Row], out: BinaryIO, dress: Callable[[str], str], *, local: bool) -> int:
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    names = _with_local(tuple(n for n in TIMELINE.names if n != "ts_ns"), local=local)
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(names)
    count = 0
    for row in found:
        writer.writerow([dress("" if row[n] is None else str(row[n])) for n in names])
        count += 1
    text.detach()
    return count


def jsonl(found: Iterator[Row], out: BinaryIO) -> int:
    """One JSON object a line, `data` inside it."""
    encoder = msgspec.json.Encoder()
    count = 0
    for row in found:
        data = row["data"]
        row["data"] = msgspec.Raw(data.encode()) if isinstance(data, str) else None
        out.write(encoder.encode(row) + b"\n")
        count += 1
    return count


def parquet(batches: Iterator[pa.RecordBatch], out: BinaryIO) -> int:
    """The timeline's own columns."""
    count = 0
    with pq.ParquetWriter(out, TIMELINE, compression="zstd", compression_level=3) as writer:
        for batch in batches:
            writer.write_batch(batch.cast(TIMELINE))
            count += batch.num_rows
    return count
