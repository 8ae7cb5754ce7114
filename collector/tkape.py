"""KAPE targets (`.tkape`) as definitions of our own: their paths, masks and references to other targets.

Format as KAPE's documentation gives it: YAML with `Description` and `Targets`, each with `Name`, `Path` (a folder, or
the name of another target file), `FileMask`, `Recursive`. `%user%` stands for any user's folder, the drive of a path
for the system's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import yaml
from msgspec import Struct, ValidationError, convert

from shellcase.errors import UsageError

_DRIVE = re.compile(r"^(?:[A-Za-z]:|%[A-Za-z]*drive%)?\\", re.IGNORECASE)
_USER = re.compile(r"%user%", re.IGNORECASE)
_MOST = 64


class Target(Struct, frozen=True, rename="pascal"):
    """One entry of a target file; further keys of the format do not matter here."""

    name: str
    path: str
    file_mask: str = "*"
    recursive: bool = False


class TargetFile(Struct, frozen=True, rename="pascal"):
    """A target file."""

    targets: tuple[Target, ...]
    description: str = ""


class Converted(Struct, frozen=True, kw_only=True):
    """What a definition of ours needs: name, text, path patterns."""

    name: str
    doc: str
    patterns: tuple[str, ...]


def read_targets(folder: Path) -> Iterator[Converted]:
    """Every target file of a folder. UsageError names the file and what cannot be taken over."""
    known = {p.name.lower(): p for p in sorted(folder.rglob("*.tkape"))}
    for path in known.values():
        patterns = tuple(dict.fromkeys(_patterns(path, known, ())))
        yield Converted(name=_name(path), doc=_read(path).description or path.stem, patterns=patterns)


def _name(path: Path) -> str:
    return "Kape" + "".join(w[:1].upper() + w[1:] for w in re.findall(r"[A-Za-z0-9]+", path.stem))[:56]


def _read(path: Path) -> TargetFile:
    try:
        return convert(yaml.safe_load(path.read_text(encoding="utf-8-sig")), TargetFile)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise UsageError(f"A KAPE target cannot be read: {error}", str(path), "Correct the file.") from error


def _patterns(path: Path, known: dict[str, Path], above: tuple[Path, ...]) -> Iterator[str]:
    if path in above or len(above) > _MOST:
        raise UsageError("KAPE targets refer to each other in a circle", str(path), "Correct the files.")
    for target in _read(path).targets:
        if not target.path.lower().endswith(".tkape"):
            yield _pattern(target, path)
            continue
        other = known.get(target.path.lower().rpartition("\\")[2])
        if other is None:
            raise UsageError(f"A KAPE target refers to {target.path}, which is not there", str(path), "Add that file.")
        yield from _patterns(other, known, (*above, path))


def _pattern(target: Target, path: Path) -> str:
    """`C:\\Users\\%user%\\AppData\\` with mask `*.txt` is `\\Users\\*\\AppData\\*.txt`."""
    mask = target.file_mask or "*"
    if mask.lower().startswith("regex:"):
        todo = "Write it with * and ?, or as a definition in YAML."
        raise UsageError(
            f"Target {target.name}: masks that are regular expressions are not taken over", str(path), todo
        )
    base = _USER.sub("*", _DRIVE.sub(r"\\", target.path.strip()))
    if not base.startswith("\\") or ".." in base.split("\\") or "%" in base:
        raise UsageError(f"Target {target.name}: the path {target.path} is not understood", str(path), "Correct it.")
    folder, last = base.rstrip("\\"), base.rpartition("\\")[2]
    if last and ("*" in last or "?" in last or "." in last) and mask == "*" and not target.recursive:
        return base  # an older way to write a single file or mask
    return f"{folder}\\**10\\{mask}" if target.recursive else f"{folder}\\{mask}"
