"""Rows of the timeline gathered into Arrow record batches, for parsers that yield `EventBatch`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa

from shellcase.model import EventBatch
from shellcase.schema import BATCH

ROWS_PER_BATCH = 8192
_TYPES = {f.name: f.type for f in BATCH}

Cell = str | int | None


class Rows:
    """A column store that grows row by row. `constant` columns have one value for all rows."""

    def __init__(self, columns: tuple[str, ...], constant: Mapping[str, Cell]) -> None:
        self.columns = columns
        self.constant = dict(constant)
        self._rows: list[tuple[Cell, ...]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, row: tuple[Cell, ...]) -> None:
        """One row, its cells in the order of `columns`."""
        self._rows.append(row)

    def flush(self) -> Iterator[EventBatch]:
        """What has been gathered, as one batch, and forget it."""
        if self._rows:
            yield self._batch()
            self._rows = []

    def _batch(self) -> EventBatch:
        cells = dict(zip(self.columns, zip(*self._rows, strict=True), strict=True))
        arrays = {name: pa.array(list(values), _TYPES[name]) for name, values in cells.items()}
        for name, value in self.constant.items():
            arrays[name] = pa.array([value] * len(self._rows), _TYPES[name])
        return EventBatch(pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays)))


def ts_cells(ns: int | None) -> tuple[int | None, int | None]:
    """UTC nanoseconds as the cells `ts` (microseconds) and `ts_ns` (the rest)."""
    if ns is None:
        return None, None
    return divmod(ns, 1000)
