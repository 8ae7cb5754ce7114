"""What people opened, typed and looked for: lists of the last used, newest first.

The key's time belongs to the newest entry only; all entries stand in one event, in the order Windows keeps. Lists of
shell items (ComDlg32, RecentDocs) show the path or name of each.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from parsers.execution.shellitems import items, path_of
from parsers.registry.keys import Value
from parsers.registry.plugins.base import USER, Key, Plugin, Said, wide
from shellcase.model import Value as Field

_EXPLORER = r"Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\"
_ORDERS = {"mrulistex", "mrulist", "viewstream", "nodeslot", "nodeslots"}
_MOST = 256
Show = Callable[[Value], str]


def order(key: Key) -> list[Value]:
    """The entries of a key, newest first; those outside of the order follow as they stand."""
    names: list[str] = []
    numbers = key.bytes("MRUListEx")
    if numbers:
        names = [str(n) for (n,) in struct.iter_unpack("<I", numbers[: len(numbers) // 4 * 4]) if n != 0xFFFF_FFFF]
    else:
        names = [letter.casefold() for letter in key.text("MRUList") or ""]
    first = [key.values[name] for name in dict.fromkeys(names) if name in key.values]
    rest = [value for name, value in key.values.items() if name not in _ORDERS and name not in set(names)]
    return [*first, *rest][:_MOST]


def _plain(value: Value) -> str:
    return value.text if value.type in {1, 2} else wide(value.data)


def _command(value: Value) -> str:
    return value.text.removesuffix("\\1")


def _pidl(value: Value) -> str:
    found, _ = items(value.data)
    return path_of(found)


def _program_and_pidl(value: Value) -> str:
    program = wide(value.data)
    found, _ = items(value.data[2 * len(program) + 2 :])
    folder = path_of(found)
    return f"{program} in {folder}" if folder else program


def _list(key: Key, show: Show) -> Iterator[Said]:
    entries = [text for value in order(key) if value.name and (text := show(value)[:512])]
    if entries:
        part = key.path.rpartition("Explorer\\")[2] or key.path
        data: dict[str, Field] = {"list": part, "entries": entries, "newest": entries[0], "key": key.path}
        who = f" by {key.owner}" if key.owner else ""
        path = entries[0] if entries[0][1:3] == ":\\" or entries[0].startswith("\\\\") else None
        yield Said(f"last used{who} in {part}: {entries[0]}", data, act="used", user=key.owner, file_path=path)


def _mru(keys: str, show: Show) -> Plugin:
    return Plugin(
        kind="windows.registry.mru",
        hives=USER,
        keys=keys,
        read=lambda key: _list(key, show),
        fields={
            "list": "which list",
            "entries": "what was used, newest first",
            "newest": "the first of them, the time is its",
            "key": "path of the key",
        },
    )


def _typed(key: Key) -> Iterator[Said]:
    """TypedPaths and TypedURLs: `url1` is the newest; TypedURLsTime has a FILETIME for each."""
    entries = [key.shown(value) for value in key.all() if value.name.casefold().startswith("url")]
    if entries:
        data: dict[str, Field] = {"list": key.name, "entries": entries, "newest": entries[0], "key": key.path}
        who = f" by {key.owner}" if key.owner else ""
        url = entries[0] if "://" in entries[0] else None
        yield Said(f"typed{who} into {key.name}: {entries[0]}", data, act="typed", user=key.owner, url=url)


PLUGINS = (
    _mru(_EXPLORER + r"RecentDocs(?:\\[^\\]+)?", _plain),
    _mru(_EXPLORER + r"RunMRU", _command),
    _mru(_EXPLORER + r"WordWheelQuery(?:\\[^\\]+)?", _plain),
    _mru(_EXPLORER + r"Map Network Drive MRU", _plain),
    _mru(_EXPLORER + r"ComDlg32\\OpenSavePidlMRU(?:\\[^\\]+)?", _pidl),
    _mru(_EXPLORER + r"ComDlg32\\(?:LastVisitedPidlMRU(?:Legacy)?|CIDSizeMRU|FirstFolder)", _program_and_pidl),
    _mru(_EXPLORER + r"ComDlg32\\(?:OpenSaveMRU(?:\\[^\\]+)?)", _plain),
    _mru(_EXPLORER + r"ComDlg32\\LastVisitedMRU", _plain),
    Plugin(
        kind="windows.registry.typed",
        hives=USER,
        keys=r"Software\\Microsoft\\(?:Internet Explorer\\TypedURLs|Windows\\CurrentVersion\\Explorer\\TypedPaths)",
        read=_typed,
        fields={
            "list": "TypedPaths or TypedURLs",
            "entries": "what was typed, newest first",
            "newest": "the first of them, the time is its",
            "key": "path of the key",
        },
    ),
)
