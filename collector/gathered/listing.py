"""The volumes of a collection as file systems: names from the collection's layout, bytes one file after the other.

All files lie in one virtual reader, each from a border of 512 bytes on, in the order of the container, so that
resolving, taking and hashing are the code that serves images.
"""

from __future__ import annotations

import struct
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct

from collector.gathered.bundle import Bundle, Member
from collector.gathered.history import Known, from_mft
from collector.gathered.shape import Parts
from collector.ntfs import FileRecord
from collector.runs import Reader, Run, StreamInfo, pieces
from collector.tree import ROOT, Entry, Tree

CLUSTER = 512
_FIRST = 64
_LINK = 0xA000000C


class Strung:
    """The stored bytes of all members, one behind the other; gaps up to the next border are zeros."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle, self._lock = bundle, threading.Lock()
        self.faults = bundle.watch.faults
        self.starts: list[int] = []
        at = 0
        for member in bundle.members:
            self.starts.append(at)
            at += -(-member.stored // CLUSTER) * CLUSTER if member.kind == "file" else 0
        self.size = at

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes from `offset`; fewer at the end and where a member cannot give all. OSError where it gives none."""
        out, end = bytearray(), min(offset + length, self.size)
        while offset + len(out) < end:
            at = offset + len(out)
            index = bisect_right(self.starts, at) - 1
            until = self.starts[index + 1] if index + 1 < len(self.starts) else self.size
            length = min(end, until) - at
            out += self._member(index, at - self.starts[index], length, first=not out)
            if len(out) < at - offset + length:
                break
        return bytes(out)

    def _member(self, index: int, offset: int, length: int, *, first: bool) -> bytes:
        want = min(max(self._bundle.members[index].stored - offset, 0), length)
        try:
            with self._lock:
                data = self._bundle.read_at(index, offset, want) if want else b""
        except OSError:
            if first:
                raise
            return b""
        return data.ljust(length, b"\0") if len(data) == want else data


class Filed(Struct, frozen=True, kw_only=True):
    """A member at its place on the volume."""

    parts: Parts
    stream: str
    index: int
    member: Member


class _Node:
    """A file with its streams, by name, in the order found."""

    def __init__(self, number: int, parts: Parts) -> None:
        self.number, self.parts = number, parts
        self.streams: dict[str, Filed] = {}


class LooseTree(Tree):
    r"""A tree that also finds loose hives where Windows keeps them, so that host facts are read from them."""

    def __init__(self, places: Mapping[str, Entry]) -> None:
        super().__init__()
        self._places = places

    def find(self, path: str) -> Entry | None:
        """The entry at a path, or the one loose file that belongs there."""
        return super().find(path) or self._places.get(path.lower())


