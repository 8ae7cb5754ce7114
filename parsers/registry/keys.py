"""Keys and values of a hive, decoded from their cells; each failure costs the one key or value it happens in."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from msgspec import Struct

from parsers.registry.cells import FIRST_BIN, NOWHERE, cell

MOST_VALUES = 64
MOST_TEXT = 1024
_MOST_DATA = 1 << 20
_SEGMENT = 16_344
_ROOT_FLAG, _LATIN_NAME, _LATIN_VALUE = 0x04, 0x20, 0x01
_NUMBERS = {4: ("little", 4), 5: ("big", 4), 11: ("little", 8)}
_TEXTS = (1, 2, 6)
_MULTI = 7


class Value(Struct, frozen=True):
    """A value: its name, its REG_ type, its bytes (at most 1 MiB of them) and how many it says it has.

    `at` are the file offsets of the cells it is made of: its own first, then those of its data.
    """

    name: str
    type: int
    data: bytes
    size: int
    at: tuple[int, ...] = ()

    @property
    def text(self) -> str:
        """What people would read, uncut."""
        if self.type in _TEXTS:
            return utf16(self.data).partition("\0")[0]
        if self.type == _MULTI:
            return "\n".join(part for part in utf16(self.data).split("\0") if part)
        order, width = _NUMBERS.get(self.type, ("little", -1))
        if width == len(self.data):
            return str(int.from_bytes(self.data, "big" if order == "big" else "little"))
        return self.data[:MOST_TEXT].hex()

    @property
    def number(self) -> int | None:
        """A DWORD or QWORD as integer."""
        return int(self.text) if _NUMBERS.get(self.type, ("", -1))[1] == len(self.data) else None


class BadValue(Struct, frozen=True):
    """A value that cannot be read."""

    offset: int
    what: str


class Node(Struct, frozen=True):
    """A key: `offset` and `parent` are file offsets of cells, `ticks` the FILETIME of its last change.

    `cut` is how many bytes of the name lie outside of the cell.
    """

    offset: int
    size: int
    name: str
    ticks: int
    parent: int
    root: bool
    count: int
    values_at: int
    cut: int = 0


def utf16(raw: bytes) -> str:
    """UTF-16 of even length; half surrogates stay visible as escapes."""
    return raw[: len(raw) // 2 * 2].decode("utf-16-le", "backslashreplace")


def read_node(raw: bytes, offset: int) -> Node:
    """Decode the key in a cell. Raises ValueError or struct.error where the cell does not hold one."""
    body = cell(raw, offset)
    flags, ticks = struct.unpack_from("<HQ", body, 2)
    parent = struct.unpack_from("<I", body, 0x10)[0]
    count, values = struct.unpack_from("<II", body, 0x24)
    length = struct.unpack_from("<H", body, 0x48)[0]
    if body[:2] != b"nk":
        msg = f"no key but {body[:2].hex() or 'nothing'}"
        raise ValueError(msg)
    name = _name(body[0x4C : 0x4C + length], bool(flags & _LATIN_NAME))
    places = (parent + FIRST_BIN, bool(flags & _ROOT_FLAG), 0 if count == NOWHERE else count, values + FIRST_BIN)
    return Node(offset, len(body) + 4, name, ticks, *places, max(0, 0x4C + length - len(body)))


def _name(raw: bytes, latin: bool) -> str:
    return raw.decode("latin-1") if latin else utf16(raw)


def values(raw: bytes, node: Node) -> Iterator[Value | BadValue]:
    """The values of a key in order; what cannot be read is told in its place."""
    if not node.count:
        return
    table = cell(raw, node.values_at)
    fit = min(node.count, len(table) // 4)
    if fit < node.count:
        yield BadValue(node.values_at, f"the list holds {fit} of {node.count} values")
    for i in range(fit):
        at = int.from_bytes(table[4 * i : 4 * i + 4], "little") + FIRST_BIN
        try:
            yield _value(raw, at)
        except (ValueError, struct.error) as error:
            yield BadValue(at, str(error))


def _value(raw: bytes, at: int) -> Value:
    body = cell(raw, at)
    if body[:2] != b"vk":
        msg = f"no value at 0x{at:x} but {body[:2].hex() or 'nothing'}"
        raise ValueError(msg)
    length, size, where, kind, flags = struct.unpack_from("<HIIIH", body, 2)
    if 0x14 + length > len(body):
        msg = f"a name of {length} bytes in a cell of {len(body)}"
        raise ValueError(msg)
    name = _name(body[0x14 : 0x14 + length], bool(flags & _LATIN_VALUE))
    if size & 0x8000_0000:
        size &= 0x7FFF_FFFF
        return Value(name, kind & 0xFFFF, body[8 : 8 + min(size, 4)], size, (at,))
    if not size:
        return Value(name, kind & 0xFFFF, b"", 0, (at,))
    data, cells = _data(raw, where + FIRST_BIN, size)
    return Value(name, kind & 0xFFFF, data, size, (at, *cells))


def _data(raw: bytes, at: int, size: int) -> tuple[bytes, list[int]]:
    body, cells = cell(raw, at), [at]
    if body[:2] == b"db" and size > _SEGMENT:
        parts, where = _segments(raw, body)
        body = b"".join(cell(raw, part)[:_SEGMENT] for part in parts)
        cells += [where, *parts]
    if len(body) < size and len(body) < _MOST_DATA:
        msg = f"{len(body)} of {size} bytes of data at 0x{at:x}"
        raise ValueError(msg)
    return body[: min(size, _MOST_DATA)], cells


def _segments(raw: bytes, body: bytes) -> tuple[list[int], int]:
    """The cells of the parts of a big value, and that of their list (a `db` cell points to it)."""
    count, where = struct.unpack_from("<HI", body, 2)
    table = cell(raw, where + FIRST_BIN)
    fit = min(count, len(table) // 4, _MOST_DATA // _SEGMENT + 1)
    return [part + FIRST_BIN for part in struct.unpack_from(f"<{fit}I", table)], where + FIRST_BIN
