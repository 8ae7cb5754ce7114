"""Data runs: decoding, extents, and sizes that nobody should believe."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collector.runs import Run, StreamInfo, decode_runs, extents_of, pieces, read_range

CLUSTER = 512


class Pattern:
    """A volume of 64 clusters; each cluster is filled with its number."""

    size = 64 * CLUSTER

    def read_at(self, offset: int, length: int) -> bytes:
        whole = b"".join(bytes([n]) * CLUSTER for n in range(64))
        return whole[offset : offset + length]


def stream(runs: tuple[Run, ...], size: int, initialized: int | None = None) -> StreamInfo:
    """A stream with these runs."""
    return StreamInfo(
        name="", size=size, allocated=0, initialized=size if initialized is None else initialized, runs=runs
    )


def encode(runs: list[tuple[int | None, int]]) -> bytes:
    """Runs as NTFS writes them, four bytes each number."""
    out, before = b"", 0
    for lcn, count in runs:
        out += bytes([0x04 if lcn is None else 0x44]) + count.to_bytes(4, "little")
        if lcn is not None:
            out += (lcn - before).to_bytes(4, "little", signed=True)
            before = lcn
    return out + b"\0"


_RUNS = st.lists(st.tuples(st.none() | st.integers(0, 2**30), st.integers(1, 2**30)), max_size=20)


@given(_RUNS)
def test_runs_survive_the_way_to_the_disk_and_back(runs: list[tuple[int | None, int]]) -> None:
    """Forward and backward jumps, holes."""
    assert decode_runs(encode(runs)) == (runs, "")


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_complained_about(raw: bytes) -> None:
    """A run list without its end mark is never taken as whole."""
    runs, torn = decode_runs(raw)
    assert all(count > 0 and (lcn is None or lcn >= 0) for lcn, count in runs)
    assert torn or b"\0" in raw


def test_bytes_beyond_the_initialized_size_are_zeros() -> None:
    """Clusters that were reserved but never written hold other people's data."""
    data = b"".join(p.data for p in pieces(Pattern(), CLUSTER, stream(((7, 4),), 4 * CLUSTER, initialized=700)))
    assert data == bytes([7]) * 512 + bytes([8]) * 188 + bytes(4 * CLUSTER - 700)


def test_extents_are_what_is_on_the_disk() -> None:
    """Neighbours joined, holes left out, the end cut at the size."""
    found = extents_of(stream(((None, 3), (9, 1), (30, 2), (None, 5), (2, 1)), 11 * CLUSTER + 5), CLUSTER)
    assert found == ((3 * CLUSTER, 3 * CLUSTER), (11 * CLUSTER, 5))


def test_a_range_is_read_across_runs() -> None:
    """From the middle of one run over a hole into the next."""
    data = read_range(Pattern(), CLUSTER, stream(((4, 1), (None, 1), (9, 1)), 3 * CLUSTER), 500, 600)
    assert data == bytes([4]) * 12 + bytes(512) + bytes([9]) * 76


def test_an_impossible_size_costs_no_time() -> None:
    """A hole of an exabyte is stepped over when only allocated parts are wanted."""
    hostile = stream(((None, 1 << 50), (5, 1)), 1 << 60)
    found = list(pieces(Pattern(), CLUSTER, hostile, holes=False))
    assert [len(p.data) for p in found] == [CLUSTER, 0]
    assert "before the size of the file" in found[-1].error
