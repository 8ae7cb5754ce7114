"""Events out of the timeline, streaming and in its order: one function, one line for each form."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO
from zoneinfo import ZoneInfo

from shellcase.errors import UsageError
from shellcase.exporting import bodyfile, sqlite, supertimeline, tables, timesketch
from shellcase.exporting.rows import rows, zone_of
from shellcase.timeline import Timeline

_Write = Callable[[Timeline, str, BinaryIO, ZoneInfo | None], int]

FORMATS: dict[str, _Write] = {
    "table": lambda t, w, out, zone: tables.table(rows(t.batches(w), zone), out, local=zone is not None),
    "csv": lambda t, w, out, zone: tables.safe_csv(rows(t.batches(w), zone), out, local=zone is not None),
    "raw-csv": lambda t, w, out, zone: tables.raw_csv(rows(t.batches(w), zone), out, local=zone is not None),
    "jsonl": lambda t, w, out, zone: tables.jsonl(rows(t.batches(w), zone), out),
    "parquet": lambda t, w, out, _zone: tables.parquet(t.batches(w), out),
    "timesketch": lambda t, w, out, _zone: timesketch.write(t.batches(w), out),
    "l2tcsv": lambda t, w, out, _zone: supertimeline.write(t.batches(w), out),
    "bodyfile": lambda t, w, out, _zone: bodyfile.write(t.rows_of(bodyfile.QUERY, w), out),
    "sqlite": lambda t, w, out, _zone: sqlite.write(t.batches(w), out),
}
IN_ZONE = ("table", "csv", "raw-csv", "jsonl")


def export(timeline: Timeline, fmt: str, where: str, out: BinaryIO, tz: str = "") -> int:
    """Write the events that meet `where` in the timeline's order; returns the number of lines or rows.

    `jsonl` and `parquet` are exact, `raw-csv` is unescaped; `csv` and `l2tcsv` are made safe for spreadsheets and so
    are not lossless; `bodyfile` holds the entries of $MFT only. `tz`: IANA name of a second column of time.
    """
    if fmt not in FORMATS:
        raise UsageError(f"unknown export format {fmt!r}", todo=f"choose one of {', '.join(FORMATS)}")
    zone = zone_of(tz)
    if zone and fmt not in IN_ZONE:
        raise UsageError(f"{fmt} has no second column of time", tz, f"leave --tz out, or use {', '.join(IN_ZONE)}")
    return FORMATS[fmt](timeline, where, out, zone)
