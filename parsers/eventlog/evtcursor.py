"""Which part of an EVT file's ring is live: told by the cursor record, by the header where there is none."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from parsers.eventlog.evtwalk import CURSOR, FILE_MAGIC, HEADER, Frame


class _Told(NamedTuple):
    begin: int
    end: int
    following: int
    oldest: int


@dataclass(frozen=True, slots=True)
class Ring:
    """The live part, from the oldest record to behind the newest.

    `announced` is how many records it is said to have, `place` where its cursor lies (None: the header was asked or
    nobody knows), `known` False where every record must count as live, `skip` how many bytes behind the header end the
    record that runs over the file's end.
    """

    begin: int = HEADER
    end: int = HEADER
    announced: int | None = None
    place: int | None = None
    known: bool = False
    skip: int = 0

    def holds(self, at: int) -> bool:
        """Whether a place lies in the live part."""
        if not self.known:
            return True
        return self.begin <= at < self.end if self.begin <= self.end else at >= self.begin or at < self.end


def survey(frame: Frame) -> Ring:
    """Walk the file once for the cursor and the record at the file's end."""
    cursors, skip = list[_Told](), 0
    for piece in frame.pieces():
        if piece.what == "cursor":
            met = _Told(*struct.unpack_from("<IIII", frame.bytes_at(piece.offset, CURSOR), 20))
            cursors = sorted([*cursors, met._replace(end=piece.offset)], key=_freshness)[-1:]
        skip = max(skip, piece.wrapped)
    header = _header(frame)
    told = cursors[0] if cursors else header
    if told is None:
        return Ring(skip=skip)
    begin = next(_begins(frame, told, header))
    if begin is None or (not cursors and told.begin == told.end != HEADER):
        return Ring(skip=skip)
    announced = (told.following - told.oldest) % 2**32
    return Ring(begin, told.end, announced, told.end if cursors else None, known=True, skip=skip)


def _freshness(told: _Told) -> tuple[bool, int]:
    return told.following >= told.oldest, told.following


def _header(frame: Frame) -> _Told | None:
    head = frame.bytes_at(0, HEADER)
    if len(head) < HEADER or not head.startswith(FILE_MAGIC):
        return None
    told = _Told(*struct.unpack_from("<IIII", head, 16))
    return told if HEADER <= told.end <= frame.size else None


def _begins(frame: Frame, told: _Told, header: _Told | None) -> Iterator[int | None]:
    """Where the oldest record may lie, the surest first: no single wrong field hides it."""
    for at in (told.begin, header.begin if header else 0):
        piece = frame.piece_at(at) if HEADER <= at < frame.size else None
        if piece and piece.number == told.oldest and piece.what == "record":
            yield at
    if told.begin == told.end:
        yield told.begin
    for piece in frame.pieces():
        if piece.what == "record" and piece.number == told.oldest:
            yield piece.offset
    yield told.begin if HEADER <= told.begin < frame.size else None
