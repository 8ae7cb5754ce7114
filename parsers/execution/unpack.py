"""MAM: the packing of prefetch files since Windows 10, LZXPRESS Huffman of [MS-XCA] 2.2; never more than announced.

A reader of our own, because others follow lengths the file itself gives without an end (docs/decisions/0003).
"""

from __future__ import annotations

from parsers.small import Damage

MOST = 16 << 20
"""Unpacked bytes; the largest real prefetch files have some hundred kilobytes."""

_XPRESS_HUFFMAN, _CHECKED = 4, 0x80
_CHUNK = 1 << 16


def unpack(raw: bytes) -> tuple[bytes, str]:
    """What a MAM file holds, and what is wrong with it (empty when nothing). Raises `Damage` for any other file."""
    if raw[:3] != b"MAM" or len(raw) < 8 or raw[3] & 0x0F != _XPRESS_HUFFMAN:
        raise Damage("this file is packed in a way that is not read", "MAM 04", raw[:4].hex(" "))
    size, start = int.from_bytes(raw[4:8], "little"), 12 if raw[3] & _CHECKED else 8
    out = bytearray()
    try:
        if size > MOST:
            return b"", f"it announces {size} bytes"
        while len(out) < size:
            start = _chunk(raw, start, out, size)
    except (IndexError, ValueError) as error:
        return bytes(out), f"packed bytes end after {len(out)} of {size}: {error}"
    rest = len(raw) - start
    return bytes(out), f"{rest} bytes behind the packed ones" if rest > 2 else ""


def _table(raw: bytes) -> list[int]:
    """For every 15 bits the symbol they begin with and its length, as `symbol << 4 | length`."""
    if len(raw) != 256:
        raise ValueError("no code table")
    lengths = [n for byte in raw for n in (byte & 15, byte >> 4)]
    table: list[int] = []
    for length in range(1, 16):
        for symbol in range(512):
            if lengths[symbol] == length:
                table += [symbol << 4 | length] * (1 << (15 - length))
    if len(table) != 1 << 15:
        raise ValueError("code table does not fit")
    return table


class _Bits:
    """The next 32 bits, refilled by 16; bytes behind the end are zero, but only so many as a decoder may peek."""

    __slots__ = ("at", "left", "raw", "word")

    def __init__(self, raw: bytes, at: int) -> None:
        self.raw, self.at, self.left = raw, at, 16
        self.word = self._next() << 16 | self._next()

    def _next(self) -> int:
        if self.at > len(self.raw) + 4:
            raise IndexError("end of the file")
        self.at += 2
        return int.from_bytes(self.raw[self.at - 2 : self.at], "little")

    def drop(self, count: int) -> None:
        """Go on by `count` bits, at most 16."""
        self.word = self.word << count & 0xFFFFFFFF
        self.left -= count
        if self.left < 0:
            self.word |= self._next() << -self.left
            self.left += 16

    def number(self, width: int) -> int:
        """Whole bytes that lie between the bits."""
        if self.at + width > len(self.raw):
            raise IndexError("end of the file")
        self.at += width
        return int.from_bytes(self.raw[self.at - width : self.at], "little")


def _chunk(raw: bytes, start: int, out: bytearray, size: int) -> int:
    """Unpack 64 KiB or what is missing to `size`; where the packed bytes go on."""
    end = min(size, len(out) + _CHUNK)
    table, bits = _table(raw[start : start + 256]), _Bits(raw, start + 256)
    while len(out) < end:
        code = table[bits.word >> 17]
        bits.drop(code & 15)
        symbol = code >> 4
        if symbol < 256:
            out.append(symbol)
            continue
        length, width = _length(bits, symbol & 15), symbol - 256 >> 4
        back = (1 << width) + (bits.word >> (32 - width) if width else 0)
        bits.drop(width)
        _copy(out, back, min(length, size - len(out)))
    return min(bits.at, len(raw))


def _length(bits: _Bits, length: int) -> int:
    if length == 15:
        length = bits.number(1) + 15
        if length == 270:
            length = bits.number(2) or bits.number(4)
    return length + 3


def _copy(out: bytearray, back: int, length: int) -> None:
    """Repeat what lies `back` bytes before."""
    if back > len(out):
        raise ValueError(f"a match {back} bytes back of {len(out)}")
    piece = bytes(out[-back:] if back <= length else out[-back : len(out) - back + length])
    out += (piece * (length // len(piece) + 1))[:length]
