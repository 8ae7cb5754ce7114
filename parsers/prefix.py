"""What stands before a part of a text log: the header in force there and the number of lines.

The bytes before the part are looked through once, in order, for line ends and header lines only. What was found is
kept for the next part of the same file, so that a process that reads part after part looks at each byte once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, TypeVar

import numpy as np

from parsers.lines import BLOCK, UTF8_MARK, Ints, Line
from shellcase.model import Job

State = TypeVar("State")
_Key = tuple[tuple[int, ...], tuple[bytes, ...]]


@dataclass(slots=True)
class _Known:
    key: _Key
    offset: int
    lines: int
    state: object


_known: list[_Known] = []
"""The last file that was looked through, at most one."""


def before(
    job: Job, names: tuple[bytes, ...], take: Callable[[State, Line, BinaryIO], State], start: State
) -> tuple[int, State]:
    """How many lines end before the job's span, and what `take` makes of the header lines there, in their order.

    Header lines begin with one of `names`. `start` is what holds at the file's first byte; values must not be changed.
    """
    end = job.span.offset if job.span else 0
    if not end:
        return 0, start
    with job.source.open() as stream:
        known = _recalled(_key(stream, names), end, start)
        for line, count in _header_lines(stream, known.offset, end, names):
            known.lines += count
            if line is not None:
                known.state = take(known.state, line, stream)  # type: ignore[arg-type]
        known.offset = end
        _known[:] = [known] if known.key[0] else []
        return known.lines, known.state  # type: ignore[return-value]


def _key(stream: BinaryIO, names: tuple[bytes, ...]) -> _Key:
    """What tells this very file from all others; nothing where the stream is no file of this machine."""
    try:
        stat = os.fstat(stream.fileno())
    except OSError:  # io.UnsupportedOperation is one
        return (), names
    return (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns), names


def _recalled(key: _Key, end: int, start: object) -> _Known:
    for known in _known:
        if known.key == key and key[0] and known.offset <= end:
            return known
    return _Known(key, 0, 0, start)


def _header_lines(stream: BinaryIO, low: int, end: int, names: tuple[bytes, ...]) -> Iterator[tuple[Line | None, int]]:
    """Header lines between two line starts, and with each block the number of lines that end in it."""
    at = low
    while at < end:
        stream.seek(at)
        raw = stream.read(min(BLOCK, end - at))
        if not raw:
            return
        cut = raw.rfind(b"\n") + 1 or len(raw)
        feeds = np.flatnonzero(np.frombuffer(raw, np.uint8, cut) == ord("\n"))
        yield None, len(feeds)
        for place in _places(raw[:cut], feeds, at == 0, names):
            stream.seek(at + place)
            text = stream.readline(BLOCK).rstrip(b"\n").rstrip(b"\r\0")
            yield Line(at + place, len(text), text), 0
        at += cut


def _places(raw: bytes, feeds: Ints, first: bool, names: tuple[bytes, ...]) -> list[int]:
    """Where lines begin with one of the names, after NUL bytes or the file's byte order mark."""
    if b"\0" in raw:
        return _places_by_name(raw, first, names)
    starts = np.concatenate((np.zeros(1, np.int64), feeds[feeds < len(raw) - 1] + 1))
    if first and raw.startswith(UTF8_MARK) and len(raw) > len(UTF8_MARK):
        starts[0] = len(UTF8_MARK)
    begins = np.frombuffer(raw, np.uint8)[starts]
    likely = np.logical_or.reduce([begins == name[0] for name in names])
    return [place for place in starts[likely].tolist() if raw.startswith(names, place)]


def _places_by_name(raw: bytes, first: bool, names: tuple[bytes, ...]) -> list[int]:
    found = []
    for name in names:
        at = raw.find(name)
        while at >= 0:
            start = raw.rfind(b"\n", 0, at) + 1
            lead = raw[start:at]
            if first and not start:
                lead = lead.removeprefix(UTF8_MARK)
            if not lead.strip(b"\0"):
                found.append(at)
            at = raw.find(name, raw.find(b"\n", at) + 1 or len(raw))
    return sorted(found)
