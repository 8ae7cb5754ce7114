"""The Merkle tree of RFC 6962 over leaf hashes, and `seal/leaves.bin`, the file that lists them.

leaves.bin: a header of 32 bytes (`shellcase.leaves`, then big-endian: version u32 = 1, width of an event id u32 = 48,
number of records u64), then records of 80 bytes: event id in UTF-8, padded with NUL bytes to 48, and the leaf's 32
bytes. Records are in order of their bytes, so by event id; leaf number n of the tree is record n.
"""

from __future__ import annotations

import hashlib
import heapq
import struct
import tempfile
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, overload

from shellcase.errors import IntegrityError

MAGIC, VERSION, ID_WIDTH, HASH = b"shellcase.leaves", 1, 48, 32
RECORD = ID_WIDTH + HASH
_HEADER = struct.Struct(">16sIIQ")
HEADER = _HEADER.size
_RUN = 400_000
_KEPT = 1024
_READ = 4096


def inner(left: bytes, right: bytes) -> bytes:
    """A node over two others."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Growing:
    """The root of a tree whose leaves come one by one; holds one hash for each level."""

    def __init__(self) -> None:
        self.count = 0
        self._peaks: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """The next leaf."""
        size, node = self.count, leaf
        while size & 1:
            node = inner(self._peaks.pop(), node)
            size >>= 1
        self._peaks.append(node)
        self.count += 1

    def root(self) -> bytes:
        """Over all leaves so far; of none it is the SHA-256 of nothing."""
        if not self._peaks:
            return hashlib.sha256(b"").digest()
        node = self._peaks[-1]
        for left in reversed(self._peaks[:-1]):
            node = inner(left, node)
        return node


class Tree:
    """The tree over leaves that lie elsewhere; keeps only the nodes above 1024 leaves, so memory stays small."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self._leaves = leaves
        self._kept: dict[tuple[int, int], bytes] = {}

    def proof(self, index: int) -> list[bytes]:
        """The audit path of a leaf, from the bottom up. IndexError when there is no such leaf."""
        low, high, path = 0, len(self._leaves), []
        if not 0 <= index < high:
            raise IndexError(index)
        while high - low > 1:
            middle = low + _half(high - low)
            if index < middle:
                path.append(self.node(middle, high))
                high = middle
            else:
                path.append(self.node(low, middle))
                low = middle
        return path[::-1]

    def node(self, low: int, high: int) -> bytes:
        """The hash over the leaves from `low` up to, not including, `high`."""
        if high - low <= _KEPT:
            growing = Growing()
            for leaf in self._leaves[low:high]:
                growing.add(leaf)
            return growing.root()
        if (low, high) not in self._kept:
            middle = low + _half(high - low)
            self._kept[low, high] = inner(self.node(low, middle), self.node(middle, high))
        return self._kept[low, high]


