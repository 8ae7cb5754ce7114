"""Texts made of words and numbers, whatever the numbers are."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from shellcase.digits import joined

_EDGES = [0, 1, 9, 10, 99, 9_999, 10_000, 99_999, 10**8 - 1, 10**8, 2**32 - 1, 2**32, 10**12, 2**53, 2**63 - 1]


@pytest.mark.parametrize("number", _EDGES)
def test_a_number_of_any_length_is_told_in_full(number: int) -> None:
    """Every number of digits has its own way into its place."""
    told = joined(["ab-", np.full(3, number, np.int64), "-z"], 3)
    assert told.to_pylist() == [f"ab-{number}-z"] * 3


@pytest.mark.parametrize(("low", "high"), [(0, 10), (1000, 10_000), (10**9, 10**10), (0, 2**62), (-50, 50), (8, 12)])
def test_columns_of_numbers_are_told_as_python_tells_them(low: int, high: int) -> None:
    """Same lengths or different ones, with a sign or without."""
    random = np.random.default_rng(7)
    first, second = (random.integers(low, high, 500) for _ in range(2))
    told = joined([first, "-ä-", second], 500)
    told.validate(full=True)
    assert told.to_pylist() == [f"{a}-ä-{b}" for a, b in zip(first.tolist(), second.tolist(), strict=True)]


def test_no_rows_make_no_texts() -> None:
    """An empty batch stays one."""
    told = joined(["line ", np.zeros(0, np.int64)], 0)
    assert (len(told), told.type) == (0, pa.string())
