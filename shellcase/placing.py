"""The parts of big artefacts become files of the timeline as they are: nothing of them is read or sorted again.

A worker writes such a part in runs: each row group is in order of time, equal times in the order of the bytes. What
is small is merged instead (`timeline.write_sorted`), so that a thousand small artefacts do not make a thousand files.
Which artefact is big depends on its size alone; so neither the number of processes nor a resumed run shows.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shellcase.schema import TIMELINE

BIG = 16 << 20
"""An artefact of at least so many bytes is placed as it is."""

RUN_ROWS = 65_536
RUN_BYTES = 64 << 20
"""A run ends after so many rows, or so many bytes of them in memory."""

_DIFFERENT = {"event_id", "ts", "ts_text", "offset", "locator", "subject", "data", "url"}
ENCODED = [name for name in TIMELINE.names if name not in _DIFFERENT]
"""The columns worth a dictionary; the others' values are nearly all different."""


_LONG = {"ts_text", "locator", "subject", "url", "user_agent", "data"}
_MEASURED = [name for name in TIMELINE.names if name not in _LONG]
"""The columns whose least and greatest value are kept: nobody asks for a range of the others."""

_AT_ONCE = 4096


def writer(path: Path) -> pq.ParquetWriter:
    """The file of a part."""
    return pq.ParquetWriter(
        path,
        TIMELINE,
        compression="zstd",
        compression_level=1,
        use_dictionary=ENCODED,  # pyright: ignore[reportArgumentType]
        write_statistics=_MEASURED,  # pyright: ignore[reportArgumentType]
        write_batch_size=_AT_ONCE,
    )


def in_order(table: pa.Table) -> pa.Table:
    """The rows by time to the nanosecond, those without one last; equal times in the order of the bytes."""
    keys = [("ts", "ascending"), ("ts_ns", "ascending"), ("offset", "ascending")]
    order = pc.call_function("sort_indices", [table], pc.SortOptions(keys))
    places = order.to_numpy()
    return table if np.array_equal(places, np.arange(len(places))) else table.take(order)


def place(parts: Sequence[Path], folder: Path, parser: str, there: Sequence[Path]) -> list[Path]:
    """Give the parts of a parser's artefacts, in order, their names in the timeline; parts without rows get none.

    The numbers go on after those of the parser's files that are `there` already.
    """
    stem = re.sub(r"[^A-Za-z0-9._-]", "_", parser)
    first = sum(p.stem.rpartition("-")[0] == stem for p in there)
    filled = [p for p in parts if pq.read_metadata(p).num_rows]
    placed = [folder / f"{stem}-{first + n}.parquet" for n in range(len(filled))]
    for part, target in zip(filled, placed, strict=True):
        _link(part, target)
    return placed


def _link(part: Path, target: Path) -> None:
    """A second name for the same bytes, so that a killed run still has the part; a copy where that cannot be."""
    try:
        os.link(part, target)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}:
            raise
        shutil.copyfile(part, target)
