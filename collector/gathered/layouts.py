r"""Which tool laid out a collection, told by its folders, and where each of its files lay on the machine.

Tried in this order, at the top and then below folders that hold everything: Velociraptor (`uploads/<accessor>/…`), UAC
(`[root]/`, `uac.log`), our own tree (`fs/C`), acquire (`fs/C:`, `fs/$fs$`, older `sysvol`), KAPE (`C` with a copy log),
folders of drives (`C`, `C:`, `C%3A`), a Windows folder tree without drive. What fits none is loose evidence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

from collector.gathered.filestore import ACCESSORS, stored_flows
from collector.gathered.shape import Parts, shaped
from collector.gathered.spots import Layout, Place, Spot

_LETTER = re.compile(r"([A-Za-z])(?:|:|%3[Aa]|_)")
_DRIVE = re.compile(r"([A-Za-z]):")
_SHADOW = re.compile(r"(?i).*(HarddiskVolumeShadowCopy\d+).*|(VSS\d+)")
_VELOCIRAPTOR = frozenset(
    {"client_info.json", "collection_context.json", "uploads.json", "uploads.csv", "log.json", "logs.json"}
)
_LOGS = ("_copylog.csv", "_skiplog.csv", "_consolelog.txt")
_ALONE = {"$j": "$J", "$max": "$Max"}
_JOINED = re.compile(r"(?i)(\$UsnJrnl|\$Secure)[:$_-]{0,2}(\$?J|\$?Max|\$?SDS)")


def recognise(paths: Sequence[Parts]) -> list[Layout]:
    """The layout of these paths; several where folders beside one another each hold a collection; none: loose."""
    root = _common(paths)
    for depth in range(len(root) + 1):
        found = _at(root[:depth], [p[depth:] for p in paths])
        if found:
            return [found]
    if flows := stored_flows(paths, _velociraptor):
        return flows
    tops = sorted({p[len(root)] for p in paths if len(p) > len(root) + 1})
    inner = []
    for top in tops:
        below = [p[len(root) + 1 :] for p in paths if p[len(root)] == top and len(p) > len(root) + 1]
        inner += [layout] if (layout := _at((*root, top), below)) else []
    return inner


def _common(paths: Sequence[Parts]) -> Parts:
    """The folders that every path begins with, five at most."""
    if not paths:
        return ()
    low, high = min(paths), max(paths)
    depth = 0
    while depth < min(len(low), len(high)) - 1 and depth < 5 and low[depth] == high[depth]:
        depth += 1
    return low[:depth]


def _at(root: Parts, paths: Sequence[Parts]) -> Layout | None:
    tests = (_velociraptor, _uac, _own, _acquire, _kape, _drives, _windows)
    return next((found for test in tests if (found := test(root, paths))), None)


def _tops(paths: Sequence[Parts]) -> dict[str, str]:
    """Names of files at the top, by lower case."""
    return {p[0].lower(): p[0] for p in paths if len(p) == 1}


def _below(root: Parts, path: Parts) -> Parts | None:
    return path[len(root) :] if path[: len(root)] == root else None


def _velociraptor(root: Parts, paths: Sequence[Parts]) -> Layout | None:
    marks = _VELOCIRAPTOR & set(_tops(paths))
    uploads = [p for p in paths if len(p) > 3 and p[0] == "uploads" and p[1] in ACCESSORS]
    if not uploads or not (marks or any(_device(p[2])[1:2] == ":" for p in uploads)):
        return None
    used = sorted({p[1] for p in uploads})
    told = sorted(marks) or ["devices in percent form"]

    def place(path: Parts) -> Spot | None:
        rest = _below(root, path)
        if rest is None or len(rest) < 4 or rest[0] != "uploads" or rest[1] not in ACCESSORS:
            return None
        parts = _percent(rest[3:])
        if parts[-1].endswith(".idx") and (*path[:-1], path[-1][:-4]) in known:
            return None
        return _spot(_device(rest[2]), parts, ACCESSORS.index(rest[1]))

    known = {root + p for p in paths}
    logs = tuple(root + p for p in paths if p[0].lower() in _VELOCIRAPTOR or (p[0] == "results" and len(p) == 2))
    why = f"Velociraptor: uploads/{', uploads/'.join(used)} with {', '.join(told)}"
    return Layout("Velociraptor collection", why, root, place, "the device in its paths", logs)


def _device(name: str) -> str:
    r"""`C:` of `C%3A` and `%5C%5C.%5CC%3A`, `vss:…` of a shadow copy, else the device as it is called."""
    text = unquote(name, errors="surrogateescape")
    shadow, drive = _SHADOW.fullmatch(text), re.fullmatch(r"(?:\\\\[.?]\\)?([A-Za-z]):\\?", text)
    if shadow:
        return f"vss:{shadow[1] or shadow[2]}"
    return f"{drive[1].upper()}:" if drive else text


def _percent(parts: Parts) -> Parts:
    return tuple(_decoded(p) for p in parts)


def _decoded(part: str) -> str:
    """A name with its percent signs resolved, unless that would make another path of it."""
    text = re.sub(r"%u(D[89A-F][0-9A-F]{2})", lambda m: chr(int(m[1], 16)), part)
    text = unquote(text, errors="surrogateescape") if "%" in text else text
    return part if text in ("", ".", "..") or any(c in text for c in "\\/\0") else text


def _uac(root: Parts, paths: Sequence[Parts]) -> Layout | None:
    inside = [p[1:] for p in paths if p[0] == "[root]" and len(p) > 1]
    if not inside or not {"uac.log", "uac.log.stderr"} & set(_tops(paths)):
        return None
    mounted = [found for found in recognise(inside) if not found.loader.startswith("UAC")]
    windows = mounted[0] if len(mounted) == 1 else None
    below = (*root, "[root]")

    def place(path: Parts) -> Spot | None:
        rest = _below(below, path)
        return windows.place(rest) if windows and rest else None

    told = windows.why if windows else "files of a Unix-like system only"
    return Layout("UAC collection", f"UAC: [root] with uac.log; {told}", root, place, windows.how if windows else "")


def _own(root: Parts, paths: Sequence[Parts]) -> Layout | None:
    names = {p[1] for p in paths if len(p) > 2 and p[0] == "fs"}
    if not names or not all(re.fullmatch(r"[A-Za-z]|vol\d{1,4}", n) for n in names):
        return None

    def place(path: Parts) -> Spot | None:
        rest = _below(root, path)
        if rest is None or len(rest) < 3 or rest[0] != "fs":
            return None
        return _spot(f"{rest[1].upper()}:" if len(rest[1]) == 1 else rest[1], _percent(rest[2:]))

    shown = ", ".join(f"fs/{n}" for n in sorted(names))
    return Layout(
        "shellcase tree",
        f"exported tree: folder {shown}",
        root,
        place,
        "its folder in an exported tree",
        _only(root, paths, ("names.csv",)),
    )


def _acquire(root: Parts, paths: Sequence[Parts]) -> Layout | None:
    top = "fs" if any(p[0] == "fs" and len(p) > 2 and _acquired(p[1]) is not None for p in paths) else ""
    if not top and not any(p[0].lower() == "sysvol" and len(p) > 1 for p in paths):
        return None

    def place(path: Parts) -> Spot | None:
        rest = _below((*root, top) if top else root, path)
        volume = _acquired(rest[0]) if rest and len(rest) > 1 else None
        if rest is None or volume is None:
            return None
        if volume == "$fs$" and len(rest) > 2 and re.fullmatch(r"fs\d+", rest[1]):
            return _spot(f"$fs$/{rest[1]}", rest[2:])
        return _spot(volume, rest[1:])

    below = [p[1:] if top else p for p in paths if not top or p[0] == top]
    shown = ", ".join(
        sorted({f"{top}/{p[0]}".lstrip("/") for p in below if len(p) > 1 and _acquired(p[0]) is not None})
    )
    return Layout(
        "acquire collection",
        f"acquire: folder {shown}",
        root,
        place,
        "its folder in an acquire collection",
        _only(root, paths, ("$metadata$",)),
    )


def _only(root: Parts, paths: Sequence[Parts], tops: Sequence[str]) -> tuple[Parts, ...]:
    """The tool's own records: files of these names at the top, or in folders of these names."""
    return tuple(root + p for p in paths if p[0].lower() in tops)