class Listing:
    """One volume. `claims`: definitions of files by number, for those that no path pattern can ask for."""

    cluster = CLUSTER
    serial = ""

    def __init__(self, media: Strung, files: Iterable[Filed], history: Callable[[Filed], Known | None]) -> None:
        self._media, self._history = media, history
        self.damaged = 0
        self.doubles: list[int] = []
        self.claims: dict[int, tuple[str, ...]] = {}
        self.homes: dict[str, int] = {}
        self._nodes: dict[str, _Node] = {}
        self._folders: dict[str, int] = {"": ROOT}
        self._names: list[tuple[int, int, str]] = []
        self._mft: dict[int, Known] | None = None
        self._next = _FIRST
        for filed in files:
            self._add(filed)
        self._by_number = {n.number: n for n in self._nodes.values()}

    def _add(self, filed: Filed) -> None:
        key = "\\".join(filed.parts).lower()
        node = self._nodes.get(key)
        if node is None:
            node = self._nodes[key] = _Node(self._number(), filed.parts)
        if filed.stream in node.streams:
            self.doubles.append(filed.index)
        else:
            node.streams[filed.stream] = filed

    def _number(self) -> int:
        self._next += 1
        return self._next - 1

    def _folder(self, parts: Parts) -> int:
        """The number of a folder, made with those above it where they are new."""
        for depth in range(1, len(parts) + 1):
            key = "\\".join(parts[:depth]).lower()
            if key not in self._folders:
                above = self._folders["\\".join(parts[: depth - 1]).lower()]
                self._folders[key] = self._number()
                self._names.append((self._folders[key], above, parts[depth - 1]))
        return self._folders["\\".join(parts).lower()]

    @property
    def reader(self) -> Reader:
        """The bytes of the whole collection."""
        return self._media

    @property
    def total(self) -> int:
        """Bytes of the collection."""
        return self._media.size

    @property
    def size(self) -> int:
        """Bytes of this volume's files."""
        return sum(f.member.size for n in self._nodes.values() for f in n.streams.values())

    @property
    def files(self) -> list[tuple[int, Filed]]:
        """Every stream with the number of its file."""
        return [(n.number, f) for n in self._nodes.values() for f in n.streams.values()]

    def tree(self, deleted: frozenset[str]) -> Tree:
        """Every name; a collection knows no deleted ones."""
        entries = [Entry(n.number, 1, self._folder(n.parts[:-1]), 1, n.parts[-1]) for n in self._nodes.values()]
        known = {e.record: e for e in entries}
        tree = LooseTree({path: known[n] for path, n in self.homes.items()}) if self.homes else Tree()
        tree.files.extend(entries)
        for number, above, name in self._names:
            tree.folders[number] = Entry(number, 1, above, 1, name)
        for node in self._nodes.values():
            if (main := node.streams.get("")) and main.member.kind == "link":
                tree.folders[node.number] = known[node.number]
                tree.reparse.add(node.number)
        return tree

    def file(self, number: int) -> FileRecord | None:
        """A file by its number in this listing."""
        node = self._by_number.get(number)
        if node is None:
            return None
        first = next(iter(node.streams.values()))
        known = self._known(node, first)
        refused = first.member.note if first.member.kind in ("refused", "device") else ""
        return FileRecord(
            number=number,
            seq=1,
            in_use=True,
            directory=False,
            si=known.si if known else None,
            attributes=known.attributes if known else 0,
            names=known.names if known else (),
            streams=tuple(self._stream(f) for _n, f in sorted(node.streams.items())),
            reparse=link(first.member.note) if first.member.kind == "link" else b"",
            listed=True,
            mft=known.mft if known else None,
            times_from=known.said if known and known.si else "",
            container_time=first.member.written,
            refused=refused,
        )

    def _known(self, node: _Node, first: Filed) -> Known | None:
        if self._mft is None:
            self._mft = self._from_mft()
        return self._mft.get(node.number) or self._history(first)

    def _from_mft(self) -> dict[int, Known]:
        """What the volume's own $MFT says, where the collection holds it."""
        node = self._nodes.get("$mft")
        main = node.streams.get("") if node else None
        if main is None or main.member.kind != "file" or main.member.extents:
            return {}
        start = self._media.starts[main.index]
        numbered = [(n.number, n.parts) for n in self._nodes.values()]
        return from_mft(lambda at, n: self._media.read_at(start + at, n), main.member.stored, numbered)

    def faults(self, number: int) -> tuple[str, ...]:
        """What reading a file has shown to be wrong with it, beside bytes that could not be read."""
        node = self._by_number.get(number)
        found = (self._media.faults.get(f.index, ()) for f in node.streams.values()) if node else ()
        return tuple(fault for some in found for fault in some)

    def _stream(self, filed: Filed) -> StreamInfo:
        member, start = filed.member, self._media.starts[filed.index]
        runs = _runs(member, start)
        return StreamInfo(
            name=filed.stream,
            size=member.size,
            allocated=member.stored if member.kind == "file" else 0,
            initialized=member.size,
            runs=runs,
            sparse=bool(member.extents),
            torn=member.torn,
        )

    def read(self, stream: StreamInfo, limit: int) -> bytes:
        """The first `limit` bytes of a stream; unreadable places are zeros."""
        out = bytearray()
        for piece in pieces(self._media, CLUSTER, stream):
            out += piece.data
            if len(out) >= limit:
                break
        return bytes(out[:limit])

    def bitmap(self) -> bytes:
        """Unknown."""
        return b""


def _runs(member: Member, start: int) -> tuple[Run, ...]:
    """Where the stored bytes lie, in clusters; holes of sparse files without a place."""
    if member.kind != "file" or not member.stored:
        return ()
    if not member.extents:
        return ((start // CLUSTER, -(-member.stored // CLUSTER)),)
    runs, at = list[Run](), 0
    for offset, stored, length in member.extents:
        if offset > at:
            runs.append((None, (offset - at) // CLUSTER))
        runs.append(((start + stored) // CLUSTER, -(-length // CLUSTER)))
        at = offset + -(-length // CLUSTER) * CLUSTER
    if member.size > at:
        runs.append((None, -(-(member.size - at) // CLUSTER)))
    return tuple(runs)


def fits_clusters(extents: Sequence[tuple[int, int, int]], size: int) -> bool:
    """Whether sparse parts lie on borders, in order and inside the file, so that runs can say them."""
    at = 0
    for offset, stored, length in extents:
        last = offset + length == size
        if offset < at or offset % CLUSTER or stored % CLUSTER or (length % CLUSTER and not last):
            return False
        at = offset + length
    return at <= size


def link(target: str) -> bytes:
    """A symbolic link's reparse buffer, so that it is described as on a volume."""
    raw = target.encode("utf-16-le", "backslashreplace")[: 1 << 14]
    body = struct.pack("<HHHHI", 0, len(raw), 0, len(raw), 0) + raw
    return struct.pack("<IHH", _LINK, len(body), 0) + body