def _half(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The audit path of one leaf; for several of a long list keep a `Tree`."""
    return Tree(leaves).proof(index)


def root_of(leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes | None:
    """The root that leaf number `index` of `count` and its audit path lead to; None when the path cannot be."""
    if not 0 <= index < count:
        return None
    node, last = leaf, count - 1
    for other in path:
        if last == 0:
            return None
        if index & 1 or index == last:
            node = inner(other, node)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            node = inner(node, other)
        index, last = index >> 1, last >> 1
    return node if last == 0 else None


# -- leaves.bin -------------------------------------------------------------------------------------------------------


def record(event_id: bytes, leaf: bytes) -> bytes:
    """One record. IntegrityError for an event id that cannot stand in one."""
    if len(event_id) > ID_WIDTH or b"\0" in event_id:
        raise IntegrityError(f"the event id {event_id[:80]!r} is longer than {ID_WIDTH} bytes", todo="parse again")
    return event_id.ljust(ID_WIDTH, b"\0") + leaf


def head(count: int) -> bytes:
    """The header of so many leaves."""
    return _HEADER.pack(MAGIC, VERSION, ID_WIDTH, count)


def write_sorted(records: Iterable[bytes], target: Path) -> tuple[bytes, int, str]:
    """Write leaves.bin from records in any order, in bounded memory: (root, number of leaves, SHA-256 of the file)."""
    with tempfile.TemporaryDirectory(prefix="leaves-", dir=target.parent) as folder, ExitStack() as stack:
        runs = [stack.enter_context(p.open("rb")) for p in _write_runs(records, Path(folder))]
        count = sum(_size(fh) for fh in runs) // RECORD
        growing, digest = Growing(), hashlib.sha256()
        with target.open("wb") as out:
            out.write(head(count))
            digest.update(head(count))
            for one in heapq.merge(*(_records(fh) for fh in runs)):
                out.write(one)
                digest.update(one)
                growing.add(one[ID_WIDTH:])
    return growing.root(), count, digest.hexdigest()


def _write_runs(records: Iterable[bytes], folder: Path) -> list[Path]:
    runs: list[Path] = []
    held: list[bytes] = []

    def put() -> None:
        held.sort()
        runs.append(folder / f"{len(runs)}")
        runs[-1].write_bytes(b"".join(held))
        held.clear()

    for one in records:
        held.append(one)
        if len(held) >= _RUN:
            put()
    if held:
        put()
    return runs


def _records(fh: BinaryIO) -> Iterator[bytes]:
    while block := fh.read(RECORD * _READ):
        for at in range(0, len(block), RECORD):
            yield block[at : at + RECORD]


def _size(fh: BinaryIO) -> int:
    size = fh.seek(0, 2)
    fh.seek(0)
    return size


class Leaves(Sequence[bytes]):
    """An open leaves.bin: a sequence of leaf hashes. IntegrityError when the file is none."""

    def __init__(self, source: Path | BinaryIO) -> None:
        self._fh = source.open("rb") if isinstance(source, Path) else source
        try:
            self._count = _header(self._fh, str(source) if isinstance(source, Path) else "leaves.bin")
        except BaseException:
            self._fh.close()
            raise

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            low, high, step = index.indices(self._count)
            if step != 1:
                raise ValueError("leaves are read in their order")
            self._fh.seek(_HEADER.size + low * RECORD)
            block = self._fh.read(max(high - low, 0) * RECORD)
            return [block[at + ID_WIDTH : at + RECORD] for at in range(0, len(block), RECORD)]
        return self._record(range(self._count)[index])[ID_WIDTH:]

    def records(self) -> Iterator[bytes]:
        """Every record as it stands, in order."""
        self._fh.seek(_HEADER.size)
        return _records(self._fh)

    def places(self, event_id: str) -> list[int]:
        """The numbers of the leaves of an event (several only where a record was kept twice)."""
        wanted = event_id.encode().ljust(ID_WIDTH, b"\0")
        first = bisect_left(range(self._count), wanted, key=lambda n: self._record(n)[:ID_WIDTH])
        found = []
        while first < self._count and self._record(first)[:ID_WIDTH] == wanted:
            found.append(first)
            first += 1
        return found

    def _record(self, number: int) -> bytes:
        self._fh.seek(_HEADER.size + number * RECORD)
        return self._fh.read(RECORD)

    def __enter__(self) -> Leaves:
        return self

    def __exit__(self, _t: type[BaseException] | None, _v: BaseException | None, _b: TracebackType | None) -> None:
        self._fh.close()


def _header(fh: BinaryIO, where: str) -> int:
    size = _size(fh)
    raw = fh.read(_HEADER.size)
    if len(raw) < _HEADER.size:
        raise IntegrityError("the file of leaves has no whole header", where, "restore it from a copy")
    magic, version, width, count = _HEADER.unpack(raw)
    if (magic, version, width) != (MAGIC, VERSION, ID_WIDTH) or size != _HEADER.size + count * RECORD:
        raise IntegrityError("the file of leaves is damaged or of another version", where, "restore it from a copy")
    return int(count)
