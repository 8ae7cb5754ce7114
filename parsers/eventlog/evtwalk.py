"""The frame of an event log of Windows NT to 2003 (EVT): header, ring of records, cursor; no record is decoded here.

Header of 48 bytes, little endian u32: 48, `LfLe`, version 1.1, offset of the oldest record, offset of the cursor, next
number, oldest number, largest size, flags (1 dirty, 2 wrapped, 4 full, 8 archive), retention, 48. A record: size,
`LfLe`, number …, size again. It may run over the file's end and go on behind the header. The cursor is a record of 40
bytes: 40, 0x11111111 … 0x44444444, offsets of the oldest record and of itself, next and oldest number, 40; it is kept
right while the header is so only after a clean stop. Room that is too small for a record's head is filled with
0x00000027. Source: [MS-EVEN] 2.2 and libyal's EVT format notes.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

HEADER, CURSOR, LEAST_RECORD, MOST_RECORD = 48, 40, 56, 4 << 20
MAGIC = b"LfLe"
FILE_MAGIC = b"\x30\0\0\0LfLe"
_MARKS = struct.pack("<IIII", 0x11111111, 0x22222222, 0x33333333, 0x44444444)
_SIGNS = re.compile(re.escape(MAGIC) + rb"|\x22{4}\x33{4}")
_ALIKE = 23  # of the 24 constant bytes of a cursor
_BLOCK = 1 << 20


class Piece(NamedTuple):
    """What lies at a place: record, cursor, filler, gap or `headed`, a gap that begins like a record.

    `odd` says which mark of a record is wrong, `wrapped` is how many of its bytes lie behind the header instead.
    """

    what: str
    offset: int
    length: int
    number: int = 0
    odd: str = ""
    wrapped: int = 0


class Frame:
    """A log with random access that never reads more than a record at once."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self.size = size

    def bytes_at(self, at: int, length: int) -> bytes:
        """So many bytes, fewer at the end of the file."""
        self._stream.seek(at)
        return self._stream.read(length)

    def record_bytes(self, piece: Piece) -> bytes:
        """A record in one piece, wherever its second half lies."""
        return self.bytes_at(piece.offset, piece.length - piece.wrapped) + self.bytes_at(HEADER, piece.wrapped)

    def pieces(self, skip: int = 0) -> Iterator[Piece]:
        """Everything behind the header in the file's order; `skip` bytes there end a wrapped record."""
        at, sound = HEADER + skip, 0
        while at < self.size:
            piece = self.piece_at(at)
            if piece is None:
                if sound <= at:  # kept, so that a file full of damage is searched once
                    sound = self._next(at + 1)
                piece = self._damaged(at, sound)
            yield piece
            at += piece.length - piece.wrapped

    def piece_at(self, at: int) -> Piece | None:
        """The sound record, the cursor or the filler at a place."""
        head = self.bytes_at(at, LEAST_RECORD)
        if len(head) >= CURSOR and _is_cursor(head):
            return Piece("cursor", at, CURSOR)
        record = self._record(at, head)
        if record is None and not head.strip(b"\0\x27") and len(head) < LEAST_RECORD:
            return Piece("filler", at, len(head))
        return record

    def _record(self, at: int, head: bytes, *, magic: bool = True) -> Piece | None:
        if len(head) < 12 or (magic and head[4:8] != MAGIC):
            return None
        size, number = struct.unpack_from("<I4xI", head)
        if not LEAST_RECORD <= size <= min(MOST_RECORD, self.size - HEADER) or size % 4:
            return None
        wrapped = max(0, at + size - self.size)
        if wrapped and wrapped >= at - HEADER:
            return None
        piece = Piece("record", at, size, number, "", wrapped)
        return piece if self._copy(piece) == size else None

    def _copy(self, piece: Piece) -> int:
        end = HEADER + piece.wrapped if piece.wrapped else piece.offset + piece.length
        raw = self.bytes_at(end - 4, 4)
        if 0 < piece.wrapped < 4:
            raw = self.bytes_at(self.size - 4 + piece.wrapped, 4) + self.bytes_at(HEADER, piece.wrapped)
        return int.from_bytes(raw, "little")

    def _damaged(self, at: int, sound: int) -> Piece:
        """A record with one wrong mark, else a gap up to the next sound piece."""
        head = self.bytes_at(at, LEAST_RECORD)
        unsigned = self._record(at, head, magic=False)
        if unsigned:
            return unsigned._replace(odd="its signature is wrong")
        room = sound - at
        if head[4:8] == MAGIC and room >= LEAST_RECORD:
            size, number = struct.unpack_from("<I4xI", head)
            if int.from_bytes(self.bytes_at(sound - 4, 4), "little") == room:
                return Piece("record", at, room, number, "its size is wrong")
            if size == room:
                return Piece("record", at, size, number, "its second size is wrong")
        return Piece("headed" if head[4:8] == MAGIC else "gap", at, room)

    def _next(self, start: int) -> int:
        """Where the next sound record or cursor begins, else the file's end."""
        at = start
        while at < self.size:
            for match in _SIGNS.finditer(self.bytes_at(at, _BLOCK + 8)):
                here = at + match.start() - (4 if match[0] == MAGIC else 8)
                if here >= start and self.piece_at(here):
                    return here
            at += _BLOCK
        return self.size


def _is_cursor(head: bytes) -> bool:
    constant = struct.pack("<I", CURSOR) + _MARKS + struct.pack("<I", CURSOR)
    met = head[:20] + head[36:40]
    return sum(map(int.__eq__, met, constant)) >= _ALIKE
