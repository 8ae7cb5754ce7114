"""Marvin32, the check sum of log entries (Windows 8.1 and later), with the seed that the registry uses."""

from __future__ import annotations

import struct

_LOW, _HIGH = 0x7A4E_55C5, 0x82EF_4D88
_MASK = 0xFFFF_FFFF


def marvin32(raw: bytes) -> int:
    """The 64-bit check sum of some bytes."""
    padded = raw + b"\x80"
    padded = padded.ljust((len(padded) + 3) & ~3, b"\0") + bytes(4)
    low, high = _LOW, _HIGH
    for (word,) in struct.iter_unpack("<I", padded):  # one long function: calls would cost more than the work
        low = low + word & _MASK
        high ^= low
        low = ((low << 20 | low >> 12) + high) & _MASK
        high = (high << 9 & _MASK | high >> 23) ^ low
        low = ((low << 27 | low >> 5) + high) & _MASK
        high = high << 19 & _MASK | high >> 13
    return high << 32 | low
