"""Records of an ESE table: fixed, variable and tagged columns as Python values.

A record begins with the last fixed and last variable column it holds and the offset of the variable part; tagged
columns are listed at its end (RECHDR and TAGFLD in Microsoft's sources).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import pairwise
from uuid import UUID

from msgspec import Struct

from parsers.database.ese.squeeze import unpack

Cell = int | float | str | bytes | bool | None
Fetch = Callable[[bytes], bytes | None]
"""Finds a long value by its key; None where it is not there."""

_FORMATS = {2: "<B", 3: "<h", 4: "<i", 5: "<q", 6: "<f", 7: "<d", 14: "<I", 15: "<q", 17: "<H"}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 4, 7: 8, 8: 8, 14: 4, 15: 8, 16: 16, 17: 2}
_TEXTS, _GUID, _DATE, _BIT = (10, 12), 16, 8, 1
_UNICODE = 1200
_COMPRESSED, _SEPARATED, _MANY, _TWO, _NULL = 2, 4, 8, 16, 32


class Column(Struct, frozen=True, gc=False):
    """One column. `at` is the offset of a fixed column in the record, `kind` its JET type."""

    number: int
    name: str
    kind: int
    at: int = 0
    size: int = 0
    codepage: int = _UNICODE
    default: bytes | None = None


class BadRecordError(ValueError):
    """Bytes that cannot be a record of their table."""


def fixed_size(kind: int, stated: int) -> int:
    """Bytes of a fixed column."""
    return _SIZES.get(kind) or stated


def read(data: bytes, columns: tuple[Column, ...], small: bool, fetch: Fetch) -> dict[str, Cell]:
    """Values by column name, absent ones left out. BadRecordError where it cannot be one."""
    if len(data) < 4:
        raise BadRecordError(f"a record of {len(data)} bytes")
    last_fixed, last_variable, variable = data[0], data[1], int.from_bytes(data[2:4], "little")
    count = max(0, last_variable - 127)
    if not 4 <= variable <= len(data) or variable + 2 * count > len(data):
        raise BadRecordError(f"its variable part begins at {variable} of {len(data)}")
    ends = struct.unpack_from(f"<{count}H", data, variable)
    start = variable + 2 * count
    tagged = start + (ends[-1] & 0x7FFF if ends else 0)
    if tagged > len(data):
        raise BadRecordError(f"its variable columns end at {tagged} of {len(data)}")
    nulls = data[variable - (last_fixed + 7) // 8 : variable]
    fields = _tagged(data[tagged:], small)
    out: dict[str, Cell] = {}
    for column in columns:
        raw: bytes | None
        if column.number <= 127:
            raw = _fixed(data, column, last_fixed, nulls, variable)
        elif column.number <= 255:
            raw = _variable(data, column, ends, start)
        else:
            raw = _field(fields.get(column.number), fetch) if column.number in fields else column.default
        if raw is not None:
            out[column.name] = value(column, raw)
    return out


def _fixed(data: bytes, column: Column, last: int, nulls: bytes, end: int) -> bytes | None:
    if column.number > last:
        return column.default
    byte, bit = divmod(column.number - 1, 8)
    if byte >= len(nulls) or nulls[byte] >> bit & 1:
        return None
    if column.at + column.size > end - len(nulls):
        raise BadRecordError(f"column {column.name} lies behind the fixed part")
    return data[column.at : column.at + column.size]


def _variable(data: bytes, column: Column, ends: tuple[int, ...], start: int) -> bytes | None:
    index = column.number - 128
    if index >= len(ends):
        return column.default
    if ends[index] & 0x8000:
        return None
    low = ends[index - 1] & 0x7FFF if index else 0
    if ends[index] < low:
        raise BadRecordError(f"column {column.name} ends before it begins")
    return data[start + low : start + ends[index]]


def _tagged(raw: bytes, small: bool) -> dict[int, tuple[int, bytes]]:
    """Flags and bytes of the tagged columns; flags of null columns have the bit for null."""
    if not raw:
        return {}
    if len(raw) < 4:
        raise BadRecordError("its tagged columns are cut off")
    mask = 0x1FFF if small else 0x7FFF
    first = int.from_bytes(raw[2:4], "little") & mask
    if first % 4 or not 4 <= first <= len(raw):
        raise BadRecordError(f"its first tagged column begins at {first} of {len(raw)}")
    entries = [struct.unpack_from("<HH", raw, at) for at in range(0, first, 4)]
    bounds = [*(place & mask for _, place in entries), len(raw)]
    if any(a > b for a, b in pairwise(bounds)):
        raise BadRecordError("its tagged columns lie in no order")
    return {number: _flagged(raw[bounds[i] : bounds[i + 1]], place, small) for i, (number, place) in enumerate(entries)}


def _flagged(part: bytes, place: int, small: bool) -> tuple[int, bytes]:
    extended = bool(place & 0x4000) if small else True
    flags = part[0] if extended and part else 0
    if small and place & 0x2000:
        flags |= _NULL
    return flags, part[1:] if extended else part


def _field(field: tuple[int, bytes] | None, fetch: Fetch) -> bytes | None:
    """The bytes of a tagged column, of several values the first."""
    if field is None or field[0] & _NULL:
        return None
    flags, raw = field
    if flags & _TWO and raw:
        raw = raw[1 : 1 + raw[0]]
    elif flags & _MANY and len(raw) >= 2:
        first = int.from_bytes(raw[:2], "little") & 0x7FFF
        after = int.from_bytes(raw[2:4], "little") & 0x7FFF if first > 2 else len(raw)
        flags |= _SEPARATED if raw[1] & 0x80 else 0
        raw = raw[first:after]
    if flags & _SEPARATED:
        found = fetch(raw)
        if found is None:
            raise BadRecordError("a long value of it is missing")
        return found
    return unpack(raw) if flags & _COMPRESSED else raw


def value(column: Column, raw: bytes) -> Cell:
    """Bytes as what the column's type says. Dates stay integers: databases differ in what they mean by them."""
    if column.kind in _TEXTS:
        codec = "utf-16-le" if column.codepage == _UNICODE else "cp1252"
        return raw.decode(codec, "backslashreplace").rstrip("\0")
    if column.kind in _SIZES and len(raw) < _SIZES[column.kind]:
        raise BadRecordError(f"column {column.name} has {len(raw)} bytes")
    if column.kind == _BIT:
        return raw[0] == 0xFF
    if column.kind == _GUID:
        return "{" + str(UUID(bytes_le=raw[:16])).upper() + "}"
    if column.kind == _DATE:
        return int.from_bytes(raw[:8], "little")
    form = _FORMATS.get(column.kind)
    number: int | float = struct.unpack_from(form, raw)[0] if form else 0
    return number if form else raw
