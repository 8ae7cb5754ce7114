"""Where each item goes in a tree for a second tool, and which items do not go along; nothing is written here."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from typing import NamedTuple

from msgspec import Struct

from shellcase.handout.content import is_malware_class, kept
from shellcase.handout.names import LONGEST_PATH, Names, component
from shellcase.handout.secrecy import Secret
from shellcase.handout.withheld import HELD, MALWARE, SECRET, SPARSE, Withheld
from shellcase.model import Item

EXPANDED_LIMIT = 1 << 30
"""A sparse stream up to this size is written with its holes; a larger one stays."""

_LETTER = re.compile("[A-Za-z]:")
_JOURNAL = (("$Extend", "$UsnJrnl"), "$J")
_DESCRIPTORS = (("$Secure",), "$SDS")


class Choice(Struct, frozen=True, kw_only=True):
    """What the examiner allowed to leave: secrets, with the reason given, and true bytes of malicious code."""

    secrets: str = ""
    malware: bool = False


class Style(NamedTuple):
    """How a tree spells what dissect looks for: volumes, the change journal, the security descriptors."""

    letter: str
    unlettered: str
    journal: str
    descriptors: str


FOLDER = Style("{0}", "vol{1}", "$UsnJrnl$J", "$Secure_$SDS")
"""`fs/C/…`: names that every system can keep; the two streams as KAPE spells them."""

TAR = Style("{0}:", "$fs$/fs{1}", "$UsnJrnl:$J", "$Secure:$SDS")
"""`fs/C:/…`, as acquire writes it."""


class Placed(NamedTuple):
    """One file to write. `path` starts below the tree. `whole`: a sparse stream, written with its holes."""

    tree: str
    path: str
    item: Item
    note: str
    whole: bool


class Plan(NamedTuple):
    """All files, in order of tree and place, and what is withheld."""

    files: tuple[Placed, ...]
    withheld: tuple[Withheld, ...]


def make_plan(items: Iterable[Item], secret: dict[str, Secret], choice: Choice, style: Style) -> Plan:
    """Sort the items into trees by source and state; equal names, in any spelling, never meet."""
    ordered = sorted(items, key=lambda i: (i.source, i.state, *exact_parts(i), i.stream or "", i.item))
    first = min((i.source for i in ordered), default="")
    withheld = [w for i in ordered if (w := kept_back(i, secret, choice) or _too_sparse(i))]
    stays = {w.item.item for w in withheld}
    names: dict[str, Names] = {}
    files = [_placed(i, _tree(i, first), style, names) for i in ordered if i.item not in stays]
    return Plan(tuple(files), tuple(withheld))


def kept_back(item: Item, secret: dict[str, Secret], choice: Choice) -> Withheld | None:
    """Why an item does not leave in a form that shows its true bytes."""
    if item.item in secret and not choice.secrets:
        return Withheld(item, SECRET, secret[item.item].reason)
    if not kept(item):
        return Withheld(item, HELD, "stayed in the source; only its digests are in the case")
    if is_malware_class(item) and not choice.malware:
        return Withheld(item, MALWARE, f"class {item.cls}; written only with --i-know-this-is-malware")
    return None


def _too_sparse(item: Item) -> Withheld | None:
    if item.extents is None or _is(item, _JOURNAL) or item.size <= EXPANDED_LIMIT:
        return None
    return Withheld(item, SPARSE, f"{item.size} bytes with its holes; `shellcase extract` gives its allocated parts")


def exact_parts(item: Item) -> tuple[str, ...]:
    """The components of the path as the file system has them, lone surrogates too, without the volume."""
    exact = base64.b64decode(item.path_b64).decode("utf-16-le", "surrogatepass")
    return tuple(p for p in (exact or item.path.removeprefix(item.volume)).split("\\") if p)


def _is(item: Item, stream: tuple[tuple[str, ...], str]) -> bool:
    return (exact_parts(item), item.stream) == stream


def _tree(item: Item, first: str) -> str:
    """`fs` for live files of the first source, `fs-recovered`, `fs-snapshot-…`, `SRC-02/fs` for others."""
    own = "fs" if item.state == "live" else f"fs-{component(re.sub('[^A-Za-z0-9]+', '-', item.state))}"
    return own if item.source == first else f"{component(item.source)}/{own}"


def _placed(item: Item, tree: str, style: Style, names: dict[str, Names]) -> Placed:
    volume = _volume(item.volume, style)
    place = names.setdefault(f"{tree}/{volume}", Names()).place(_parts(item), _special(item, style))
    packed = item.extents is not None and _is(item, _JOURNAL)
    note = "only its allocated parts, one after the other" if packed else ""
    if len(place.encode("utf-8")) > LONGEST_PATH:
        return Placed(f"{tree}-long", f"{item.item}.bin", item, note or "path too long", item.extents is not None)
    return Placed(tree, f"{volume}/{place}", item, note, item.extents is not None and not packed)


def _volume(name: str, style: Style) -> str:
    if _LETTER.fullmatch(name):
        return style.letter.format(name[0].upper())
    number = re.fullmatch(r"vol(\d+)", name)
    return style.unlettered.format("", number[1]) if number else component(name)


def _parts(item: Item) -> tuple[str, ...]:
    parts = exact_parts(item) or (item.item,)
    return (*parts[:-1], f"{parts[-1]}:{item.stream}") if item.stream else parts


def _special(item: Item, style: Style) -> str:
    """The name under which dissect looks for the two streams of the file system that it reads."""
    known = ((_JOURNAL, style.journal), (_DESCRIPTORS, style.descriptors))
    return next((name for stream, name in known if _is(item, stream)), "")
