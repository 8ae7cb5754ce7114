"""What the attributes of a block of $MFT records say, as flat tables: names, times, sizes, streams.

Attribute lists are followed from the other end: an extension record names its base record in its header, so every
row carries `owner`, the entry it speaks for. That also finds extensions whose list is lost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from parsers.ntfs.filetime import Ticks
from parsers.ntfs.records import Attributes, Block, Bytes, Ints, resident
from parsers.ntfs.texts import spell, spelled

ENTRY = np.uint64(0xFFFF_FFFF_FFFF)
SEQ_SHIFT = np.uint64(48)
Words = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Names:
    """$FILE_NAME attributes: `times` is (n, 4) born, modified, changed, accessed; `space` 1 Win32, 2 DOS, 3 both."""

    owner: Ints
    home: Ints  # the record that holds it
    parent: Ticks  # entry in the low 48 bits, sequence above
    times: Ticks
    flags: Words
    space: Bytes
    text: pa.StringArray

    def take(self, rows: Ints) -> Names:
        """The rows named, in that order."""
        return Names(
            self.owner[rows],
            self.home[rows],
            self.parent[rows],
            self.times[rows],
            self.flags[rows],
            self.space[rows],
            self.text.take(pa.array(rows)),
        )


@dataclass(frozen=True, slots=True)
class Stamps:
    """$STANDARD_INFORMATION: times as in `Names`."""

    owner: Ints
    home: Ints
    times: Ticks
    flags: Words


@dataclass(frozen=True, slots=True)
class Streams:
    """$DATA attributes that start a stream; `text` is empty for the unnamed one."""

    owner: Ints
    home: Ints
    size: Ints
    resident: npt.NDArray[np.bool_]
    text: list[str]
    content: list[str]  # bytes inside the record: of deleted files, and of Zone.Identifier

    def take(self, rows: Ints) -> Streams:
        """The rows named, in that order."""
        text = [self.text[i] for i in rows]
        content = [self.content[i] for i in rows]
        return Streams(self.owner[rows], self.home[rows], self.size[rows], self.resident[rows], text, content)


def join_names(parts: list[Names]) -> Names:
    """Several tables as one, at least one of them."""
    owner, home, parent, times, flags, space = (
        np.concatenate([getattr(p, column) for p in parts])
        for column in ("owner", "home", "parent", "times", "flags", "space")
    )
    return Names(owner, home, parent, times, flags, space, pa.concat_arrays([p.text for p in parts]))


def join_streams(parts: list[Streams]) -> Streams:
    """Several tables as one, at least one of them."""
    owner, home, size, inside = (
        np.concatenate([getattr(p, column) for p in parts]) for column in ("owner", "home", "size", "resident")
    )
    content = [c for p in parts for c in p.content]
    return Streams(owner, home, size, inside, [t for p in parts for t in p.text], content)


def owners(block: Block) -> Ints:
    """For each record of a block the entry it speaks for: itself, or its base record."""
    base = block.column(32, "<u8").astype(np.uint64)
    own = np.arange(block.first, block.first + len(base))
    return np.where(base == 0, own, (base & ENTRY).astype(np.int64))


def names(block: Block, attrs: Attributes, owner: Ints) -> Names:
    """All $FILE_NAME attributes whose content lies inside its attribute."""
    attrs, at, inside = resident(block, attrs, 66)
    head = block.cut(attrs.row, at, 66)
    fits = 66 + 2 * head[:, 64].astype(np.int64) <= inside
    row, at, head = attrs.row[fits], at[fits], head[fits]
    words = np.ascontiguousarray(head[:, :40]).view("<u8")
    text = spelled(block.raw.reshape(-1), row * block.size + at + 66, head[:, 64].astype(np.int64))
    flags = np.ascontiguousarray(head[:, 56:60]).view("<u4")[:, 0]
    return Names(owner[row], row + block.first, words[:, 0], words[:, 1:5], flags, head[:, 65], text)


def stamps(block: Block, attrs: Attributes, owner: Ints) -> Stamps:
    """All $STANDARD_INFORMATION attributes."""
    attrs, at, _ = resident(block, attrs, 36)
    head = block.cut(attrs.row, at, 36)
    times = np.ascontiguousarray(head[:, :32]).view("<u8")
    flags = np.ascontiguousarray(head[:, 32:36]).view("<u4")[:, 0]
    return Stamps(owner[attrs.row], attrs.row + block.first, times, flags)


def streams(block: Block, attrs: Attributes, owner: Ints) -> Streams:
    """All $DATA attributes that hold the start of their stream."""
    head = block.cut(attrs.row, attrs.at, 24)
    out = head[:, 8] != 0
    fits = ~out | (attrs.length >= 64)
    attrs, head, out = attrs.where(fits), head[fits], out[fits]
    size = np.ascontiguousarray(head[:, 16:20]).view("<u4")[:, 0].astype(np.int64)
    far = np.flatnonzero(out)
    tail = np.ascontiguousarray(block.cut(attrs.row[far], attrs.at[far] + 16, 48)).view("<i8")
    size[far] = tail[:, 4]
    start = np.ones(len(size), np.bool_)
    start[far] = tail[:, 0] == 0  # lowest virtual cluster number
    keep = np.flatnonzero(start)
    text = [""] * len(keep)
    for n in np.flatnonzero(head[keep, 9]).tolist():
        i = keep[n]
        text[n] = _stream_name(block, int(attrs.row[i]), int(attrs.at[i]), int(attrs.length[i]))
    row = attrs.row[keep]
    inside = _inside(block, attrs, keep, ~out, text)
    return Streams(owner[row], row + block.first, size[keep], ~out[keep], text, inside)


def _inside(block: Block, attrs: Attributes, keep: Ints, near: npt.NDArray[np.bool_], text: list[str]) -> list[str]:
    """Bytes that lie in the record itself, as text: of deleted files, and of every Zone.Identifier."""
    told = [""] * len(keep)
    used = (block.column(22, "<u2").astype(np.int64) & 1)[attrs.row]
    wanted = near[keep] & (used[keep] == 0)
    for n, name in enumerate(text):
        if name:
            wanted[n] = near[keep[n]] and name == "Zone.Identifier"
    for n in np.flatnonzero(wanted).tolist():
        i = int(keep[n])
        raw = block.raw[attrs.row[i], attrs.at[i] : attrs.at[i] + attrs.length[i]].tobytes()
        start, length = int.from_bytes(raw[20:22], "little"), int.from_bytes(raw[16:20], "little")
        told[n] = raw[start : start + length].decode("utf-8", "backslashreplace").replace("\0", "\\x00")
    return told


def _stream_name(block: Block, row: int, at: int, length: int) -> str:
    """The name in an attribute's header, empty where there is none or it lies outside."""
    count = 2 * int(block.raw[row, at + 9])
    if not count:
        return ""
    start = int.from_bytes(block.raw[row, at + 10 : at + 12].tobytes(), "little")
    end = start + count
    return spell(block.raw[row, at + start : at + end].tobytes()) if end <= length else "<damaged name>"
