"""Events out of the timeline: a table for the terminal, spreadsheet-safe CSV, JSON lines, Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from shellcase.clean import cell, plain
from shellcase.errors import UsageError
from shellcase.schema import TIMELINE
from shellcase.timeline import Timeline

TABLE_COLUMNS = ("ts", "act", "kind", "subject", "event_id")
_TABLE_LIMIT = 160
_BOM = b"\xef\xbb\xbf"


def iso(ts: datetime | None, ts_ns: int | None = 0, resolution_ns: int | None = 1000) -> str:
    """ISO 8601 with Z and as many digits as the source has: seconds, milliseconds, 100 ns, else nanoseconds."""
    if ts is None:
        return ""
    whole = ts.strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f"{ts.microsecond:06d}{ts_ns or 0:03d}"
    resolution = resolution_ns or 1
    steps = ((10**9, 0), (10**6, 3), (10**3, 6), (100, 7))
    digits = next((d for unit, d in steps if resolution >= unit), 9)
    while digits < 9 and fraction[digits:].strip("0"):  # never hide a digit the record has
        digits += 1
    return f"{whole}.{fraction[:digits]}Z" if digits else f"{whole}Z"


def export(timeline: Timeline, fmt: str, where: str, out: BinaryIO) -> int:
    """Write the events that meet `where` in the timeline's order; returns their number.

    `csv` is made safe for spreadsheets and so is not lossless; `raw-csv` is unescaped; `jsonl` and `parquet` are exact.
    """
    writers: dict[str, Callable[[Iterator[pa.RecordBatch], BinaryIO], int]] = {
        "table": _table,
        "csv": _csv,
        "raw-csv": _raw_csv,
        "jsonl": _jsonl,
        "parquet": _parquet,
    }
    if fmt not in writers:
        raise UsageError(f"unknown export format {fmt!r}", todo=f"choose one of {', '.join(writers)}")
    return writers[fmt](timeline.batches(where), out)


def _rows(batches: Iterator[pa.RecordBatch]) -> Iterator[dict[str, object]]:
    """Rows as text-ready mappings: `ts` as ISO 8601 with the digits the evidence has, `ts_ns` dropped into it."""
    for batch in batches:
        for row in batch.to_pylist():
            row["ts"] = iso(row["ts"], row.pop("ts_ns"), row["ts_resolution_ns"])
            row["ts_low"], row["ts_high"] = iso(row["ts_low"]), iso(row["ts_high"])
            yield row


def _table(batches: Iterator[pa.RecordBatch], out: BinaryIO) -> int:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    text = io.TextIOWrapper(out, encoding="utf-8", write_through=True)
    table = Table(*TABLE_COLUMNS, show_lines=False)
    count = 0
    for row in _rows(batches):
        table.add_row(*(Text(plain(str(row[c] or ""), _TABLE_LIMIT)) for c in TABLE_COLUMNS))
        count += 1
    Console(file=text, width=200, no_color=True).print(table)
    text.detach()
    return count


def _csv(batches: Iterator[pa.RecordBatch], out: BinaryIO) -> int:
    out.write(_BOM)
    return _delimited(batches, out, cell)


def _raw_csv(batches: Iterator[pa.RecordBatch], out: BinaryIO) -> int:
    return _delimited(batches, out, str)


def _delimited(batches: Iterator[pa.RecordBatch], out: BinaryIO, dress: Callable[[str], str]) -> int:
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    names = [n for n in TIMELINE.names if n != "ts_ns"]
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(names)
    count = 0
    for row in _rows(batches):
        writer.writerow([dress("" if row[n] is None else str(row[n])) for n in names])
        count += 1
    text.detach()
    return count


def _jsonl(batches: Iterator[pa.RecordBatch], out: BinaryIO) -> int:
    encoder = msgspec.json.Encoder()
    count = 0
    for row in _rows(batches):
        data = row["data"]
        row["data"] = msgspec.Raw(data.encode()) if isinstance(data, str) else None
        out.write(encoder.encode(row) + b"\n")
        count += 1
    return count


def _parquet(batches: Iterator[pa.RecordBatch], out: BinaryIO) -> int:
    count = 0
    with pq.ParquetWriter(out, TIMELINE, compression="zstd", compression_level=3) as writer:
        for batch in batches:
            writer.write_batch(batch.cast(TIMELINE))
            count += batch.num_rows
    return count
