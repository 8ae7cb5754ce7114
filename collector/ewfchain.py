"""The chain of section descriptors in one E01 segment file.

Facts of the format: libewf, "Expert Witness Compression Format (EWF)". A descriptor has 76 bytes: type (16), offset of
the next section (8), size (8), padding (40), Adler-32 of the first 72 bytes (4). A descriptor that fails its checksum
is noted and the walk goes on behind it, so that one changed byte does not cost the rest of a segment.
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import BinaryIO

from msgspec import Struct

HEAD = 13
"""Bytes before the first descriptor: signature (8), 1, segment number (2), 0 (2)."""
_DESCRIPTOR = struct.Struct("<16sQQ40xI")
_ENDS = frozenset(["done", "next"])
_HOLDS = ["header", "header2", "xheader", "volume", "disk", "data", "error2", "session", "hash", "digest", "xhash"]
_KINDS = frozenset([*_HOLDS, *_ENDS, "sectors", "table", "table2", "ltree", "ltypes", "incomplete"])
_SEARCH = re.compile(b"|".join(re.escape(k.encode().ljust(16, b"\0")) for k in sorted(_KINDS)))
_MAX_SECTIONS = 200_000


class Section(Struct, frozen=True):
    """One descriptor: what it is and where its data lie in the segment file."""

    kind: str
    offset: int
    next: int
    size: int

    @property
    def data(self) -> int:
        """First byte after the descriptor."""
        return self.offset + _DESCRIPTOR.size

    @property
    def length(self) -> int:
        """Bytes of data."""
        return max(self.size - _DESCRIPTOR.size, 0)


class Chain(Struct):
    """The sections in order. `last`: `done`, `next` or empty where the chain broke off.

    `holes`: where several sections in a row may have been lost. `problems`: (what, at which byte).
    """

    size: int
    sections: list[Section] = []
    last: str = ""
    holes: list[int] = []
    problems: list[tuple[str, int]] = []

    def complain(self, text: str, offset: int) -> None:
        """Note a problem with its place."""
        self.problems.append((text, offset))


def walk(fh: BinaryIO, size: int) -> Chain:
    """Follow a segment file of `size` bytes from its header to `done`, `next` or the place where the chain breaks."""
    chain = Chain(size)
    _walk(fh, chain)
    return chain


def _walk(fh: BinaryIO, chain: Chain) -> None:
    offset = HEAD
    while len(chain.sections) < _MAX_SECTIONS:
        raw = at(fh, offset, _DESCRIPTOR.size)
        if len(raw) < _DESCRIPTOR.size:
            chain.complain("the section chain runs past the end of the file (truncated)", offset)
            return
        section = _descriptor(raw, offset)
        if zlib.adler32(raw[:72]) != int.from_bytes(raw[72:], "little"):
            chain.complain("section descriptor fails its Adler-32 checksum", offset)
            section = _mended(fh, section, chain)
        elif section.kind in _ENDS:
            chain.last = section.kind
            chain.sections.append(section)
            _tail(fh, chain, section)
            return
        elif section.next <= offset:
            chain.complain(f"section '{section.kind}' points back or at itself", offset)
            section = _mended(fh, section, chain)
        if section.kind in _KINDS:
            chain.sections.append(section)
        if section.next <= offset:
            return
        offset = section.next


def at(fh: BinaryIO, offset: int, length: int) -> bytes:
    """Bytes of a file; none where the offset cannot be."""
    if not 0 <= offset < fh.seek(0, 2):
        return b""
    fh.seek(offset)
    return fh.read(length)


def _descriptor(raw: bytes, offset: int) -> Section:
    kind, following, size, _stored = _DESCRIPTOR.unpack(raw)
    return Section(kind.rstrip(b"\0").decode("latin-1"), offset, following, size)


def _fits(raw: bytes, offset: int) -> bool:
    """A descriptor of this very file: sound, known, and its size leads to its neighbour."""
    if len(raw) < _DESCRIPTOR.size or zlib.adler32(raw[:72]) != int.from_bytes(raw[72:], "little"):
        return False
    found = _descriptor(raw, offset)
    last = found.kind in _ENDS
    return found.kind in _KINDS and found.next == (offset if last else offset + found.size)


def _mended(fh: BinaryIO, broken: Section, chain: Chain) -> Section:
    """The broken section with the place of the next sound one; `next` 0 where there is none."""
    following = broken.next
    if following <= broken.offset or not _fits(at(fh, following, _DESCRIPTOR.size), following):
        following = _search(fh, broken.offset + 1)
        if following != broken.offset + broken.size:
            chain.holes.append(broken.offset)
    if not following and broken.kind in _ENDS and chain.size - broken.offset <= 2 * _DESCRIPTOR.size:
        chain.last = broken.kind
    length = following - broken.offset if following else 0
    return Section(broken.kind, broken.offset, following, length if following else broken.size)


def _search(fh: BinaryIO, start: int) -> int:
    """The first sound descriptor at or behind `start`, 0 where there is none."""
    step = 1 << 20
    while block := at(fh, start, step + _DESCRIPTOR.size):
        for match in _SEARCH.finditer(block, 0, step + 16):
            place = start + match.start()
            if _fits(at(fh, place, _DESCRIPTOR.size), place):
                return place
        start += step
    return 0


def _tail(fh: BinaryIO, chain: Chain, last: Section) -> None:
    """Bytes behind the last descriptor belong to nothing."""
    end = max(last.offset + _DESCRIPTOR.size, last.offset + last.size)
    if chain.size > end:
        chain.complain(f"{chain.size - end} bytes follow the last section", end)
