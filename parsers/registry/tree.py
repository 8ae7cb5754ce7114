"""A hive while it is read: its keys by the place of their cells, their paths, and which of them are only leftovers."""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

from parsers.registry.cells import Damage, behind_key, cells, header, is_key
from parsers.registry.deleted import deleted_nodes
from parsers.registry.keys import Node, read_node
from parsers.registry.links import Links
from parsers.registry.replay import Replayed
from parsers.registry.roles import role
from shellcase.model import Grade, Issue

_DEEPEST = 512  # levels, as Windows allows


@dataclass(slots=True)
class Hive:
    """One hive. Keys by the file offset of their cell; `gone` are those found in free cells."""

    name: str
    file: str
    state: str
    raw: bytes
    replayed: Replayed
    role: str = ""
    nodes: dict[int, Node] = field(default_factory=dict)
    gone: dict[int, Node] = field(default_factory=dict)
    links: Links = field(default_factory=Links)
    failed: list[tuple[int, int]] = field(default_factory=list)
    _paths: dict[int, str] = field(default_factory=dict)
    _places: dict[str, int] = field(default_factory=dict)

    def path(self, offset: int) -> str:
        """The path of a key below the root; a parent that is not there is shown as such."""
        steps: list[Node] = []
        path = self._paths.get(offset)
        while path is None:
            node = self.nodes.get(offset) or self.gone.get(offset)
            if node is None or len(steps) >= _DEEPEST:
                path = f"<lost parent 0x{offset:x}>" if node is None else "<too deep>"
            elif node.root:
                path = ""
            else:
                steps.append(node)
                offset = self._parent(node)
                path = self._paths.get(offset)
        for node in reversed(steps):
            path = f"{path}\\{node.name}" if path else node.name
            self._paths[node.offset] = path
        return path

    def above(self, node: Node) -> Iterator[Node]:
        """The keys whose names make its path, the nearest first."""
        seen: set[int] = {node.offset}
        while not node.root and len(seen) < _DEEPEST:
            offset = self._parent(node)
            found = self.nodes.get(offset) or self.gone.get(offset)
            if found is None or offset in seen:
                return
            seen.add(offset)
            yield found
            node = found

    def _parent(self, node: Node) -> int:
        """What the key names, or where that is no key the one in whose list it stands."""
        return node.parent if node.parent in self.nodes else self.links.above.get(node.offset, node.parent)

    def find(self, path: str) -> Node | None:
        """The live key at a path below the root, in any spelling."""
        if not self._places:
            self._places = {self.path(n.offset).casefold(): n.offset for n in self.nodes.values() if not self.left(n)}
        return self.nodes.get(self._places.get(path.casefold(), -1))

    def left(self, node: Node) -> bool:
        """Whether a key is only a leftover."""
        return node.offset not in self.links

    def first_keys(self) -> Iterator[str]:
        """Names of the keys right below the root."""
        roots = {node.offset for node in self.nodes.values() if node.root}
        return (node.name for node in self.nodes.values() if node.parent in roots)


def load(raw: bytes, replayed: Replayed, path: str, state: str = "live") -> Generator[Issue, None, Hive]:
    """Read the keys of all cells; what cannot be read is told and counted in `failed`."""
    name = path.rpartition("\\")[2].upper()
    hive = Hive(name, path, state, raw, replayed)
    root = header(raw).root
    hive.links.follow(raw, root, root)
    yield from _read(hive)
    got = hive.links.adopt(raw, {node.offset: node.parent for node in hive.nodes.values()})
    for offset, count in got.items():
        yield _short(hive, offset, count)
    hive.role = role(name, hive.first_keys())
    return hive


def _read(hive: Hive) -> Iterator[Issue]:
    found: list[tuple[int, int]] = []
    used: set[int] = set()
    before = (0, 0)
    for one in cells(hive.raw):
        if isinstance(one, Damage):
            grade: Grade = "lost" if one.lost else "damaged"
            yield Issue(grade=grade, what=one.what, offset=one.offset, length=one.length, expected="cells in bins")
            start = before[0] + 8 if sum(before) == one.offset else one.offset  # the size before may be what is wrong
            _remains(hive, start, one.offset + one.length - start)
        elif one[2]:
            used.add(one[0])
            before = one[:2]
            if is_key(hive.raw, one[0], one[1]):
                found.append(one[:2])
                _remains(hive, *behind_key(hive.raw, one[0], one[1]))
        else:
            _remains(hive, one[0], one[1])
    known = {offset for offset, _ in found}
    strange = [offset for offset in sorted(hive.links.above) if offset not in known]
    for offset, size in [*found, *((offset, 8) for offset in strange)]:
        yield from _node(hive, offset, size)
    for offset in strange:
        hive.gone.pop(offset, None)
        if offset not in used:
            yield Issue(grade="odd", what="a key that is listed does not lie in a cell in use", offset=offset)


def _remains(hive: Hive, offset: int, size: int) -> None:
    """Deleted keys in a free cell, behind a key whose cell is longer than it needs, or where no cells are."""
    hive.gone.update((node.offset, node) for node in deleted_nodes(hive.raw, offset, size))


def _node(hive: Hive, offset: int, size: int) -> Iterator[Issue]:
    try:
        node = read_node(hive.raw, offset)
    except (ValueError, struct.error) as error:
        hive.failed.append((offset, size))
        what = "this key cannot be read"
        yield Issue(grade="damaged", what=what, offset=offset, length=size, expected="a key", found=str(error))
        return
    hive.nodes[offset] = node
    if node.cut:
        found = f"{node.name!r}, {node.cut} bytes are missing"
        yield Issue(grade="damaged", what="the name of a key does not fit into its cell", offset=offset, found=found)


def _short(hive: Hive, offset: int, count: int) -> Issue:
    announced, listed = hive.links.short[offset]
    where = f"{hive.name}\\{hive.path(offset)}"
    return Issue(
        grade="damaged",
        what="the list of subkeys of a key does not hold what the key announces",
        offset=offset,
        expected=f"{announced} subkeys",
        found=f"{listed} in the list, {count} more name this key as their parent",
        locator=where,
    )
