"""Short stretches inside fields of a sheet, found for all rows at once."""

from __future__ import annotations

import numpy as np

from parsers.columns import Places, Sheet, windows
from parsers.lines import Ints
from parsers.pieces import Pick


def places_of(raw: bytes, needle: bytes, rare: bytes) -> Ints:
    """Where a text of bytes begins, everywhere; `rare` is a byte of it that few others are."""
    at = needle.index(rare)
    places = np.flatnonzero(np.frombuffer(raw, np.uint8)[at:] == rare[0])
    found = windows(raw, places, len(needle)).view(f"V{len(needle)}").ravel()
    there: Ints = places[found == np.void(needle)]
    return there


def within(sheet: Sheet, field: int, places: Ints, size: int) -> tuple[Ints, Ints]:
    """Of places those where so many bytes lie within a field, and their rows."""
    starts, ends = sheet.starts(field), sheet.ends(field)
    rows = np.searchsorted(starts, places, "right") - 1
    inside = (rows >= 0) & (places >= starts[rows]) & (places + size <= ends[rows])
    return places[inside], rows[inside]


def first_of_rows(sheet: Sheet, field: int, rows: Ints, starts: Ints, ends: Ints) -> Pick:
    """The first stretch of each row that has any; `rows` ascend."""
    rows, first = np.unique(rows, return_index=True)
    low: Places = sheet.starts(field).copy()
    high = low.copy()
    low[rows], high[rows] = starts[first], ends[first]
    return Pick(low, high)
