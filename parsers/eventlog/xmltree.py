"""An event as a small tree of elements, whichever reader it came from, and its parts by name.

The fast reader prints JSON: `#attributes` and `#text` are what they say, `<Data Name="x">` became the key `x`, names
that are used twice appear twice (or with `_1` when they are not `Data`), values carry JSON types.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

_NO_ATTRIBUTES: Mapping[str, str] = {}
_MARKS = {"#attributes", "#text"}
_DECODER = json.JSONDecoder(object_pairs_hook=tuple)


class Node(NamedTuple):
    """An element: name, attributes, text (when it has no elements inside), elements inside."""

    name: str
    attributes: Mapping[str, str]
    text: str
    kids: Sequence[Node]


class Content(NamedTuple):
    """What an event tells beyond its System part, in the order of the record."""

    named: dict[str, str]
    unnamed: list[str]
    binary: str


def from_json(text: str) -> Node | None:
    """The tree of the fast reader's JSON; None when that is not JSON after all."""
    try:
        document = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
    if not (isinstance(document, tuple) and len(document) == 1 and document[0][0] == "Event"):
        return None
    return Node("Event", {}, "", _kids(document[0][1]))


def _kids(value: object) -> Sequence[Node]:
    if not isinstance(value, tuple):
        return ()
    kids = []
    for name, inner in value:
        kind = type(inner)
        if kind is str:  # nearly all of them
            kids.append(Node(name, _NO_ATTRIBUTES, inner, ()))
        elif kind is int:
            kids.append(Node(name, _NO_ATTRIBUTES, str(inner), ()))
        elif not name.startswith("#"):
            kids.append(_element(name, inner))
    return kids


def _element(name: str, value: object) -> Node:
    if not isinstance(value, tuple):
        return Node(name, _NO_ATTRIBUTES, scalar(value), _listed(name, value))
    parts = dict(value)
    attributes = {key: scalar(text) for key, text in parts.get("#attributes") or ()}
    if len(value) == 1 and attributes:
        return Node(name, attributes, "", ())
    text = parts.get("#text")
    inner = () if parts.keys() <= _MARKS else _kids(tuple(pair for pair in value if pair[0] not in _MARKS))
    return Node(name, attributes, scalar(text), (*_listed(name, text), *inner))


def _listed(name: str, value: object) -> Sequence[Node]:
    """Elements of one name that the reader gathered into a list."""
    return [_element(name, item) for item in value] if isinstance(value, list) else ()


def scalar(value: object) -> str:
    """A JSON value as Windows would print it."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, (list, tuple)):
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def child(node: Node, name: str) -> Node | None:
    """The first element of that name."""
    return next((kid for kid in node.kids if kid.name == name), None)


def event_data(node: Node) -> Content:
    """The pairs of an EventData element; a name used again gets its place, `name#4`; unnamed `<Data>` in a list."""
    named: dict[str, str] = {}
    unnamed: list[str] = []
    binary = ""
    for kid in node.kids:
        own = kid.attributes.get("Name") or kid.name
        if own == "Binary":
            binary = kid.text
        elif own == "Data":
            unnamed += [item.text for item in kid.kids] or [kid.text]
        elif own not in named:
            named[own] = _deep_text(kid) if kid.kids else kid.text
        else:
            _put(named, own, _deep_text(kid))
    return Content(named, unnamed, binary)


def _put(named: dict[str, str], name: str, text: str) -> None:
    key, place = name, len(named)
    while key in named:
        place += 1
        key = f"{name}#{place}"
    named[key] = text


def _deep_text(node: Node) -> str:
    return node.text if not node.kids else " ".join(filter(None, (_deep_text(kid) for kid in node.kids)))


def flatten(nodes: Iterable[Node], prefix: str = "") -> dict[str, str]:
    """UserData and the like: every text and attribute under its dotted name, name-space declarations left out."""
    flat: dict[str, str] = {}
    for node in nodes:
        path = f"{prefix}{node.name}"
        if node.text or not node.kids:
            _put(flat, path, node.text)
        for name, text in node.attributes.items():
            if not name.startswith("xmlns"):
                _put(flat, f"{path}@{name}", text)
        for name, text in flatten(node.kids, f"{path}.").items():
            _put(flat, name, text)
    return flat
