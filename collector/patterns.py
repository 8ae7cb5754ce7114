r"""Many path patterns matched against a tree in one walk.

`*` and `?` stand inside one name. `**N` stands for up to N folders (also none) between names; at the end of a pattern
it stands for every file down to N levels. A walk keeps, for each folder, the set of places its patterns have reached;
folders with the same set share one `Node`, and a folder with an empty set is not entered. Names are compared in lower
case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

_UNLETTERED = re.compile(r"vol\d{1,4}(?=\\)")
_DEEP = re.compile(r"\*\*(\d{0,3})")
_DEFAULT_DEPTH = 10
_Place = tuple[int, int, int]
"""(pattern, component, folders still allowed)."""


class Pattern(Struct, frozen=True):
    r"""A pattern with its variables filled in: `drive` is `C:`, `vol2` or empty, `path` starts with a backslash."""

    definition: str
    drive: str
    path: str
    stream: str | None = None

    @property
    def text(self) -> str:
        """As a person would write it."""
        return f"{self.drive}{self.path}" + (f":{self.stream}" if self.stream else "")


class _Part(Struct, frozen=True):
    literal: str = ""
    suffix: str = ""
    regex: re.Pattern[str] | None = None
    depth: int = -1


def make(definition: str, text: str) -> Pattern:
    r"""Split drive and stream off: `C:\x\y:stream`."""
    volume = _UNLETTERED.match(text)
    if volume:
        drive, rest = volume[0], text[volume.end() :]
    else:
        drive, rest = (text[:2].upper(), text[2:]) if text[1:2] == ":" else ("", text)
    path, _colon, stream = rest.partition(":")
    return Pattern(definition, drive, path, stream or None)


def _part(text: str) -> _Part:
    deep = _DEEP.fullmatch(text)
    if deep:
        return _Part(depth=int(deep[1] or _DEFAULT_DEPTH))
    if "*" not in text and "?" not in text:
        return _Part(literal=text)
    if re.fullmatch(r"\*\.[^*?.]+", text):
        return _Part(suffix=text[2:])
    pieces = {"*": ".*", "?": "."}
    body = "".join(pieces.get(c) or re.escape(c) for c in re.sub(r"\*+", "*", text))
    return _Part(regex=re.compile(body, re.DOTALL))


class Node:
    """What can follow in a folder: which names lead on, which names are wanted."""

    def __init__(self, owner: Matcher, places: frozenset[_Place]) -> None:
        self._owner = owner
        self._literal: dict[str, list[_Place]] = {}
        self._suffix: dict[str, list[_Place]] = {}
        self._regex: list[tuple[re.Pattern[str], _Place]] = []
        self._deep: list[_Place] = []
        for place in sorted(places):
            self._add(place, owner.parts[place[0]][place[1]])

    def _add(self, place: _Place, part: _Part) -> None:
        if part.depth >= 0:
            self._deep.append(place)
        elif part.regex:
            self._regex.append((part.regex, place))
        elif part.suffix:
            self._suffix.setdefault(part.suffix, []).append(place)
        else:
            self._literal.setdefault(part.literal, []).append(place)

    def _hits(self, name: str) -> Iterator[_Place]:
        yield from self._literal.get(name, ())
        if self._suffix and "." in name:
            yield from self._suffix.get(name.rpartition(".")[2], ())
        yield from (place for regex, place in self._regex if regex.fullmatch(name))

    def enter(self, folder: str) -> Node | None:
        """The node of a folder below, None when nothing in it can match."""
        name, places = folder.lower(), set[_Place]()
        for pattern, component, _left in self._hits(name):
            if component + 1 < len(self._owner.parts[pattern]):
                places |= self._owner.reach(pattern, component + 1)
        for pattern, component, left in self._deep:
            last = component + 1 == len(self._owner.parts[pattern])
            if left > (1 if last else 0):
                places.add((pattern, component, left - 1))
                places |= self._owner.reach(pattern, component + 1)
        return self._owner.node(frozenset(places)) if places else None

    def wanted(self, file: str) -> list[int]:
        """Numbers of the patterns that a file of this folder fulfils."""
        parts = self._owner.parts
        found = {p for p, c, _left in self._hits(file.lower()) if c + 1 == len(parts[p])}
        found |= {p for p, c, left in self._deep if left and c + 1 == len(parts[p])}
        return sorted(found)


class Matcher:
    """All patterns of one volume."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self.patterns = tuple(patterns)
        self.parts = [tuple(_part(x) for x in p.path.lower().split("\\") if x) for p in patterns]
        self._nodes: dict[frozenset[_Place], Node] = {}

    def node(self, places: frozenset[_Place]) -> Node:
        """The shared node of a set of places."""
        found = self._nodes.get(places)
        if found is None:
            found = self._nodes[places] = Node(self, places)
        return found

    def reach(self, pattern: int, component: int) -> set[_Place]:
        """A component's place, and the one after it when it may stand for no folder at all."""
        parts = self.parts[pattern]
        if component >= len(parts):
            return set()
        depth = parts[component].depth
        if depth < 0:
            return {(pattern, component, 0)}
        return {(pattern, component, depth)} | self.reach(pattern, component + 1)

    def root(self, numbers: Iterable[int]) -> Node:
        """Where a walk of a volume starts, with the patterns that apply to it."""
        places = (self.reach(n, 0) for n in numbers)
        return self.node(frozenset(p for some in places for p in some))
