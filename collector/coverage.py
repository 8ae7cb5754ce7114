"""Which chunks of a container were decoded and checked, and how they fared: a bitmap that survives a kill.

Reading is deterministic, so what an interrupted run has checked and what the next one checks add up to what one
undisturbed run checks. Hence the rule: the bitmap is written before the lines of the artefacts that were read.
"""

from __future__ import annotations

import base64
import zlib

import msgspec
from msgspec import Struct


class _Kept(Struct, frozen=True):
    """The file format: zlib-packed bitmap in base64, chunks that failed with the reason."""

    chunks: int
    held: int
    bits: str
    bad: dict[int, str]


class Coverage:
    """Distinct chunks checked, out of `chunks` of the media, of which the container holds `held`.

    `bad`: number of a chunk in the media, and what was wrong with it. A size field may announce any number of chunks:
    the bitmap has a bit for each that is really there.
    """

    def __init__(self, chunks: int, held: int) -> None:
        self.chunks, self.held, self.count = chunks, held, 0
        self.bad: dict[int, str] = {}
        self._bits = bytearray(held // 8 + 1)

    def note(self, index: int, number: int, why: str = "") -> None:
        """The `index`-th held chunk, `number` in the media, was decoded; `why` says what was wrong with it."""
        at, bit = index >> 3, 1 << (index & 7)
        if not self._bits[at] & bit:
            self._bits[at] |= bit
            self.count += 1
        if why:
            self.bad[number] = why

    def percent(self) -> str:
        """Share checked, one decimal, never rounded up."""
        tenths = self.count * 1000 // self.chunks if self.chunks else 0
        return f"{tenths // 10}.{tenths % 10}"

    def pack(self) -> bytes:
        """The state as JSON; the same chunks give the same bytes."""
        bits = base64.b64encode(zlib.compress(bytes(self._bits).rstrip(b"\0"), 1)).decode("ascii")
        return msgspec.json.encode(_Kept(self.chunks, self.held, bits, dict(sorted(self.bad.items()))))

    def add(self, packed: bytes) -> bool:
        """Take in an earlier state of the same source; False when it is none."""
        try:
            kept = msgspec.json.decode(packed, type=_Kept)
            bits = zlib.decompress(base64.b64decode(kept.bits))
        except (msgspec.DecodeError, msgspec.ValidationError, ValueError, zlib.error):
            return False
        if (kept.chunks, kept.held) != (self.chunks, self.held) or len(bits) > len(self._bits):
            return False
        both = int.from_bytes(bits, "little") | int.from_bytes(self._bits, "little")
        self._bits = bytearray(both.to_bytes(len(self._bits), "little"))
        self.count = both.bit_count()
        self.bad |= {n: why for n, why in kept.bad.items() if n not in self.bad}
        return True
