"""Pages of an ESE database and the nodes in them; this walk finds the records and decodes none of them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from msgspec import Struct

HEADER = 668
"""Bytes of the database header at the start of the file (a copy fills the second page)."""

MAGIC = 0x89ABCDEF
STATES = {1: "just created", 2: "dirty shutdown", 3: "clean shutdown", 4: "being converted", 5: "forced detach"}
CLEAN = 3
SIZES = frozenset({2048, 4096, 8192, 16384, 32768})
_SMALL = 8192
_ROOT, _LEAF, _EMPTY, _SPACE, _INDEX, _LONG = 0x1, 0x2, 0x8, 0x20, 0x40, 0x80
_NEW_CHECKSUM, _NEW_RECORDS = 0x2000, 0x800
_DELETED, _COMPRESSED = 2, 4
_PAGE = struct.Struct("<IIQIIIHHHHI")  # checksums, time, previous, next, object, three sizes, tags, flags
_AT_ONCE = 1 << 20
_MOST_PAGES = 1 << 22  # 16 GiB of the smallest pages of today


class Head(Struct, frozen=True, gc=False):
    """What the file header says. `problem` is empty where it holds together."""

    page_size: int
    state: int
    version: int
    sound: bool


class Page(Struct, frozen=True, gc=False):
    """The header of one page. `number` counts from 1, the first page behind the two headers."""

    number: int
    owner: int
    flags: int
    tags: int
    reserved: int
    previous: int
    following: int

    @property
    def leaf(self) -> bool:
        """Whether its nodes are records and not pointers to pages."""
        return bool(self.flags & _LEAF)

    @property
    def data(self) -> bool:
        """Whether it belongs to the tree of a table's records."""
        return not self.flags & (_SPACE | _INDEX | _LONG | _EMPTY)

    @property
    def long_values(self) -> bool:
        """Whether it holds values too big for their record."""
        return bool(self.flags & _LONG) and not self.flags & (_SPACE | _EMPTY)

    @property
    def new_records(self) -> bool:
        """Whether tagged columns have the form of Windows 2003 and later."""
        return bool(self.flags & _NEW_RECORDS)


class Node(Struct, frozen=True, gc=False):
    """A record or pointer: bytes of the file `offset` … `offset` + `length` (key and all), and what lies in them."""

    offset: int
    length: int
    key: bytes
    data: bytes
    deleted: bool


class BadNode(Struct, frozen=True, gc=False):
    """A tag whose bytes cannot be a node."""

    offset: int
    length: int
    why: str


def read_head(raw: bytes) -> Head | None:
    """The file header; None where neither magic nor page size make sense."""
    if len(raw) < HEADER:
        return None
    magic, state, size = (struct.unpack_from("<I", raw, at)[0] for at in (4, 52, 236))
    if magic != MAGIC or size not in SIZES:
        return None
    stored, version = struct.unpack_from("<I4xI", raw)
    page = raw[4:size] if len(raw) >= size else b""
    return Head(size, state, version, bool(page) and _xor(page) ^ MAGIC == stored)


def _xor(raw: bytes) -> int:
    return int(np.bitwise_xor.reduce(np.frombuffer(raw[: len(raw) // 4 * 4], "<u4"))) if len(raw) >= 4 else 0


class Pages:
    """The pages of an open database; reads are bounded by one page."""

    def __init__(self, stream: BinaryIO, size: int, page_size: int) -> None:
        self._stream = stream
        self.size = size
        self.page_size = page_size
        self.head_length = 40 if page_size <= _SMALL else 80
        self.count = max(0, min(size // page_size - 2, _MOST_PAGES))

    def offset(self, number: int) -> int:
        """Where a page begins in the file."""
        return (number + 1) * self.page_size

    def raw(self, number: int) -> bytes:
        """The bytes of a page; empty outside the file."""
        if not 1 <= number <= self.count:
            return b""
        self._stream.seek(self.offset(number))
        return self._stream.read(self.page_size)

    def headers(self) -> Iterator[tuple[Page, bool | None]]:
        """Every page that is not empty, in the order of the file, and whether its checksum fits (None: not checked)."""
        per_read = max(1, _AT_ONCE // self.page_size)
        for first in range(1, self.count + 1, per_read):
            self._stream.seek(self.offset(first))
            block = self._stream.read(per_read * self.page_size)
            for index in range(min(per_read, len(block) // self.page_size, self.count + 1 - first)):
                raw = block[index * self.page_size : (index + 1) * self.page_size]
                if raw.strip(b"\0"):
                    yield header(first + index, raw), self._fits(first + index, raw)

    def _fits(self, number: int, raw: bytes) -> bool | None:
        """Pages above 8 KiB carry four checksums over quarters; those are not checked."""
        if self.page_size > _SMALL or not int.from_bytes(raw[36:40], "little") & _NEW_CHECKSUM:
            return None
        return _xor(raw[8:]) ^ number == int.from_bytes(raw[:4], "little")

    def nodes(self, page: Page, raw: bytes) -> Iterator[Node | BadNode]:
        """The nodes of a page by its tags, without the reserved first one."""
        prefix = self._bytes(raw, 0)
        for tag in range(page.reserved, page.tags):
            yield self._node(page, raw, tag, prefix)

    def _place(self, raw: bytes, tag: int) -> tuple[int, int, int]:
        """Offset in the page, length and (small pages) flags of a tag."""
        at = len(raw) - 4 * (tag + 1)
        if at < self.head_length:
            return 0, 0, 0
        size, start = struct.unpack_from("<HH", raw, at)
        mask = 0x1FFF if self.page_size <= _SMALL else 0x7FFF
        return self.head_length + (start & mask), size & mask, start >> 13

    def _bytes(self, raw: bytes, tag: int) -> bytes:
        start, size, _ = self._place(raw, tag)
        return raw[start : start + size]

    def _node(self, page: Page, raw: bytes, tag: int, prefix: bytes) -> Node | BadNode:
        start, size, flags = self._place(raw, tag)
        where = self.offset(page.number) + min(start, len(raw))
        if not size or start + size > len(raw) - 4 * page.tags:
            return BadNode(where, 0, f"tag {tag} names {size} bytes at {start} of the page")
        buf = raw[start : start + size]
        if self.page_size > _SMALL:
            flags = buf[1] >> 5 if len(buf) > 1 else 0
        at, common = 0, b""
        if flags & _COMPRESSED and len(buf) >= 2:
            common = prefix[: int.from_bytes(buf[:2], "little") & 0x1FFF]
            at = 2
        own = int.from_bytes(buf[at : at + 2], "little") & 0x1FFF
        at += 2
        if at + own > len(buf):
            return BadNode(where, size, f"tag {tag} has a key of {own} in {len(buf)} bytes")
        key = common + buf[at : at + own]
        return Node(where, size, key, buf[at + own :], bool(flags & _DELETED))


def header(number: int, raw: bytes) -> Page:
    """The header of a page; a count of tags that its bytes cannot hold is cut."""
    _, _, _, previous, following, owner, _, _, _, tags, flags = _PAGE.unpack_from(raw)
    reserved = (tags >> 12) or 1
    most = (len(raw) - 40) // 4
    return Page(number, owner, flags, min(tags & 0xFFF, most), reserved, previous, following)
