"""The three ways ESE packs a long value; whatever the bytes say, nothing grows above 1 MiB.

The first five bits of a packed value name the way: 7-bit characters, 7-bit characters of 16, or XPRESS ([MS-XCA]
plain LZ77). Newer ways (XPRESS9, XPRESS10) are not read.
"""

from __future__ import annotations

_SEVEN, _SEVEN_WIDE, _XPRESS = 1, 2, 3
_MOST = 1 << 20


class BadSqueezeError(ValueError):
    """Bytes that cannot be unpacked."""


def unpack(raw: bytes) -> bytes:
    """The value before packing; bytes that name no way are returned as they are."""
    way = raw[0] >> 3 if raw else 0
    if way == _SEVEN:
        return _seven(raw)
    if way == _SEVEN_WIDE:
        return b"".join(bytes((c, 0)) for c in _seven(raw))
    if way == _XPRESS:
        return _xpress(raw[3:], int.from_bytes(raw[1:3], "little"))
    if way in (5, 6):
        raise BadSqueezeError("packed in a way that is not read (XPRESS9 or XPRESS10)")
    return raw


def _seven(raw: bytes) -> bytes:
    """Seven bits for a character, the lowest first; the head says how many bits of the last byte count."""
    bits = 8 * (len(raw) - 2) + (raw[0] & 7) + 1
    number = int.from_bytes(raw[1 : 1 + _MOST], "little")
    whole = number.to_bytes(len(raw[1 : 1 + _MOST]) + 1, "little")
    out = bytearray()
    for at in range(0, bits - 6, 7):
        byte, shift = divmod(at, 8)
        out.append((int.from_bytes(whole[byte : byte + 2], "little") >> shift) & 0x7F)
    return bytes(out)


def _xpress(raw: bytes, size: int) -> bytes:
    """Plain LZ77 of [MS-XCA] 2.4, stopped at the stated size."""
    out, at, flags, left, nibble = bytearray(), 0, 0, 0, -1
    try:
        while len(out) < size:
            if not left:
                flags, left, at = int.from_bytes(raw[at : at + 4], "little"), 32, at + 4
            left -= 1
            if not flags >> left & 1:
                out.append(raw[at])
                at += 1
                continue
            match = int.from_bytes(raw[at : at + 2], "little")
            length, at, nibble = _length(raw, at + 2, match & 7, nibble)
            _copy(out, (match >> 3) + 1, min(length, size - len(out)))
    except IndexError as error:
        raise BadSqueezeError(f"packed bytes end after {len(out)} of {size}") from error
    return bytes(out)


def _length(raw: bytes, at: int, length: int, nibble: int) -> tuple[int, int, int]:
    """Length of a match, the next place and the place of a half-used byte (-1: none)."""
    if length < 7:
        return length + 3, at, nibble
    if nibble < 0:
        length, nibble, at = raw[at] & 15, at, at + 1
    else:
        length, nibble = raw[nibble] >> 4, -1
    if length < 15:
        return length + 10, at, nibble
    length, at = raw[at], at + 1
    if length < 255:
        return length + 25, at, nibble
    length, at = int.from_bytes(raw[at : at + 2], "little"), at + 2
    if not length:
        length, at = int.from_bytes(raw[at : at + 4], "little"), at + 4
    return length + 3, at, nibble


def _copy(out: bytearray, back: int, length: int) -> None:
    if back > len(out):
        raise BadSqueezeError("packed bytes point before their beginning")
    for _ in range(length):
        out.append(out[-back])
