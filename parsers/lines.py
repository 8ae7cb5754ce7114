"""Lines of text logs with their byte offsets, in bounded memory; no line is ever dropped.

A line ends with LF or CRLF. NUL bytes at either end (a log that was preallocated and still open) and a UTF-8 byte
order mark are no part of it. UTF-16 files (by their mark, or by their first characters where the front is lost) are
turned into UTF-8 lines that keep their own offsets.
Lines longer than a block are cut; the pieces are lines of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from shellcase.model import Job, Source, Span

BLOCK = 4 << 20
"""Bytes read at once; also the longest line."""

SPAN = 16 << 20
"""The least size of a part of a file that is parsed on its own."""

MOST_SPANS = 24
"""A part looks back for its header, so many parts of a huge file would read it many times over."""

FRONT, _TEXT = 16, re.compile(rb"[\t\r\n\x20-\x7e]+")
"""How many bytes show whether a file without a mark is UTF-16: characters of ASCII, half of whose bytes are zero."""

UTF8_MARK, UTF16_MARKS = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class Line(NamedTuple):
    """One line: where it lies in the artefact (with its line end left out) and its bytes as UTF-8 or unknown."""

    offset: int
    length: int
    raw: bytes

    @property
    def is_record(self) -> bool:
        """Neither empty nor a `#` header."""
        return bool(self.raw) and not self.raw.startswith(b"#")


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of a file. `starts` and `ends` bound each line inside `raw`; empty lines have equal bounds.

    `offset` is where `raw` begins in the artefact. `places` replaces that sum where `raw` was re-coded, `before` is how
    many bytes it had then.
    """

    offset: int
    raw: bytes
    starts: Ints
    ends: Ints
    places: tuple[Ints, Ints] | None = None
    before: int | None = None

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def taken(self) -> int:
        """How many bytes of the artefact these lines are."""
        return len(self.raw) if self.before is None else self.before

    @property
    def ends_of_line(self) -> int:
        """How many line ends it holds: a piece of a line that is too long has none."""
        return int(np.count_nonzero(np.frombuffer(self.raw, np.uint8) == ord("\n")))

    def offsets(self) -> tuple[Ints, Ints]:
        """Offset and length of every line in the artefact."""
        return self.places or (self.starts + self.offset, self.ends - self.starts)

    def line(self, index: int) -> Line:
        """One line by its number in the block."""
        start, end = int(self.starts[index]), int(self.ends[index])
        raw = self.raw[start:end]
        if self.places is None:
            return Line(self.offset + start, end - start, raw)
        offsets, lengths = self.places
        return Line(int(offsets[index]), int(lengths[index]), raw)

    def headers(self) -> Bools:
        """Which lines begin with `#`."""
        filled = self.ends > self.starts
        heads: Bools = filled.copy()
        heads[filled] = np.frombuffer(self.raw, np.uint8)[self.starts[filled]] == ord("#")
        return heads

    def records(self) -> Bools:
        """Which lines are neither empty nor headers: this is the count no parser takes part in."""
        return (self.ends > self.starts) & ~self.headers()


def decode(raw: bytes) -> str:
    r"""Bytes as text without loss: what is not UTF-8, and NUL, becomes `\xNN`."""
    return raw.decode("utf-8", "backslashreplace").replace("\0", "\\x00")


def blocks(job: Job, size: int = BLOCK) -> Iterator[Block]:
    """The lines of a job's artefact, or of its span, block by block."""
    with job.source.open() as stream:
        if codec := _utf16(head := stream.read(FRONT)):
            base = 2 if head[:2] in UTF16_MARKS else 0
            stream.seek(base)
            yield from _utf16_blocks(stream, codec, size, base)
            return
        start = job.span.offset if job.span else 0
        length = job.span.length if job.span else None
        stream.seek(start)
        yield from _byte_blocks(stream, start, length, size)


def _utf16(head: bytes) -> str:
    """Which UTF-16 a file is that begins so; empty where it is none."""
    if head[:2] in UTF16_MARKS:
        return "utf-16-le" if head[:2] == UTF16_MARKS[0] else "utf-16-be"
    low, high = head[::2], head[1::2]
    if len(head) < FRONT or (any(low) and any(high)):
        return ""
    return "utf-16-le" if _TEXT.fullmatch(low) else "utf-16-be" if _TEXT.fullmatch(high) else ""


def _byte_blocks(stream: BinaryIO, start: int, length: int | None, size: int) -> Iterator[Block]:
    """Whole lines; the pieces of a line that is too long are cut from where it begins, each a block of its own."""
    end = None if length is None else start + length
    rest, at = b"", start
    while True:
        want = size if end is None else min(size, end - at - len(rest))
        fresh = stream.read(want) if want > 0 else b""
        raw = rest + fresh
        while len(raw) > size and raw.find(b"\n", 0, size + 1) < 0:
            yield as_block(at, raw[:size])
            raw, at = raw[size:], at + size
        cut = raw.rfind(b"\n") + 1 if fresh else len(raw)
        if cut:
            yield as_block(at, raw[:cut])
        rest, at = raw[cut:], at + cut
        if not fresh:
            return


