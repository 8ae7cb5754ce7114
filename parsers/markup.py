"""Tags of an XML file with their places, read one by one so that damage stays where it is.

A strict XML reader stops at the first bad byte and knows no offsets. This one takes every start tag for itself: a tag
whose own text is not well-formed is given as damaged, all others are whole. Which element a tag lies in is found by
matching start and end tags; an end tag that is damaged ends the innermost element, a start tag that lost its slash is
taken as empty. No entities but XML's own five and numbers; a document type is never followed.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

MOST_READ = 4 << 20
"""Bytes that are looked at; configuration files have less."""

_NEAR = 8192
"""Characters within which instructions and CDATA end."""

MOST_TAGS = 50_000
"""Start tags that are read; those behind are counted only. The largest real file has some two thousand."""

_NAME = r"[A-Za-z_][\w.:-]{0,127}"
_PAIR = rf"\s+({_NAME})\s*=\s*(\"[^\"<]*\"|'[^'<]*')"
_START = re.compile(rf"<({_NAME})((?:{_PAIR})*)\s*(/?)>", re.ASCII)
_END = re.compile(rf"</({_NAME})\s*>|</[^<>]*>?", re.ASCII)
_ATTRIBUTE = re.compile(_PAIR, re.ASCII)
_OPENING = re.compile(r"<(?=[A-Za-z_])")
_CLOSING = re.compile(r"</")
_NEARLY = re.compile(r"--.|-.>|.->", re.DOTALL)
_ENTITY = re.compile(r"&(?:(lt|gt|amp|quot|apos)|#(\d{1,7})|#x([0-9A-Fa-f]{1,6}));", re.ASCII)
_ENTITIES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}


@dataclass(frozen=True, slots=True)
class Units:
    """A file as characters that each stand for one or two bytes, so that places can be reckoned back."""

    text: str
    width: int
    base: int

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Offset and length in the file."""
        return self.base + start * self.width, (end - start) * self.width

    def decode(self, start: int, end: int) -> str:
        """The characters people would see; what is no character becomes `\\xNN`."""
        part = self.text[start:end]
        if self.width == 2:
            shown = part.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "backslashreplace")
        else:
            shown = part.encode("latin-1").decode("utf-8", "backslashreplace")
        return shown.replace("\0", "\\x00")


@dataclass(slots=True)
class Tag:
    """A start tag: where it and the text behind it lie, its attributes as places, and the tags around it."""

    name: str
    start: int
    end: int
    attributes: tuple[tuple[str, int, int], ...] = ()
    empty: bool = False
    damaged: bool = False
    text_end: int = 0
    closed: bool = False
    parent: int | None = None


@dataclass(slots=True)
class Markup:
    """All start tags in their order, how many a walk found that reads none, and what is wrong where."""

    units: Units
    tags: list[Tag] = field(default_factory=list)
    found: int = 0
    read_to: int = 0
    wrong: list[tuple[str, int, int]] = field(default_factory=list)

    def around(self, tag: Tag, most: int = 16) -> Iterator[Tag]:
        """The elements that hold this one, the innermost first."""
        at = tag.parent
        while at is not None and most:
            yield self.tags[at]
            at, most = self.tags[at].parent, most - 1


