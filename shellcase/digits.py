"""Texts of words and whole numbers side by side, for all rows at once. Part of the model; needs nothing of ours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_FOUR = 10_000
_TEXTS = np.frombuffer(b"".join(b"%04d" % number for number in range(_FOUR)), np.uint32)
"""Four decimal digits each, to be copied as they lie."""
_MOST = 1 << 30


def joined(parts: Sequence[str | npt.NDArray[np.int64]], size: int) -> pa.StringArray:
    """One text for each of so many rows: words and the decimal digits of numbers, at least one column of these.

    Nearly always a column's numbers all have the same number of digits; then they are copied into their places.
    """
    if not size:
        return pa.array([], pa.string())
    widths = [len(part.encode()) if isinstance(part, str) else _digits(part) for part in parts]
    row = b"".join(p.encode() if isinstance(p, str) else b"0" * w for p, w in zip(parts, widths, strict=True))
    if min(widths) < 0 or size * len(row) > _MOST:
        return _one_by_one(parts)
    texts, at = bytearray(row * size), 0
    for part, width in zip(parts, widths, strict=True):
        if not isinstance(part, str):
            _write(part, texts, at, width, len(row))
        at += width
    offsets = np.arange(0, (size + 1) * len(row), len(row), dtype=np.int32)
    return pa.StringArray.from_buffers(size, pa.py_buffer(offsets), pa.py_buffer(texts))


def _digits(numbers: npt.NDArray[np.int64]) -> int:
    """How many digits all of them have; below zero when not all have as many."""
    low, high = int(numbers.min()), int(numbers.max())
    return len(str(high)) if low >= 0 and len(str(low)) == len(str(high)) else -1


def _write(numbers: npt.NDArray[np.int64], texts: bytearray, at: int, width: int, step: int) -> None:
    """The digits of one column, from the last four on; each row lies `step` bytes behind the one before."""
    left = numbers.astype(np.uint32 if int(numbers.max()) < 1 << 32 else np.uint64)
    while width:
        part = min(4, width)
        left, fours = np.divmod(left, _FOUR)
        digits = np.ndarray(len(fours), f"V{part}", _TEXTS[fours], 4 - part, (4,))
        width -= part
        np.ndarray(len(fours), f"V{part}", texts, at + width, (step,))[:] = digits


def _one_by_one(parts: Sequence[str | npt.NDArray[np.int64]]) -> pa.StringArray:
    texts = [pa.scalar(p) if isinstance(p, str) else pa.array(p).cast(pa.string()) for p in parts]
    return pc.call_function("binary_join_element_wise", [*texts, pa.scalar("")])
