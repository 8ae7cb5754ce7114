"""Sparse files as Velociraptor stores them: their allocated parts in a row, and where those belong in `<name>.idx`."""

from __future__ import annotations

import json
from collections.abc import Mapping

from msgspec import structs

from collector.gathered.bundle import Bundle, Member
from collector.gathered.listing import fits_clusters

_MOST = 64 << 20
_MOST_RANGES = 1_000_000


def expanded(bundle: Bundle) -> dict[int, Member]:
    """Members that are sparse, with their true size and the places of their parts."""
    by_name = {m.name: n for n, m in enumerate(bundle.members)}
    found = {}
    for index, member in enumerate(bundle.members):
        about = by_name.get(f"{member.name}.idx")
        if about is None or member.kind != "file" or member.extents:
            continue
        whole = _expanded(member, _ranges(bundle, about))
        if whole is None:
            bundle.problems.append(f"{member.name}.idx does not say where the parts of the file belong")
        else:
            found[index] = whole
    return found


def _ranges(bundle: Bundle, index: int) -> object:
    size = bundle.members[index].stored
    if size > _MOST:
        return None
    try:
        parsed = json.loads(bundle.read_at(index, 0, size))
    except (OSError, ValueError, RecursionError):
        return None
    return parsed.get("ranges") if isinstance(parsed, dict) else None


def _expanded(member: Member, ranges: object) -> Member | None:
    if not isinstance(ranges, list) or len(ranges) > _MOST_RANGES:
        return None
    extents, end = [], 0
    for part in ranges:
        if not isinstance(part, Mapping):
            return None
        at, stored, held, length = (
            _number(part.get(k)) for k in ("original_offset", "file_offset", "file_length", "length")
        )
        end = max(end, at + max(length, held))
        if held:
            extents.append((at, stored, held))
    inside = all(stored + held <= member.stored for _at, stored, held in extents)
    if not extents or not inside or end >= 1 << 62 or not fits_clusters(extents, end):
        return None
    return structs.replace(member, size=end, extents=tuple(extents))


def _number(value: object) -> int:
    """JSON numbers; 64-bit ones may be written as text."""
    if isinstance(value, str) and value.isdigit() and len(value) < 20:
        return int(value)
    return value if isinstance(value, int) and 0 <= value < 1 << 62 else 0