def _acquired(name: str) -> str | None:
    """The volume that a folder of acquire stands for; `sysvol` is how older ones call the system's drive."""
    if name.lower() == "$fs$":
        return "$fs$"
    if name.lower() == "sysvol":
        return ""
    found = re.fullmatch(r"([A-Za-z])(?::|_|%3[Aa])", name)
    return f"{found[1].upper()}:" if found else None


def _letters(paths: Sequence[Parts]) -> dict[str, str]:
    """Folders that are named like drives, with their letters."""
    return {p[0]: f"{m[1].upper()}:" for p in paths if len(p) > 1 and (m := _LETTER.fullmatch(p[0]))}


def _kape(root: Parts, paths: Sequence[Parts]) -> Layout | None:
    logs = sorted(name for low, name in _tops(paths).items() if low.endswith(_LOGS))
    letters = _letters(paths)
    if not letters or not logs:
        return None
    why = f"KAPE: folder {', '.join(sorted(letters))} with {logs[0]}"
    return Layout(
        "KAPE collection", why, root, _by_letter(root, letters), "its folder in a KAPE collection",
        tuple((*root, name) for name in logs),
    )  # fmt: skip


def _drives(root: Parts, paths: Sequence[Parts]) -> Layout | None:
    letters = _letters(paths)
    explicit = any(_DRIVE.fullmatch(name) for name in letters)
    if not letters or not (explicit or any(p[0] in letters and shaped([p[1:]]) for p in paths)):
        return None
    why = f"folders of drives: {', '.join(sorted(letters))}"
    return Layout("folder tree", why, root, _by_letter(root, letters), "a folder named like a drive")


