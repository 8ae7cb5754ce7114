"""Compressed bytes read forward in bounded steps; going back starts again at the last mark.

zlib keeps marks (its state can be copied); bzip2 and xz start from the beginning. Nothing is written to disk, and no
more than one step is in memory.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Protocol

from collector.gathered.bundle import FREE_BYTES, MOST_RATIO
from collector.runs import Reader

_IN, _OUT = 1 << 16, 1 << 18
_MARK = 16 << 20
_MOST_MARKS = 256
_XZ_MEMORY = 256 << 20
FAULTS = (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError)


class Engine(Protocol):
    """A decompressor that takes some and gives at most what is asked."""

    @property
    def eof(self) -> bool:
        """Whether the stream has come to its end mark."""
        ...

    @property
    def hungry(self) -> bool:
        """Whether all input is used up."""
        ...

    @property
    def left(self) -> bytes:
        """Input behind the end mark."""
        ...

    def more(self, data: bytes, limit: int) -> bytes:
        """Up to `limit` further bytes."""
        ...

    def copy(self) -> Engine | None:
        """The same state once more, None where that cannot be had."""
        ...


class Zlib:
    """Deflate: raw (-15) or with the header of gzip (31)."""

    def __init__(self, bits: int) -> None:
        self._z = zlib.decompressobj(bits)

    @property
    def eof(self) -> bool:
        """Whether the stream has come to its end mark."""
        return self._z.eof

    @property
    def hungry(self) -> bool:
        """Whether all input is used up."""
        return not self._z.unconsumed_tail

    @property
    def left(self) -> bytes:
        """Input behind the end mark."""
        return self._z.unused_data

    def more(self, data: bytes, limit: int) -> bytes:
        """Up to `limit` further bytes."""
        return self._z.decompress(self._z.unconsumed_tail + data, limit)

    def copy(self) -> Engine | None:
        """The same state."""
        twin = Zlib.__new__(Zlib)
        twin._z = self._z.copy()
        return twin


class Blocks:
    """bzip2 and LZMA, which keep their input themselves."""

    def __init__(self, engine: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self._e = engine

    @property
    def eof(self) -> bool:
        """Whether the stream has come to its end mark."""
        return self._e.eof

    @property
    def hungry(self) -> bool:
        """Whether all input is used up."""
        return self._e.needs_input

    @property
    def left(self) -> bytes:
        """Input behind the end mark."""
        return self._e.unused_data

    def more(self, data: bytes, limit: int) -> bytes:
        """Up to `limit` further bytes."""
        return self._e.decompress(data, limit)

    def copy(self) -> Engine | None:
        """No state can be had."""
        return None


def deflate() -> Engine:
    """A zip entry of method 8."""
    return Zlib(-15)


def gzip() -> Engine:
    """One member of a gzip file."""
    return Zlib(31)


def bzip2() -> Engine:
    """One stream of bzip2."""
    return Blocks(bz2.BZ2Decompressor())


def xz() -> Engine:
    """One stream of xz, with bounded memory."""
    return Blocks(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY))


class Forward:
    """The unpacked bytes of a range of a reader. `chained`: further streams follow the first, as in gzip and xz files.

    Raises OSError for damage, for an early end and where the ratio is that of a bomb.
    """

    def __init__(
        self, source: Reader, start: int, length: int, new: Callable[[], Engine], *, chained: bool = False
    ) -> None:
        self._source, self._start, self._length = source, start, length
        self._new, self._chained = new, chained
        self._every = _MARK
        self._marks: list[tuple[int, int, Engine]] = []
        self._engine, self._in, self._out = new(), 0, 0
        self._window = b""

    def read_at(self, offset: int, length: int) -> bytes:
        """Unpacked bytes; fewer at the end of the data, or where they break off behind."""
        out = bytearray()
        if offset < self._out - len(self._window):
            self._rewind(offset)
        while len(out) < length:
            at = offset + len(out)
            skip = at - (self._out - len(self._window))
            if skip < len(self._window):
                out += self._window[skip : skip + length - len(out)]
                continue
            try:
                self._window = self._step()
            except OSError:
                if out:
                    break
                raise
            if not self._window:
                break
        return bytes(out)

    def _rewind(self, offset: int) -> None:
        kept = [m for m in self._marks if m[0] <= offset]
        out, used, engine = kept[-1] if kept else (0, 0, None)
        again = engine.copy() if engine else None
        self._engine = again or self._new()
        self._in, self._out = (used, out) if again else (0, 0)
        self._window = b""

    def _step(self) -> bytes:
        """The next piece, empty at the end."""
        try:
            data = self._unpack()
        except (zlib.error, lzma.LZMAError, EOFError, ValueError) as error:
            raise OSError(f"the compressed data cannot be unpacked beyond byte {self._out}: {error}") from error
        self._out += len(data)
        if self._out > FREE_BYTES and self._out > MOST_RATIO * max(self._in, 1):
            raise OSError(f"the data unpack to more than {MOST_RATIO} times their size: a bomb, not read further")
        self._mark()
        return data

    def _unpack(self) -> bytes:
        while True:
            if self._engine.eof and not self._next_stream():
                return b""
            fresh = b""
            if self._engine.hungry:
                fresh = self._source.read_at(self._start + self._in, min(_IN, self._length - self._in))
            ended = self._engine.hungry and not fresh
            out = self._engine.more(fresh, _OUT)
            self._in += len(fresh)
            if out:
                return out
            if ended and not self._engine.eof:
                raise OSError(f"the compressed data end early, at byte {self._in}")

    def _next_stream(self) -> bool:
        """Whether another stream begins where the last ended; zeros between and behind are passed over."""
        if not self._chained:
            return False
        at = self._in - len(self._engine.left)
        while True:
            fresh = self._source.read_at(self._start + at, min(_IN, self._length - at)) if at < self._length else b""
            rest = fresh.lstrip(b"\0")
            at += len(fresh) - len(rest)
            if rest or not fresh:
                break
        self._in = at
        if rest:
            self._engine = self._new()
        return bool(rest)

    def _mark(self) -> None:
        last = self._marks[-1][0] if self._marks else 0
        if self._out - last < self._every or self._engine.eof:
            return
        state = self._engine.copy()
        if state:
            self._marks.append((self._out, self._in, state))
        if len(self._marks) > _MOST_MARKS:
            self._marks = self._marks[1::2]
            self._every *= 2
