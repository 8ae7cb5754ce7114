"""Two other readers beside ours: python-registry and dissect.regf on the keys, values and times of one hive.

Compared are, per key: the FILETIME as an integer and per value its name, type, length and bytes. Where a reader hands
out fewer or other bytes than the value says it has (python-registry does so for some short values), it has no
opinion on the bytes. The readers get the hive after its logs, because neither replays them.
"""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TypeVar

from dissect.regf import RegistryHive
from dissect.regf.exceptions import Error as DissectError
from msgspec import Struct
from Registry import Registry, RegistryParse

from parsers.registry.keys import BadValue, values
from parsers.registry.replay import Replayed, replay
from parsers.registry.tree import load
from shellcase.model import Job

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
Keys = dict[str, tuple[int, tuple[Item, ...]]]
"""What a reader says: path → (FILETIME, values by name). Keys of the same path stand as `path#2`."""


class Difference(Struct, frozen=True):
    """One key on which the readers do not agree: `what` is missing, time or values; `said` by reader."""

    key: str
    what: str
    said: Mapping[str, str]


def compare(path: Path) -> list[Difference]:
    """Compare the readings of a hive as it lies there, without logs."""
    return compare_bytes(path.read_bytes())


def compare_job(job: Job) -> list[Difference]:
    """Compare the readings of an artefact after its logs."""
    with job.source.open() as stream:
        raw = stream.read()
    return compare_bytes(replay(raw, job).raw, job)


def compare_bytes(raw: bytes, job: Job | None = None) -> list[Difference]:
    """Compare the readings of the bytes of a hive."""
    said = {"ours": _ours(raw, job), "dissect.regf": _dissect(raw), "python-registry": _python_registry(raw)}
    paths = sorted({path for keys in said.values() for path in keys})
    return [found for path in paths for found in _differ(path, {name: keys.get(path) for name, keys in said.items()})]


def _differ(path: str, said: Mapping[str, tuple[int, tuple[Item, ...]] | None]) -> Iterator[Difference]:
    there = {name: key for name, key in said.items() if key is not None}
    if len(there) < len(said):
        yield Difference(path, "missing", {name: "there" if key else "missing" for name, key in said.items()})
    if len({ticks for ticks, _ in there.values()}) > 1:
        yield Difference(path, "time", {name: str(ticks) for name, (ticks, _) in there.items()})
    first, *others = there.values()
    if not all(_agree(first[1], other[1]) for other in others):
        yield Difference(path, "values", {name: str(found)[:2000] for name, (_, found) in there.items()})


def _agree(one: tuple[Item, ...], other: tuple[Item, ...]) -> bool:
    return len(one) == len(other) and all(
        a[:3] == b[:3] and (a[3] == b[3] or not a[3] or not b[3]) for a, b in zip(one, other, strict=True)
    )


def _digest(data: object, size: int) -> str:
    if not isinstance(data, bytes) or len(data) != size:
        return ""
    return hashlib.sha256(data).hexdigest()[:16]


def _add(keys: Keys, path: str, ticks: int, items: list[Item]) -> None:
    number, name = 1, path
    while name in keys:
        number += 1
        name = f"{path}#{number}"
    keys[name] = (ticks, tuple(sorted(items)))


def _ours(raw: bytes, job: Job | None) -> Keys:
    keys: Keys = {}
    loading = load(raw, Replayed(raw), "" if job is None else job.source.path)
    try:
        while True:
            next(loading)
    except StopIteration as done:
        hive = done.value
    for node in hive.nodes.values():
        if not hive.left(node):
            good = [v for v in values(raw, node) if not isinstance(v, BadValue)]
            items = [(v.name, v.type & _TYPE, v.size, _digest(v.data, v.size)) for v in good]
            _add(keys, hive.path(node.offset), node.ticks, items)
    return keys


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
