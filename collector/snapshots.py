"""Volume shadow copies as volumes of their own, through libvshadow.

A store answers for the blocks that changed after it was made; all others come from newer stores and the live volume.
So a copy reads like a whole volume, and its NTFS is read by the same code as the live one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from msgspec import structs

from collector.filesystem import VolumeHandle
from collector.media import READER_FAULTS
from collector.ntfs import Ntfs
from collector.runs import Reader
from collector.vsscatalog import Announced, Without, announced, has_shadow_copies
from collector.vssprobe import open_stores, trouble
from shellcase.errors import EvidenceError
from shellcase.records import SnapshotInfo

if TYPE_CHECKING:
    import pyvshadow

MOST = 512
"""Windows keeps no more copies of one volume."""


class StoreReader:
    """The bytes of a volume as they were when the copy was made."""

    def __init__(self, volume: pyvshadow.volume, store: pyvshadow.store) -> None:
        self._volume, self._store = volume, store  # the store needs its volume alive
        self.size = int(store.get_volume_size())

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes from `offset`; fewer only at the end. OSError where they cannot be read."""
        length = min(length, self.size - offset)
        if offset < 0 or length <= 0:
            return b""
        try:
            data: bytes = self._store.read_buffer_at_offset(length, offset)
        except (*READER_FAULTS, MemoryError) as error:
            msg = f"the shadow copy cannot give {length} bytes at {offset}: {_words(error)}"
            raise OSError(msg) from error
        return data


def snapshots_of(handle: VolumeHandle) -> tuple[tuple[VolumeHandle, ...], tuple[str, ...]]:
    """The shadow copies of a live volume, the oldest first, and what could not be read of them."""
    if not has_shadow_copies(handle.reader):
        return (), ()
    told, problems = announced(handle.reader)
    where = f"volume at byte {handle.volume.offset}"
    if not told:
        return (), tuple(f"{where}: {p}" for p in problems)
    ordered = sorted(told, key=lambda a: (a.sequence, a.created, a.identifier))
    handles = _handles(handle, _opened(handle.reader, ordered), ordered)
    bad = (h for h in handles if h.why and h.info)
    unread = [f"shadow copy {h.info.number} ({h.snapshot}) not read: {h.why}" for h in bad if h.info]
    return handles, tuple(f"{where}: {p}" for p in (*problems, *unread))


_Store = tuple[str, int, Reader | None, str]
"""Identifier, FILETIME, its bytes or None, and why it has none."""


def _opened(reader: Reader, ordered: Sequence[Announced]) -> list[_Store]:
    """Every store of the catalog, the oldest first, and what can be opened of them.

    A copy needs the blocks of every newer one. So where the library refuses, the newest copies that it opens together
    are looked for, and all older ones are given up.
    """
    why, low, high = trouble(reader), 0, len(ordered)
    if not why:
        return _listed(reader, ordered, "libvshadow does not show it")
    while low + 1 < high:  # without the oldest `low` it fails, without the oldest `high` nothing is left
        middle = (low + high) // 2
        reason = trouble(Without(reader, ordered[:middle]))
        low, high, why = (middle, high, reason) if reason else (low, middle, why)
    lost: list[_Store] = [(a.identifier, a.created, None, _NEEDS) for a in ordered[: high - 1]]
    lost.append((ordered[high - 1].identifier, ordered[high - 1].created, None, why))
    if high == len(ordered):
        return lost
    return lost + _listed(Without(reader, ordered[:high]), ordered[high:], "libvshadow does not show it")


_NEEDS = "it needs the blocks of a newer copy, which cannot be read"


def _listed(reader: Reader, ordered: Sequence[Announced], otherwise: str) -> list[_Store]:
    """What the library shows, and the stores of the catalog that it does not."""
    found: list[_Store] = []
    try:
        volume, stores = open_stores(reader)
        found += [_one(volume, store) for store in stores[:MOST]]
    except (*READER_FAULTS, MemoryError) as error:
        otherwise = _words(error)
    shown = {name for name, *_rest in found}
    return found + [(a.identifier, a.created, None, otherwise) for a in ordered if a.identifier not in shown]


def _one(volume: pyvshadow.volume, store: pyvshadow.store) -> _Store:
    name, created = str(store.get_identifier()), int(store.get_creation_time_as_integer())
    if not store.has_in_volume_data():
        return name, created, None, "its data lie on another volume"
    return name, created, StoreReader(volume, store), ""


def _handles(live: VolumeHandle, found: list[_Store], ordered: Sequence[Announced]) -> tuple[VolumeHandle, ...]:
    """Volumes from the oldest copy to the newest. A GUID that comes twice gets a number behind it."""
    told = {a.identifier: a for a in ordered}
    place = {a.identifier: n for n, a in enumerate(ordered)}
    handles: list[VolumeHandle] = []
    seen: Counter[str] = Counter()
    for name, created, reader, why in sorted(found, key=lambda s: (place.get(s[0], len(place)), s[1], s[0])):
        seen[name] += 1
        ident = f"vss:{name}" + (f"#{seen[name]}" if seen[name] > 1 else "")
        info = _info(live, ident, len(handles) + 1, created, told.get(name, Announced(identifier=name)))
        handles.append(_handle(live, info, reader, why))
    return tuple(handles)


def _info(live: VolumeHandle, ident: str, number: int, created: int, told: Announced) -> SnapshotInfo:
    return SnapshotInfo(
        snapshot=ident,
        volume_key=live.volume.key,
        number=number,
        created=created,
        sequence=told.sequence,
        copy=told.copy,
        copy_set=told.copy_set,
        context=told.context,
        attributes=told.attributes,
        machine=told.machine,
        service_machine=told.service_machine,
    )


def _handle(live: VolumeHandle, info: SnapshotInfo, reader: Reader | None, why: str) -> VolumeHandle:
    """The copy as a volume: its key is the live volume's. Damage costs this copy only."""
    fs: Ntfs | None = None
    if reader is not None:
        try:
            fs = Ntfs(reader, f"shadow copy {info.snapshot}")
        except EvidenceError as error:
            why = error.what
        except OSError as error:
            why = str(error)
    info = structs.replace(info, problem=why)
    return replace(live, reader=reader or live.reader, fs=fs, why=why, snapshot=info.snapshot, info=info)


def _words(error: BaseException) -> str:
    return f"{type(error).__name__} {error}"[:300]
