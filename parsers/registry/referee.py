"""Two other readers beside ours: python-registry and dissect.regf on the keys, values and times of one hive.

Compared are, per key: the FILETIME as an integer and per value its name, type, length and bytes. Where a reader hands
out fewer or other bytes than the value says it has (python-registry does so for some short values), it has no
opinion on the bytes. None of the readers gets the hive's logs, unless `compare_job` applies them first.
"""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

from dissect.regf import RegistryHive
from dissect.regf.exceptions import Error as DissectError
from Registry import Registry, RegistryParse

from parsers.referee import Difference
from parsers.registry.keys import BadValue, values
from parsers.registry.replay import Replayed, replay
from parsers.registry.tree import Hive, load
from shellcase.model import Job, Source

_FAULTS = (
    DissectError, RegistryParse.RegistryException, struct.error, ValueError, IndexError, KeyError, TypeError,
    AttributeError, EOFError, NotImplementedError, RecursionError, OverflowError,
)  # fmt: skip
_DEEPEST = 512
_LEAST_KEY = 0x50
_TYPE = 0x0FFF  # python-registry cuts the rest off
K = TypeVar("K")

Item = tuple[str, int, int, str]
"""A value: name, type, length, digest of its bytes (empty: no opinion)."""
Said = tuple[int, tuple[Item, ...]]
"""FILETIME and values by name."""
Keys = dict[str, Said]
"""What a reader says, by path. Keys of the same path stand as `path#2`."""


def compare(source: Source) -> Iterator[Difference]:
    """Hold a hive as it lies there, without its logs, against the two readers."""
    with source.open() as stream:
        yield from compare_bytes(stream.read())


def compare_job(job: Job) -> Iterator[Difference]:
    """The same after its logs; offsets count in the replayed hive."""
    with job.source.open() as stream:
        raw = stream.read()
    yield from compare_bytes(replay(raw, job).raw)


def compare_bytes(raw: bytes) -> Iterator[Difference]:
    """Differences in the order of the keys' paths."""
    ours, places = _ours(raw)
    for referee, theirs in (("dissect.regf", _dissect(raw)), ("python-registry", _python_registry(raw))):
        for path in sorted(ours.keys() | theirs.keys()):
            for what, mine, other in _differ(ours.get(path), theirs.get(path)):
                unread = what == "record" and path in ours
                yield Difference(referee, places.get(path, 0), f"{what} of {path}", mine, other, unread)


def _differ(ours: Said | None, theirs: Said | None) -> Iterator[tuple[str, str, str]]:
    if ours is None or theirs is None:
        yield "record", "missing" if ours is None else "there", "missing" if theirs is None else "there"
        return
    if ours[0] != theirs[0]:
        yield "time", str(ours[0]), str(theirs[0])
    if not _agree(ours[1], theirs[1]):
        yield "values", str(ours[1])[:2000], str(theirs[1])[:2000]


def _agree(one: tuple[Item, ...], other: tuple[Item, ...]) -> bool:
    return len(one) == len(other) and all(
        a[:3] == b[:3] and (a[3] == b[3] or not a[3] or not b[3]) for a, b in zip(one, other, strict=True)
    )


def _digest(data: object, size: int) -> str:
    if not isinstance(data, bytes) or len(data) != size:
        return ""
    return hashlib.sha256(data).hexdigest()[:16]


def _add(keys: Keys, path: str, ticks: int, items: list[Item]) -> str:
    number, name = 1, path
    while name in keys:
        number += 1
        name = f"{path}#{number}"
    keys[name] = (ticks, tuple(sorted(items)))
    return name


def _ours(raw: bytes) -> tuple[Keys, dict[str, int]]:
    keys: Keys = {}
    places: dict[str, int] = {}
    hive = _loaded(raw)
    for node in hive.nodes.values():
        if not hive.left(node):
            good = [v for v in values(raw, node) if not isinstance(v, BadValue)]
            items = [(v.name, v.type & _TYPE, v.size, _digest(v.data, v.size)) for v in good]
            places[_add(keys, hive.path(node.offset), node.ticks, items)] = node.offset
    return keys, places


def _loaded(raw: bytes) -> Hive:
    """Read a hive; what is wrong with it is told elsewhere."""
    loading = load(raw, Replayed(raw), "")
    while True:
        try:
            next(loading)
        except StopIteration as done:
            hive: Hive = done.value
            return hive


def _walk(
    root: K, name: Callable[[K], str], children: Callable[[K], Iterable[K]], most: int
) -> Iterator[tuple[str, K]]:
    """Path and key of everything a reader reaches; a list that it cannot read ends there."""
    todo: list[tuple[str, K, int]] = [("", root, 0)]
    while todo and most:
        most -= 1
        path, key, depth = todo.pop()
        yield path, key
        found: list[tuple[str, K, int]] = []
        try:
            for child in islice(children(key), most):
                found.append((f"{path}\\{name(child)}" if path else name(child), child, depth + 1))
        except _FAULTS:
            pass
        todo += reversed(found if depth < _DEEPEST else [])


def _bytes(read: Callable[[], object]) -> object:
    try:
        return read()
    except _FAULTS:
        return None


def _dissect(raw: bytes) -> Keys:
    keys: Keys = {}
    try:
        root = RegistryHive(io.BytesIO(raw)).root()
    except _FAULTS:
        return keys
    for path, key in _walk(root, lambda key: str(key.name), lambda key: key.subkeys(), len(raw) // _LEAST_KEY):
        items: list[Item] = []
        try:
            ticks = int(key.cell.LastWriteTime)
            for value in key.values():
                name = "" if value.cell.NameLength == 0 else value.name
                data = _bytes(lambda value=value: value.data)  # type: ignore[misc]
                items.append((name, value.type & _TYPE, value.size, _digest(data, value.size)))
        except _FAULTS:
            continue
        _add(keys, path, ticks, items)
    return keys


def _python_registry(raw: bytes) -> Keys:
    """Its records are asked, not its values: those decode, and its `timestamp()` loses the last digit."""
    keys: Keys = {}
    try:
        root = Registry.Registry(io.BytesIO(raw)).root()
    except _FAULTS:
        return keys
    for path, key in _walk(root, lambda key: str(key.name()), lambda key: key.subkeys(), len(raw) // _LEAST_KEY):
        items: list[Item] = []
        try:
            ticks = int(key._nkrecord.unpack_qword(0x4))
            for value in key.values():
                record = value._vkrecord
                size = record.raw_data_length() & 0x7FFF_FFFF
                name = value.name() if record.has_name() else ""
                items.append((name, record.data_type() & _TYPE, size, _digest(_bytes(record.raw_data), size)))
        except _FAULTS:
            continue
        _add(keys, path, ticks, items)
    return keys