def _by_letter(root: Parts, letters: dict[str, str]) -> Place:
    def place(path: Parts) -> Spot | None:
        rest = _below(root, path)
        if rest is None or len(rest) < 2:
            return None
        shadow = _SHADOW.fullmatch(rest[0])
        if shadow:
            inner = rest[2:] if len(rest) > 2 and _LETTER.fullmatch(rest[1]) else rest[1:]
            return _spot(f"vss:{shadow[1] or shadow[2]}", inner)
        return _spot(letters[rest[0]], rest[1:]) if rest[0] in letters else None

    return place


def _windows(root: Parts, paths: Sequence[Parts]) -> Layout | None:
    if not shaped(paths):
        return None

    def place(path: Parts) -> Spot | None:
        rest = _below(root, path)
        return _spot("", rest) if rest else None

    below = f" below {'/'.join(root)}" if root else ""
    tops = sorted({p[0] for p in paths if shaped([p])})
    return Layout("folder tree", f"folders of Windows{below}: {', '.join(tops[:5])}", root, place, "")


def _spot(volume: str, parts: Parts, rank: int = 0) -> Spot | None:
    if not parts:
        return None
    parts, stream = with_stream(parts)
    return Spot(volume, parts, stream, rank)


def with_stream(parts: Parts) -> tuple[Parts, str | None]:
    r"""A path with its alternate stream split off, also under the names that tools give `$J`, `$Max` and `$SDS`."""
    *above, last = parts
    joined = _JOINED.fullmatch(last)
    if joined:
        name = "$" + joined[2].lstrip("$")
        return (*above, joined[1]), {"$j": "$J", "$max": "$Max", "$sds": "$SDS"}.get(name.lower(), name)
    if last.lower() in _ALONE:
        return (*above, "$UsnJrnl"), _ALONE[last.lower()]
    file, colon, stream = last.partition(":")
    if not colon or not file:
        return parts, None
    stream = re.sub(r"(?i):?\$DATA$", "", stream)
    return (*above, file), stream or None