def units_of(raw: bytes) -> Units:
    """The bytes as units: UTF-16 by its mark or its first character (as XML has it), else single bytes."""
    for mark, kind, base in ((b"\xff\xfe", "<u2", 2), (b"\xfe\xff", ">u2", 2), (b"<\0", "<u2", 0), (b"\0<", ">u2", 0)):
        if raw.startswith(mark):
            codes = np.frombuffer(raw[base : len(raw) - len(raw) % 2], kind)
            return Units(codes.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass"), 2, base)
    return Units(raw.decode("latin-1"), 1, 0)


def read_markup(raw: bytes) -> Markup:
    """Everything, in one pass over the tags and one over their nesting."""
    units = units_of(raw)
    markup = Markup(units)
    hidden = list(_hidden(units.text, markup))
    starts = [low for low, _ in hidden]

    def shown(at: int) -> bool:
        place = bisect_right(starts, at) - 1
        return place < 0 or at >= hidden[place][1]

    openings = [m.start() for m in _OPENING.finditer(units.text) if shown(m.start())]
    markup.found = len(openings)
    markup.read_to = openings[MOST_TAGS] if len(openings) > MOST_TAGS else len(units.text)
    markup.tags = [_tag(units.text, at) for at in openings[:MOST_TAGS]]
    closings = [m.start() for m in _CLOSING.finditer(units.text, 0, markup.read_to) if shown(m.start())]
    _nest(markup, closings)
    return markup


def _hidden(text: str, markup: Markup) -> Iterator[tuple[int, int]]:
    """Comments, CDATA, instructions and declarations. A comment whose end is damaged ends where that nearly stands."""
    at = text.find("<")
    while at >= 0:
        end = at + 1
        if text.startswith("<!--", at):
            end = _comment_end(text, at, markup)
        elif text.startswith("<![CDATA[", at):
            end = _behind(text, "]]>", at)
        elif text.startswith(("<?", "<!"), at):
            end = _behind(text, ">", at)
        if end > at + 1:
            yield at, end
        at = text.find("<", end)


def _behind(text: str, mark: str, at: int) -> int:
    """Just behind the next mark, or behind the line where none is near; no place is looked at over and over."""
    near = at + _NEAR
    found, line = text.find(mark, at, near), text.find("\n", at, near)
    return found + len(mark) if found >= 0 else line + 1 if line >= 0 else at + 2


def _comment_end(text: str, at: int, markup: Markup) -> int:
    following = text.find("<!--", at + 4)
    stop = following if following >= 0 else len(text)
    end = text.find("-->", at + 4, stop)
    if end >= 0:
        return end + 3
    markup.wrong.append(("comment without an end", at, at + 4))
    nearly = _NEARLY.search(text, at + 4, stop)
    return nearly.end() if nearly else at + 4


def _tag(text: str, at: int) -> Tag:
    match = _START.match(text, at)
    if match is None:
        following = text.find("<", at + 1)
        following = following if following >= 0 else len(text)
        stop = text.find(">", at + 1, following) + 1 or following
        name = re.match(_NAME, text[at + 1 : at + 129], re.ASCII)
        return Tag(name[0] if name else "?", at, stop, empty=True, damaged=True, text_end=stop)
    attributes = tuple(
        (pair[1], pair.start(2) + 1, pair.end(2) - 1)
        for pair in _ATTRIBUTE.finditer(text, match.start(2), match.end(2))
    )
    empty = match[5] == "/"
    stop = text.find("<", match.end())
    said = text[match.end() : max(stop, 0)] if not empty and text.startswith("</", stop) else ""
    stop = stop if said.strip() and ">" not in said else match.end()
    return Tag(match[1], at, match.end(), attributes, empty, text_end=stop)


def _nest(markup: Markup, closings: list[int]) -> None:
    """Give each tag its parent. First pair starts and ends, then walk again knowing which starts have an end."""
    stack: list[int] = []
    ended: dict[int, int] = {}  # place of an end tag: how many elements end there
    text, tags = markup.units.text, markup.tags
    marks = sorted([(t.start, n) for n, t in enumerate(tags)] + [(at, -1) for at in closings])
    open_names: Counter[str] = Counter()
    for at, number in marks:
        if number >= 0:
            _check_gap(markup, max(tags[number].end, tags[number].text_end))
            if not tags[number].empty:
                stack.append(number)
                open_names[tags[number].name] += 1
            continue
        match = _END.match(text, at)
        _check_gap(markup, match.end() if match else at + 2)
        name = _ended(markup, match, tags[stack[-1]].name if stack else "", open_names)
        while stack and name:
            last = tags[stack.pop()]
            open_names[last.name] -= 1
            last.closed = last.name == name or not _like_a_leaf(text, last)
            ended[at] = ended.get(at, 0) + last.closed
            if last.name == name:
                break
            markup.wrong.append(("element without an end", last.start, last.end))
    for number in stack:
        tags[number].closed = not _like_a_leaf(text, tags[number])
        markup.wrong.append(("element without an end", tags[number].start, tags[number].end))
    _parents(markup, marks, ended)


def _ended(markup: Markup, match: re.Match[str] | None, innermost: str, open_names: Mapping[str, int]) -> str:
    """The name an end tag ends; the innermost one when it is much alike or has none; else nothing."""
    name = match[1] if match else None
    if name and open_names.get(name):
        return name
    if match:
        markup.wrong.append(("end of an element that did not begin", match.start(), match.end()))
    return innermost if not name or _alike(name, innermost) else ""


def _alike(name: str, other: str) -> bool:
    """But for one character, or for a beginning or an end that was cut off."""
    if len(name) == len(other):
        return sum(a != b for a, b in zip(name, other, strict=True)) == 1
    return bool(other) and (name.endswith(other) or name.startswith(other) or other.endswith(name))


def _like_a_leaf(text: str, tag: Tag) -> bool:
    """Whether a start tag without an end looks as if it had lost the slash of an empty one."""
    return text[tag.end - 2].isspace() or text.find(">", tag.end, text.find("<", tag.end)) >= 0


def _check_gap(markup: Markup, end: int) -> None:
    """Between elements there is nothing but white space."""
    stop = markup.units.text.find("<", end)
    stop = stop if stop >= 0 else len(markup.units.text)
    if markup.units.text[end:stop].strip():
        markup.wrong.append(("text between elements", end, stop))


def _parents(markup: Markup, marks: list[tuple[int, int]], ended: Mapping[int, int]) -> None:
    stack: list[int] = []
    for at, number in marks:
        if number >= 0:
            tag = markup.tags[number]
            tag.parent = stack[-1] if stack else None
            if tag.closed:
                stack.append(number)
        elif ended.get(at):
            del stack[-ended[at] :]


def unescape(text: str) -> str:
    """XML's own entities and character numbers undone; any other stays as it is."""
    return _ENTITY.sub(_entity, text) if "&" in text else text


def _entity(match: re.Match[str]) -> str:
    if match[1]:
        return _ENTITIES[match[1]]
    code = int(match[2]) if match[2] else int(match[3], 16)
    return match[0] if code > 0x10FFFF or 0xD800 <= code < 0xE000 or code == 0 else chr(code)
