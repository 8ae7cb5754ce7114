"""Small timelines out of made-up rows, so that rules and chains can be tried before any parser exists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from shellcase.model import Event, Moment, Origin, Span
from shellcase.rulebook import ExampleRow
from shellcase.schema import TIMELINE
from shellcase.timeline import Ids, Timeline, rows_to_batch, write_sorted

PIVOTS = (
    "user", "src_ip", "process", "command", "file_path", "url", "http_method", "http_status", "user_agent",
    "event_code", "channel", "provider",
)  # fmt: skip


def moment(text: str | None) -> Moment:
    """ISO 8601 with Z to a Moment; up to nine digits of fraction."""
    if text is None:
        return Moment(None, 100, "")
    head, _, fraction = text.removesuffix("Z").partition(".")
    whole = int(datetime.fromisoformat(head).replace(tzinfo=UTC).timestamp())
    return Moment(whole * 10**9 + int(fraction.ljust(9, "0")), 10 ** (9 - len(fraction)), text)


def event(row: ExampleRow, n: int) -> Event:
    """The event a parser would have made of the row; `n` keeps the ids apart."""
    fields = {name: getattr(row, name) for name in PIVOTS}
    origin = Origin((Span(n * 100, 100),), f"line {n + 1}", row.state)
    return Event(
        when=moment(row.ts), act=row.act, kind=row.kind, subject=row.kind, origin=origin, data=row.data, **fields
    )


def batches_of(rows: Iterable[ExampleRow], source: str = "SRC-01") -> list[pa.RecordBatch]:
    """One batch per artefact or stretch of it, as a worker would write it."""
    ids: dict[str, str] = {}
    batches = []
    for path, some in groupby(enumerate(rows), key=lambda pair: pair[1].path):
        artifact = ids.setdefault(path, f"{len(ids):016x}")
        who = Ids(parser="test.rows", source_id=source, host="EX01", artifact_id=artifact, path=path)
        batches.append(rows_to_batch([event(row, n) for n, row in some], who))
    return batches


def write_shards(batches: Sequence[pa.RecordBatch], folder: Path, count: int) -> list[Path]:
    """Deal the batches to `count` Parquet files, the last rows first when there are several."""
    folder.mkdir(parents=True)
    order = list(batches) if count == 1 else list(batches)[::-1]
    paths = []
    for n in range(count):
        paths.append(folder / f"{n}.parquet")
        pq.write_table(pa.Table.from_batches(order[n::count], schema=TIMELINE), paths[-1])
    return paths


def timeline_of(
    rows: Iterable[ExampleRow], folder: Path, shards: int = 1, *, second: Iterable[ExampleRow] = ()
) -> Timeline:
    """Write the rows as one source's Parquet files below `folder`, `second` as another's, and open them."""
    out = folder / "timeline"
    for source, of_it in (("SRC-01", batches_of(rows)), ("SRC-02", batches_of(second, "SRC-02"))):
        if of_it:
            write_sorted(write_shards(of_it, folder / f"shards-{source}", shards), out / f"source={source}", source)
    return Timeline.connect(out)
