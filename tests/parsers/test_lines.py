"""The line reader under all text parsers: the same lines whatever the block size, each at its true place."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parsers.exchange.csvline import whole_rows
from parsers.lines import Block, Line, blocks, decode, last_header, lines_before
from parsers.times import FILETIME_LAST, filetime_moment, filetime_ns, filetime_text, iso_ns, ns_text
from shellcase.model import Job, Span
from tests.parsers.stub import write_source

_RAW = st.lists(st.sampled_from([b"a", b"#", b'"', b"\n", b"\r\n", b"\0", b"\xff", b",", b"long words "]), max_size=60)
_SETTINGS = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def job(raw: bytes, folder: Path, span: Span | None = None) -> Job:
    return Job(source=write_source(folder, raw, "C:\\x.log"), span=span)


def filled(parts: list[Block]) -> list[Line]:
    return [line for block in parts for n in range(len(block)) if (line := block.line(n)).raw]


@given(parts=_RAW, size=st.integers(16, 64))
@_SETTINGS
def test_blocks_of_any_size_give_the_same_records(parts: list[bytes], size: int, tmp_path: Path) -> None:
    raw = b"".join(parts)
    whole = filled(list(blocks(job(raw, tmp_path))))
    if max((line.length for line in raw_lines(raw)), default=0) < size - 2:  # a longer line is cut at the block's end
        assert filled(list(blocks(job(raw, tmp_path), size))) == whole
        assert filled(list(whole_rows(blocks(job(raw, tmp_path), size)))) == whole


def raw_lines(raw: bytes) -> list[Line]:
    return [Line(0, len(part), part) for part in raw.split(b"\n")]


@given(parts=_RAW, size=st.integers(16, 64))
@_SETTINGS
def test_a_line_lies_where_it_says_and_none_is_missing(parts: list[bytes], size: int, tmp_path: Path) -> None:
    raw = b"".join(parts)
    found = filled(list(blocks(job(raw, tmp_path), size)))
    left = bytearray(raw)
    for line in found:
        assert raw[line.offset : line.offset + line.length] == line.raw
        left[line.offset : line.offset + line.length] = bytes(line.length)
    assert not left.translate(None, b"\0\r\n"), "bytes that belong to no line"


def test_records_are_counted_without_headers_and_empty_lines(tmp_path: Path) -> None:
    block = next(iter(blocks(job(b"#h\r\n\r\na\n\0\0\n b\n#\n", tmp_path))))
    assert [block.line(n).raw for n in block.records().nonzero()[0].tolist()] == [b"a", b" b"]


def test_a_part_finds_the_header_before_it(tmp_path: Path) -> None:
    raw = b"#Fields: a b\nx\n#Fields: c d\ny\n#Fields: e f\nz\n"
    at = raw.index(b"y\n")
    assert last_header(job(raw, tmp_path, Span(at, 2))) == b"#Fields: c d"
    assert last_header(job(raw, tmp_path, Span(13, 2))) == b"#Fields: a b"
    assert last_header(job(b"none\n", tmp_path, Span(5, 0))) == b""
    assert lines_before(job(raw, tmp_path, Span(at, 2))) == 3


def test_text_is_shown_without_loss() -> None:
    assert decode("ä".encode() + b"\xff\0") == "ä\\xff\\x00"


@given(filetime=st.integers(1, FILETIME_LAST))
def test_a_filetime_survives_its_text(filetime: int) -> None:
    """Seven digits, never rounded."""
    ns, read = filetime_ns(filetime), iso_ns(filetime_text(filetime))
    assert (None if read is None else read[0]) == ns
    assert read is None or read[1] == 100


def test_sentinels_have_a_text_and_no_instant() -> None:
    assert filetime_moment(0).ns is None
    assert filetime_moment(0).text == "1601-01-01T00:00:00.0000000Z"
    assert filetime_moment(FILETIME_LAST).ns is None
    assert filetime_text(2**64 - 1) == "FILETIME 0xffffffffffffffff"


def test_only_whole_times_are_times() -> None:
    assert iso_ns("2021-03-03T06:49:42.162Z") == (1_614_754_182_162_000_000, 10**6)
    assert iso_ns("2021-02-30T06:49:42.162Z") is None
    assert iso_ns("2021-03-03T24:00:00Z") is None
    assert iso_ns("9999-12-31T23:59:59Z") is None
    assert iso_ns("2021-03-03T06:49:42.162Z,") is None
    assert ns_text(1_614_754_182_162_123_900) == "2021-03-03T06:49:42.1621239Z"
