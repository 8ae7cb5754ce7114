"""Which keys a hive still knows: what the lists of subkeys lead to, starting at the root, and where they are damaged.

A key says how many subkeys it has. Where its list leads to fewer, the keys that name it as their parent are taken to
be its own, so that a damaged list costs nothing; where the list is whole, a key outside of it is a leftover.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from parsers.registry.cells import FIRST_BIN, NOWHERE, cell

_MOST_DEPTH = 8  # of lists in lists; Windows writes one
_STEPS = {b"lf": 8, b"lh": 8, b"li": 4, b"ri": 4}


@dataclass(slots=True)
class Links:
    """Keys by file offset. `above`: the key in whose list a key stands. `short`: (subkeys announced, listed)."""

    above: dict[int, int] = field(default_factory=dict)
    short: dict[int, tuple[int, int]] = field(default_factory=dict)
    announced: int = 0
    _lists: set[int] = field(default_factory=set)

    def __contains__(self, offset: int) -> bool:
        return offset in self.above

    def follow(self, raw: bytes, root: int, above: int) -> None:
        """Add a key and all that is reached from it. Each list and each key is read once."""
        todo = [(root, above)]
        while todo:
            at, parent = todo.pop()
            if at in self.above or raw[at + 4 : at + 6] != b"nk" or at + 4 + 0x20 > len(raw):
                continue
            self.above[at] = parent
            count, _, where = struct.unpack_from("<III", raw, at + 4 + 0x14)
            listed = _listed(raw, where + FIRST_BIN, self._lists, 0) if where != NOWHERE else []
            own = sum(_names(raw, child, at) for child in set(listed))
            self.announced += count if count != NOWHERE else 0
            if count not in {own, NOWHERE}:
                self.short[at] = (count, own)
            todo += [(child, at) for child in reversed(listed)]

    def adopt(self, raw: bytes, parents: Mapping[int, int]) -> dict[int, int]:
        """Give the keys with damaged lists what names them as parent; returns how many each of them got."""
        children: defaultdict[int, list[int]] = defaultdict(list)
        for offset, parent in parents.items():
            if offset not in self.above:
                children[parent].append(offset)
        got: dict[int, int] = {}
        todo = sorted(self.short)
        while todo:
            parent = todo.pop(0)
            known = len(self.short)
            new = [child for child in children[parent] if child not in self.above]
            got[parent] = len(new)
            for child in new:
                self.follow(raw, child, parent)
            todo += list(self.short)[known:]
        return got


def _names(raw: bytes, child: int, parent: int) -> bool:
    """Whether there is a key that names another as its parent."""
    at = child + 4
    return raw[at : at + 2] == b"nk" and raw[at + 16 : at + 20] == (parent - FIRST_BIN).to_bytes(4, "little")


def _listed(raw: bytes, where: int, lists: set[int], depth: int) -> list[int]:
    """File offsets in a list of subkeys (li, lf, lh, or ri with lists inside)."""
    if where in lists or depth > _MOST_DEPTH:
        return []
    lists.add(where)
    body = cell(raw, where)
    step = _STEPS.get(body[:2], 0)
    count = min(int.from_bytes(body[2:4], "little"), (len(body) - 4) // step) if step else 0
    found = [int.from_bytes(body[4 + i * step : 8 + i * step], "little") + FIRST_BIN for i in range(count)]
    if body[:2] != b"ri":
        return found
    return [key for part in found for key in _listed(raw, part, lists, depth + 1)]
