"""The first and the last MiB of a source piece by piece, to tell later what of them has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from msgspec import Struct

from collector.runs import Reader

ZEROS = "zeros"
_MIB, _PIECE = 1 << 20, 32768


class Ends(Struct, frozen=True):
    """The first and the last MiB piece by piece: 16 hex digits of SHA-256 each, empty for a piece that is unreadable.

    `zeros` for a piece of nothing else, which says little of what disk it is.

    `end` is where the last volume ends, as in the fingerprint.
    """

    end: int
    pieces: tuple[str, ...]


def places(end: int) -> Iterator[tuple[int, int]]:
    """The pieces of the first and the last MiB, as (offset, length)."""
    for start, stop in ((0, min(_MIB, end)), (max(end - _MIB, min(_MIB, end)), end)):
        yield from ((at, min(_PIECE, stop - at)) for at in range(start, stop, _PIECE))


def ends_of(media: Reader, end: int) -> Ends:
    """The pieces as they are now."""
    return Ends(end, tuple(_digest(media, at, length) for at, length in places(end)))


def _digest(media: Reader, at: int, length: int) -> str:
    try:
        data = media.read_at(at, length)
    except OSError:
        return ""
    if len(data) != length:
        return ""
    return hashlib.sha256(data).hexdigest()[:16] if data.strip(b"\0") else ZEROS
