"""The seventeen columns of l2tcsv, the form of log2timeline that spreadsheets' templates know.

Its format has seconds and no more: the exact instant stands in `extra`. Cells are made safe for spreadsheets.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from typing import BinaryIO

import pyarrow as pa

from shellcase.clean import cell, plain
from shellcase.exporting.rows import Row, iso

COLUMNS = (
    "date", "time", "timezone", "MACB", "source", "sourcetype", "type", "user", "host", "short", "desc", "version",
    "filename", "inode", "notes", "format", "extra",
)  # fmt: skip
_SHORT = 80
_SOURCES = {"windows.evtx": "EVT", "windows.registry": "REG", "ntfs": "FILE", "iis": "WEBHIST", "exchange": "LOG"}


def write(batches: Iterator[pa.RecordBatch], out: BinaryIO) -> int:
    """One event a line; events without an instant have the date 00/00/0000, as log2timeline writes it."""
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    count = 0
    for batch in batches:
        for row in batch.to_pylist():
            date, time, *others = _line(row)
            writer.writerow([date, time, *(cell(value) for value in others)])
            count += 1
    text.detach()
    return count


def _line(row: Row) -> tuple[str, ...]:
    ts = row["ts"] if isinstance(row["ts"], datetime) else None
    date, time = (ts.strftime("%m/%d/%Y"), ts.strftime("%H:%M:%S")) if ts else ("00/00/0000", "--:--:--")
    said = str(row["subject"] or row["kind"])
    return (
        date, time, "UTC", _macb(row), _source(str(row["kind"])), str(row["kind"]), str(row["ts_means"] or ""),
        str(row["user"] or "-"), str(row["host"] or "-"), plain(said, _SHORT), said, "2", str(row["path"]),
        str(row["locator"] or "-"), str(row["state"]), str(row["parser"]), _extra(row, ts),
    )  # fmt: skip


def _macb(row: Row) -> str:
    """The letters of a file's times; a record that was logged is a content time, as in log2timeline."""
    act = str(row["act"] or "")
    if len(act) == 4 and set(act) <= set("MACB."):
        return act
    return {"start": "...B", "first": "...B"}.get(str(row["ts_means"]), "M...")


def _source(kind: str) -> str:
    return next((short for start, short in _SOURCES.items() if kind.startswith(start)), "LOG")


def _extra(row: Row, ts: datetime | None) -> str:
    ns, resolution = row["ts_ns"], row["ts_resolution_ns"]
    exact = iso(ts, ns if isinstance(ns, int) else 0, resolution if isinstance(resolution, int) else 1000)
    return f"event_id: {row['event_id']}; ts: {exact}; source: {row['source_id']}; data: {row['data'] or '{}'}"
