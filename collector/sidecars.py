"""Hashes that lie beside an image: `disk.raw.md5`, `disk.raw.sha256`, the log `disk.001.txt` that FTK Imager leaves.

Only files that are named like the image, with one more ending, in its folder. They are read as someone's word, with
their origin, never as the truth.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from collector.nearby import leads_away

_LIMIT = 1 << 20
_DIGITS = {"md5": 32, "sha1": 40, "sha256": 64}
_LOG = re.compile(r"^\W*(md5|sha-?1|sha-?256)(?: checksum| hash)?\s*[:=]\s*([0-9a-f]{32,64})\b", re.MULTILINE | re.I)
_SUM = re.compile(r"^\\?([0-9a-f]{32,64})(?:\s+\*?(\S.*))?$", re.MULTILINE | re.I)
_TAGGED = re.compile(r"^(?:md5|sha-?1|sha-?256)\s*\((.+)\)\s*=\s*([0-9a-f]{32,64})\s*$", re.MULTILINE | re.I)


class Beside(Struct, frozen=True):
    """One hash. `of_data`: the log says that it is of the decoded media; else it is of the file `about`."""

    algorithm: str
    value: str
    origin: str
    about: str
    of_data: bool


def beside(image: Path) -> tuple[list[Beside], list[str]]:
    """The hashes beside an image, and remarks on what lies there but cannot be used."""
    found, remarks = list[Beside](), list[str]()
    for path in _named_like(image):
        text = _text(path)
        kind = path.suffix[1:].lower()
        told = list(_of_log(text, path) if kind == "txt" else _of_sum(text, path, kind, image.name))
        if not told and kind != "txt":
            remarks.append(f"{path.name}: holds no {kind} of {image.name}, not used")
        found += told
    return list(dict.fromkeys(found)), remarks


def _named_like(image: Path) -> list[Path]:
    if not image.is_file():
        return []
    endings = {"." + k for k in (*_DIGITS, "txt")}
    near = (p for p in image.parent.iterdir() if p.name.startswith(image.name + ".") and not leads_away(p))
    return sorted(p for p in near if p.name[len(image.name) :].lower() in endings and p.is_file())


def _text(path: Path) -> str:
    with path.open("rb") as fh:
        raw = fh.read(_LIMIT)
    return raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "replace")


def _of_log(text: str, path: Path) -> Iterator[Beside]:
    for match in _LOG.finditer(text):
        name = match[1].lower().replace("-", "")
        if len(match[2]) == _DIGITS[name]:
            yield Beside(name, match[2].lower(), path.name, "", True)


def _of_sum(text: str, path: Path, kind: str, image: str) -> Iterator[Beside]:
    pairs = [(m[1], m[2] or "") for m in _SUM.finditer(text)] + [(m[2], m[1]) for m in _TAGGED.finditer(text)]
    for value, name in pairs:
        if len(value) == _DIGITS[kind] and (not name or re.split(r"[/\\]", name.strip())[-1] == image):
            yield Beside(kind, value.lower(), path.name, image, False)