def as_block(offset: int, raw: bytes) -> Block:
    """Find the lines in bytes that begin at an offset of the artefact."""
    data = np.frombuffer(raw, np.uint8)
    ends = np.flatnonzero(data == 10)
    starts = np.concatenate((np.zeros(1, np.int64), ends + 1))
    ends = np.append(ends, len(raw))
    if starts[-1] == len(raw):
        starts, ends = starts[:-1], ends[:-1]
    if len(starts) and offset == 0 and raw.startswith(UTF8_MARK):
        starts[0] = min(3, int(ends[0]))
    ends = ends - ((ends > starts) & (data[ends - 1] == 13)) if len(ends) else ends
    return Block(offset, raw, *_without_nul(raw, starts, ends))


def places_of_byte(raw: bytes, sign: bytes) -> Ints:
    """Where a byte stands. Few are found one by one, which is five times as fast as comparing all bytes."""
    found: list[int] = []
    at, most = raw.find(sign), len(raw) >> 13
    while at >= 0 and len(found) < most:
        found.append(at)
        at = raw.find(sign, at + 1)
    return np.array(found, np.int64) if at < 0 else np.flatnonzero(np.frombuffer(raw, np.uint8) == sign[0])


def _without_nul(raw: bytes, starts: Ints, ends: Ints) -> tuple[Ints, Ints]:
    """Take NUL bytes off both ends of each line."""
    if b"\0" not in raw:
        return starts, ends
    nul = places_of_byte(raw, b"\0")
    touched = np.unique(np.searchsorted(starts, nul, "right") - 1)
    for index in touched.tolist():
        line = raw[starts[index] : ends[index]]
        ends[index] -= len(line) - len(line.rstrip(b"\0\r"))
        starts[index] = min(ends[index], starts[index] + len(line) - len(line.lstrip(b"\0")))
    return starts, ends


def _utf16_blocks(stream: BinaryIO, codec: str, size: int, base: int) -> Iterator[Block]:
    """`base`: how long its mark is."""
    newline = "\n".encode(codec)
    at, rest = base, b""
    while True:
        fresh = stream.read(size - size % 2)
        raw = rest + fresh
        cut = _last_newline(raw, newline) if fresh else len(raw)
        if not cut and len(raw) >= size:
            cut = len(raw) - len(raw) % 2
        if cut:
            yield _utf16_block(at, raw[:cut], codec, newline, base if at == base else 0)
        rest, at = raw[cut:], at + cut
        if not fresh:
            return


def _last_newline(raw: bytes, newline: bytes) -> int:
    """Where the last whole line ends; a newline counts only at an even place."""
    at = raw.rfind(newline)
    while at >= 0 and at % 2:
        at = raw.rfind(newline, 0, at + 1)
    return at + 2 if at >= 0 else 0


def _utf16_block(offset: int, raw: bytes, codec: str, newline: bytes, mark: int) -> Block:
    """Re-code whole lines; the places keep pointing at the UTF-16 bytes."""
    bounds, places, parts, at, out = [], [], [], 0, 0
    while at < len(raw):
        end = _first_newline(raw, newline, at)
        text = raw[at:end].decode(codec, "backslashreplace")
        before, behind = (2 * (len(text) - len(part)) for part in (text.lstrip("\r\0"), text.rstrip("\r\0")))
        line = text.strip("\r\0").replace("\n", " ").encode("utf-8", "backslashreplace")
        bounds.append((out, out + len(line)))
        places.append((offset + at + before, max(0, end - at - before - behind)) if line else (offset + at, 0))
        parts.append(line + b"\n")
        out, at = out + len(line) + 1, end + 2
    low, high = np.array(bounds, np.int64).T
    offsets, lengths = np.array(places, np.int64).T
    return Block(offset, b"".join(parts), low, high, (offsets, lengths), len(raw) + mark)


def _first_newline(raw: bytes, newline: bytes, start: int) -> int:
    at = raw.find(newline, start)
    while at >= 0 and at % 2:
        at = raw.find(newline, at + 1)
    return at if at >= 0 else len(raw)


def split(source: Source) -> tuple[Span, ...]:
    """Cut a big file at line ends into parts of equal size; by the bytes alone. UTF-16 files stay whole."""
    return tuple(cuts(source, line_start))


def cuts(source: Source, cut: Callable[[BinaryIO, int, int], int]) -> Iterator[Span]:
    """Parts of about the same size. `cut` gives the first good place behind another one: stream, that place, size."""
    size, start = source.size, 0
    step = max(SPAN, -(-size // MOST_SPANS))
    with source.open() as stream:
        if _utf16(stream.read(FRONT)):
            step = size
        while start < size:
            end = cut(stream, start + step, size)
            yield Span(start, end - start)
            start = end
    if not size:
        yield Span(0, 0)


def line_start(stream: BinaryIO, at: int, size: int) -> int:
    """Where the first line begins that does so behind a place; the end of the file when there is none."""
    stream.seek(min(at, size))
    while (piece := stream.readline(BLOCK)) and not piece.endswith(b"\n"):
        pass
    return min(stream.tell(), size)


def lines_before(job: Job) -> int:
    """How many lines end before the job's span begins, so that people get line numbers of the whole file."""
    left = job.span.offset if job.span else 0
    count = 0
    with job.source.open() as stream:
        while left > 0 and (raw := stream.read(min(BLOCK, left))):
            count += raw.count(b"\n")
            left -= len(raw)
    return count
