"""Rows of the timeline from one block of $MFT records, a column at a time.

One row for each distinct instant of $STANDARD_INFORMATION and for each distinct instant of every name (a file with
two hard links has two paths). Its letters say which of the four times fell on that instant: M modified, A accessed,
C record changed, B born.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from parsers.ntfs.filetime import Ticks, columns
from parsers.ntfs.records import Ints
from parsers.ntfs.texts import join

_LETTERS = ((2, "M"), (8, "A"), (4, "C"), (1, "B"))  # bit of the column born, modified, changed, accessed
_WORDS = ((1, "born"), (2, "modified"), (4, "record changed"), (8, "accessed"))
_SETS = (("SI", "$STANDARD_INFORMATION"), ("FN", "$FILE_NAME"))

_MACB = ["".join(letter if mask & bit else "." for bit, letter in _LETTERS) for mask in range(16)]
_SAID = [", ".join(word for bit, word in _WORDS if mask & bit) for mask in range(16)]
_ACTS = pa.array(_MACB)
_HEADS = pa.array([f'{{"set":"{short}","macb":"{macb}",' for short, _ in _SETS for macb in _MACB])
_ENDS = pa.array(
    [f": {life}{said} ({name})" for life in ("", "deleted; ") for _, name in _SETS for said in _SAID],
)


@dataclass(frozen=True, slots=True)
class Lines:
    """Sets of four times (born, modified, changed, accessed), each of one entry under one path."""

    entry: Ints
    fn: Ints  # 0 $STANDARD_INFORMATION, 1 $FILE_NAME
    slot: Ints  # the first of the four ordinals of this line within its entry
    gone: Ints  # 1 where the entry is not in use
    times: Ticks
    path: pa.StringArray
    locator: pa.StringArray
    about: pa.StringArray  # JSON members of the entry
    name: pa.StringArray  # JSON members of the name, and the closing brace


def batch(lines: Lines, record_size: int, state: str = "live") -> pa.RecordBatch:
    """All rows of these lines, by entry and ordinal. A `state` other than live (a snapshot) holds for all of them."""
    row, column, mask = _instants(lines.times)
    ordinal = lines.slot[row] + column
    order = np.lexsort((ordinal, lines.entry[row]))
    row, column, mask, ordinal = row[order], column[order], mask[order], ordinal[order]
    kind = lines.fn[row] * 16 + mask
    path = lines.path.take(pa.array(row))
    out = columns(lines.times[row, column]) | {
        "act": _ACTS.take(pa.array(mask)),
        "offset": pa.array(lines.entry[row] * record_size),
        "locator": lines.locator.take(pa.array(row)),
        "state": pa.array([state, "deleted" if state == "live" else state]).take(pa.array(lines.gone[row])),
        "ordinal": pa.array(ordinal.astype(np.int32)),
        "subject": join(path, _ENDS.take(pa.array(lines.gone[row] * 32 + kind))),
        "file_path": path,
        "data": join(
            _HEADS.take(pa.array(kind)),
            lines.about.take(pa.array(row)),
            lines.name.take(pa.array(row)),
        ),
    }
    out |= _constants(len(row), record_size)
    return pa.RecordBatch.from_pydict(out)


def _instants(times: Ticks) -> tuple[Ints, Ints, Ints]:
    """Of each line the distinct instants: line, column of its first occurrence, bits of the columns that share it."""
    same = times[:, :, None] == times[:, None, :]
    mask = (same * np.array([1, 2, 4, 8])).sum(axis=2)
    first = np.argmax(same, axis=2) == np.arange(4)
    row, column = np.nonzero(first)
    return row, column, mask[row, column]


def _constants(count: int, record_size: int) -> dict[str, pa.Array]:
    same = {
        "kind": "ntfs.mft.entry",
        "ts_zone": "UTC by format",
        "ts_means": "instant",
        "ts_resolution_ns": pa.scalar(100, pa.int64()),
        "length": pa.scalar(record_size, pa.int64()),
    }
    return {name: pa.repeat(value, count) for name, value in same.items()}
