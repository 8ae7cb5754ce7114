"""The catalog of a volume's shadow copies, by a walk of our own: what is announced, and what libvshadow does not tell.

Layout: at byte 0x1E00 of the volume a block starts with the GUID 3808876b-c176-4e48-b7ae-04046e6cc752; its field at
48 is the offset of the catalog. A catalog block of 16 KiB has a head of 128 bytes (next block at 40) and entries of
128 bytes: type 2 (volume size at 8, store at 16, sequence number at 32, FILETIME at 48) and type 3 (store at 16, offset
of the store's head at 32). A store's head has its facts at 128: copy at 16, copy set at 32, context at 48, attributes
at 56, then two machine names, each with 16 bits of length before it.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterable, Iterator

from msgspec import Struct, structs

from collector.media import try_read
from collector.runs import Reader

MARK = uuid.UUID("3808876b-c176-4e48-b7ae-04046e6cc752").bytes_le
HEAD = 0x1E00
_BLOCK = 0x4000
_ENTRY = 128
_MOST_BLOCKS = 4096
_MOST_NAME = 512
_UNUSED = struct.pack("<Q", 1).ljust(_ENTRY, b"\0")


class Announced(Struct, frozen=True, kw_only=True):
    """One store of the catalog. `created` is a FILETIME; the facts of a store whose head is damaged are empty.

    `entries`: where its entries lie on the volume.
    """

    identifier: str
    sequence: int = 0
    created: int = 0
    size: int = 0
    head: int = 0
    copy: str = ""
    copy_set: str = ""
    context: int = 0
    attributes: int = 0
    machine: str = ""
    service_machine: str = ""
    entries: tuple[int, ...] = ()


class Without:
    """The volume as it would be if its catalog did not name some stores."""

    def __init__(self, volume: Reader, stores: Iterable[Announced]) -> None:
        self._volume, self.size = volume, volume.size
        self._entries = sorted(at for s in stores for at in s.entries)

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes of the volume, the entries of those stores marked as unused."""
        data = self._volume.read_at(offset, length)
        end = offset + len(data)
        hit = [at for at in self._entries if at < end and at + _ENTRY > offset]
        if not hit:
            return data
        out = bytearray(data)
        for at in hit:
            low, high = max(at, offset), min(at + _ENTRY, end)
            out[low - offset : high - offset] = _UNUSED[low - at : high - at]
        return bytes(out)


def has_shadow_copies(volume: Reader) -> bool:
    """Whether the volume's head names a catalog."""
    return _catalog(volume) > 0


def announced(volume: Reader) -> tuple[tuple[Announced, ...], tuple[str, ...]]:
    """Every store of the catalog in its order, and what of the catalog could not be followed. Never raises."""
    stores: dict[str, Announced] = {}
    problems: list[str] = []
    for at, entry in _entries(volume, problems):
        (kind,) = struct.unpack_from("<Q", entry)
        if kind not in (2, 3):
            continue
        name = str(uuid.UUID(bytes_le=entry[16:32]))
        known = stores.get(name, Announced(identifier=name))
        known = structs.replace(known, entries=(*known.entries, at))
        if kind == 2:
            size, sequence = struct.unpack_from("<Q16xQ", entry, 8)
            (created,) = struct.unpack_from("<Q", entry, 48)
            stores[name] = structs.replace(known, size=size, sequence=sequence, created=created)
        else:
            stores[name] = structs.replace(known, head=struct.unpack_from("<Q", entry, 32)[0])
    return tuple(_with_facts(volume, s) for s in stores.values()), tuple(problems)


def _catalog(volume: Reader) -> int:
    head = try_read(volume, HEAD, 128)
    if len(head) < 128 or head[:16] != MARK:
        return 0
    return int(struct.unpack_from("<Q", head, 48)[0])


def _entries(volume: Reader, problems: list[str]) -> Iterator[tuple[int, bytes]]:
    at, seen = _catalog(volume), set[int]()
    while at:
        block = try_read(volume, at, _BLOCK)
        if at in seen or len(seen) >= _MOST_BLOCKS:
            problems.append(f"catalog of shadow copies: its block at byte {at} comes twice or the chain is too long")
            return
        if len(block) < _BLOCK or block[:16] != MARK or struct.unpack_from("<I", block, 20)[0] != 2:
            problems.append(f"catalog of shadow copies: the block at byte {at} is not one of the catalog")
            return
        seen.add(at)
        yield from ((at + n, block[n : n + _ENTRY]) for n in range(_ENTRY, _BLOCK, _ENTRY))
        (at,) = struct.unpack_from("<Q", block, 40)


def _with_facts(volume: Reader, store: Announced) -> Announced:
    raw = try_read(volume, store.head, _BLOCK) if store.head else b""
    if len(raw) < 256 or raw[:16] != MARK or struct.unpack_from("<I", raw, 20)[0] != 4:
        return store
    facts = raw[128:]
    context, _provider, attributes = struct.unpack_from("<III", facts, 48)
    machine, end = _name(facts, 64)
    service, _end = _name(facts, end)
    return structs.replace(
        store,
        copy=str(uuid.UUID(bytes_le=facts[16:32])),
        copy_set=str(uuid.UUID(bytes_le=facts[32:48])),
        context=context,
        attributes=attributes,
        machine=machine,
        service_machine=service,
    )


def _name(facts: bytes, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from("<H", facts, at) if at + 2 <= len(facts) else (0,)
    end = at + 2 + length
    if length > _MOST_NAME or end > len(facts):
        return "", len(facts)
    return facts[at + 2 : end].decode("utf-16-le", "backslashreplace").rstrip("\0"), end
