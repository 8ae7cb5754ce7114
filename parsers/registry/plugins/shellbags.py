"""Shell bags: folders that a person looked into, also such as are gone or lay on media that are gone.

Each key below BagMRU stands for a folder and lists the folders below it as shell items, the last used one first. Its
time is the last change of the list: then the first of them was used, or a new one added.
"""

from __future__ import annotations

from collections.abc import Iterator

from parsers.execution.shellitems import Item, items, path_of
from parsers.registry.plugins.base import USER, Key, Plugin, Said
from parsers.registry.plugins.mru import order
from shellcase.model import Value as Field

_MOST_DEPTH = 64


def _above(key: Key) -> list[Item]:
    """The steps from the desktop to this key's folder, by the numbers in its path."""
    root, _, numbers = key.path.partition("\\BagMRU")
    found: list[Item] = []
    path = f"{root}\\BagMRU"
    for number in [n for n in numbers.split("\\") if n][:_MOST_DEPTH]:
        value = key.near(path).get(number)
        found += items(value.data)[0] if value else []
        path = f"{path}\\{number}"
    return found


def _read(key: Key) -> Iterator[Said]:
    above = _above(key)
    folders: list[str] = []
    for value in order(key):
        if value.name.isdigit():
            below = items(value.data)[0]
            if below:
                folders.append(path_of([*above, *below])[:1024])
    if folders:
        who = f" by {key.owner}" if key.owner else ""
        data: dict[str, Field] = {"folders": folders, "newest": folders[0], "below": path_of(above), "key": key.path}
        yield Said(
            f"folder {folders[0]} was last looked into{who}", data, act="opened", user=key.owner, file_path=folders[0]
        )


PLUGINS = (
    Plugin(
        kind="windows.registry.shellbag",
        hives=("USRCLASS.DAT", *USER),
        keys=r"(?:Local Settings\\Software|Software)\\Microsoft\\Windows\\(?:Shell|ShellNoRoam)\\BagMRU(?:\\\d+)*",
        read=_read,
        fields={
            "folders": "folders below this one that were looked into, newest first",
            "newest": "the first of them, the time is its",
            "below": "the folder whose list this is",
            "key": "path of the key",
        },
    ),
)
