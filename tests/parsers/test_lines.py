"""The line reader under all text parsers: the same lines whatever the block size, each at its true place."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parsers.exchange.csvline import whole_rows
from parsers.lines import Block, Line, blocks, decode, lines_before
from parsers.prefix import before
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


def header(raw: bytes, folder: Path, at: int) -> tuple[int, bytes]:
    """Lines before a place, and the `#Fields:` line in force there."""
    return before(job(raw, folder, Span(at, len(raw) - at)), (b"#Fields:",), lambda _old, line, _stream: line.raw, b"")


def test_a_part_finds_the_header_before_it(tmp_path: Path) -> None:
    """After a mark, after NUL bytes of a crash, never inside a line; nearer parts first or last."""
    raw = b"\xef\xbb\xbf#Fields: a b\nx\n\0\0#Fields: c d\r\ny\nz #Fields: no\n#Fields: e f\nz\n"
    assert header(raw, tmp_path, raw.index(b"y\n")) == (3, b"#Fields: c d")
    assert header(raw, tmp_path, raw.index(b"x\n")) == (1, b"#Fields: a b")
    assert header(raw, tmp_path, raw.index(b"#Fields: e")) == (5, b"#Fields: c d")
    assert header(raw, tmp_path, len(raw)) == (7, b"#Fields: e f")
    assert header(b"none\n", tmp_path, 5) == (1, b"")
    assert lines_before(job(raw, tmp_path, Span(raw.index(b"y\n"), 2))) == 3


@given(parts=_RAW, size=st.integers(2, 40))
@_SETTINGS
def test_pieces_of_long_lines_do_not_hang_on_where_a_block_begins(
    parts: list[bytes], size: int, tmp_path: Path
) -> None:
    """A part that begins at any line gives the same lines and pieces as the whole."""
    raw = b"".join(parts)
    whole = filled(list(blocks(job(raw, tmp_path), size)))
    starts = [0, *(n + 1 for n, byte in enumerate(raw) if byte == 10 and n + 1 < len(raw))]
    for cut in starts[1:]:
        spans = (Span(0, cut), Span(cut, len(raw) - cut))
        assert filled([b for s in spans for b in blocks(job(raw, tmp_path, s), size)]) == whole


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
