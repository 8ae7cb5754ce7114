"""Whether folders look like those of a volume with Windows or Exchange on it."""

from __future__ import annotations

from collections.abc import Sequence

Parts = tuple[str, ...]
_WINDOWS = frozenset(
    {
        "system32", "syswow64", "temp", "inf", "microsoft.net", "appcompat", "prefetch", "tasks", "debug", "logs",
        "serviceprofiles",
    }
)  # fmt: skip
_TOPS = frozenset({"program files", "program files (x86)", "programdata", "inetpub", "$extend", "users"})


def shaped(paths: Sequence[Parts]) -> bool:
    """Whether paths look like those of a volume with Windows or Exchange on it."""
    return any(_shaped(p) for p in paths)


def _shaped(path: Parts) -> bool:
    if len(path) < 3:
        return len(path) == 2 and path[0].lower() == "$extend"
    top = path[0].lower()
    return top in _TOPS or (top in ("windows", "windows.old") and path[1].lower() in (*_WINDOWS, "windows"))
