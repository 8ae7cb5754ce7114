"""Tables of $MFT records are made column by column; what one record alone would say is the referee."""

from __future__ import annotations

from itertools import accumulate, pairwise
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.ntfs import mft, texts
from parsers.ntfs.records import BLOCK_BYTES
from shellcase.model import EventBatch, Job, ParserOutput, Span
from tests.parsers import ntfs_build as build
from tests.parsers.stub import FileSource

_UNITS = st.lists(
    st.one_of(st.integers(0, 0x7F), st.integers(0, 0xFFFF), st.sampled_from([0xD800, 0xDBFF, 0xDC00, 0xDFFF])),
    max_size=6,
)
_WORDS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=6)


@given(st.lists(_UNITS, max_size=6))
def test_names_together_are_what_they_are_one_by_one(names: list[list[int]]) -> None:
    """Surrogates that meet only at the border of two names are no pair."""
    raw = [np.array(n, "<u2").tobytes() for n in names]
    counts = np.array([len(n) for n in names], np.int64)
    starts = np.array([0, *accumulate(map(len, raw))][: len(raw)], np.int64)
    flat = np.frombuffer(b"".join(raw), np.uint8)
    assert texts.spelled(flat, starts, counts).to_pylist() == [texts.spell(r) for r in raw]


@given(_WORDS, st.integers(0, 3))
def test_texts_inside_of_json_are_read_back(words: list[str], skipped: int) -> None:
    """Of a slice of a column too."""
    column = pa.array(words, pa.string()).slice(min(skipped, len(words)))
    found = [msgspec.json.decode(f'"{t}"') for t in texts.quoted(column).to_pylist()]
    assert found == column.to_pylist()


def _volume() -> bytes:
    """Two folders, names in both halves, an extension record far from its base, a damaged record."""
    top = build.reference(5, 5)
    records = {
        f"_{n}": build.file(n, 1, f"file {n}.txt", build.reference(6 + n % 2, 1), t=build.T0 + n) for n in range(8, 60)
    }
    records |= {"_6": build.file(6, 1, "a", top, flags=3), "_7": build.file(7, 1, "b", build.reference(6, 1), flags=3)}
    records["_50"] = build.record(50, 1, build.data(b"late", "stream"), base=build.reference(9, 1))
    raw = bytearray(build.volume(**records))
    raw[20 * 1024 + 100] ^= 0xFF
    raw[40 * 1024 + 510] ^= 0xFF  # a torn record
    return bytes(raw)


def _rows(found: list[ParserOutput]) -> tuple[list[dict[str, object]], list[str]]:
    rows = [
        row for out in found if isinstance(out, EventBatch) for row in pa.Table.from_batches([out.batch]).to_pylist()
    ]
    return rows, sorted(repr(out) for out in found if not isinstance(out, EventBatch))


@pytest.mark.parametrize("cuts", [1, 2, 3])
def test_parts_of_a_table_are_the_whole(cuts: int, tmp_path: Path) -> None:
    """Paths cross the border, and a base record learns of its extension in another part."""
    file = tmp_path / "mft"
    file.write_bytes(_volume())
    source = FileSource(file, "C:\\$MFT")
    whole = _rows(list(mft.parse(Job(source=source))))
    edges = [0, *(n * source.size // 1024 // (cuts + 1) * 1024 for n in range(1, cuts + 1)), source.size]
    parts: list[ParserOutput] = []
    for at, end in pairwise(edges):
        parts += mft.parse(Job(source=source, span=Span(at, end - at)))
    rows, rest = _rows(parts)
    assert rows == whole[0]
    assert len(rows) > 50
    assert [r for r in rest if r.startswith("Issue")] == [r for r in whole[1] if r.startswith("Issue")]


def test_a_big_table_has_two_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small one has one: all parts read all names first."""
    file = tmp_path / "mft"
    file.write_bytes(bytes(3 * BLOCK_BYTES + 1024))
    source = FileSource(file, "C:\\$MFT")
    assert mft.split(source) == (Span(0, source.size),)
    monkeypatch.setattr(mft, "SPLIT_FROM", 1)
    assert mft.split(source) == (Span(0, BLOCK_BYTES), Span(BLOCK_BYTES, source.size - BLOCK_BYTES))
