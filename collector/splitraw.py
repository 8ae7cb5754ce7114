"""Raw images in parts: disk.001 disk.002 …, disk.000 …, disk.aa disk.ab …, diskaa diskab … (as `split` names them).

All parts but the last have one size; a part that is missing or too short leaves a hole, so that what follows keeps its
place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from collector.blocks import Hole, Joined
from collector.nearby import Files, leads_away
from collector.runs import Reader

_NUMBERED = re.compile(r"(?P<stem>.+\.)(?P<number>\d{2,5})")
_LETTERED = tuple(re.compile(rf"(?P<stem>.*)(?P<number>[a-z]{{{count}}})") for count in (3, 2))
_LATEST_FIRST = 99
_MOST_MISSING = 100_000
Part = tuple[int, Path]


def parts_of(path: Path) -> list[Part]:
    """(Number, file) of the set a file belongs to, in order; only the file itself when it is no part of a set."""
    for pattern in (_NUMBERED, *_LETTERED):
        found = pattern.fullmatch(path.name)
        if found is None:
            continue
        parts = list[Part]()
        for other in sorted(path.parent.iterdir()):
            same = pattern.fullmatch(other.name)
            if same and _fits(same, found) and other.is_file() and not leads_away(other):
                parts.append((int(same["number"]) if pattern is _NUMBERED else _letters(same["number"]), other))
        parts.sort()
        if _is_set(parts, lettered=pattern is not _NUMBERED):
            return parts
    return [(0, path)]


def _fits(one: re.Match[str], other: re.Match[str]) -> bool:
    return one["stem"] == other["stem"] and len(one["number"]) == len(other["number"])


def _letters(text: str) -> int:
    number = 0
    for letter in text:
        number = number * 26 + ord(letter) - ord("a")
    return number


def _is_set(parts: Sequence[Part], *, lettered: bool) -> bool:
    """Letters must start at aa, ab; numbers low enough to be counted from 0 or 1, and all but the last of one size."""
    if len(parts) < 2:
        return False
    if lettered:
        return [n for n, _path in parts[:2]] == [0, 1]
    return parts[0][0] <= _LATEST_FIRST and len({n for n, _p in parts}) == len(parts)


def join(files: Files, parts: Sequence[Part]) -> tuple[Reader, list[str]]:
    """The media, and what is missing of it."""
    opened = [files.open(path) for _number, path in parts]
    usual = max(file.size for file in opened)
    readers, problems = list[Reader](), list[str]()
    first = parts[0][0]
    expected = min(first, 1)
    for (number, path), file in zip(parts, opened, strict=True):
        while expected < number and len(problems) < _MOST_MISSING:
            name = _name(parts[0][1], expected)
            problems.append(f"split image is not complete: part {name} is missing")
            readers.append(Hole(usual, f"they lie in a part that is missing: {name}"))
            expected += 1
        readers.append(file)
        expected = number + 1
        if number != parts[-1][0] and file.size < usual:
            problems.append(f"split image is not complete: part {path.name} is {usual - file.size} bytes too short")
            readers.append(Hole(usual - file.size, f"they lie in a part that is too short: {path.name}"))
    return Joined(readers), problems


def _name(like: Path, number: int) -> str:
    digits = _NUMBERED.fullmatch(like.name)
    return f"{digits['stem']}{number:0{len(digits['number'])}d}" if digits else f"number {number + 1}"
