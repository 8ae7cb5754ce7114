"""The cache of scheduled tasks: what runs, who made it, when it ran; also where the task's file is gone.

`Tasks\\{GUID}` holds `Path`, `Actions` and `DynamicInfo`; `Tree\\<path>` says by `SD` whether the task is shown to
people. DynamicInfo: number 3, then FILETIMEs of registration and last start, state, result, and since Windows 10 the
end of the last run. Actions: version, account context, then runs of programs (0x6666) and COM calls (0x7777).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from parsers.ntfs import filetime
from parsers.registry.keys import utf16
from parsers.registry.plugins.base import Key, Plugin, Said, file_of
from parsers.small import guid
from shellcase.model import Moment
from shellcase.model import Value as Field

_CACHE = r"Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\"
_MOST = 64
_PROGRAM, _COM = 0x6666, 0x7777


def _text(raw: bytes, at: int) -> tuple[str, int]:
    length = struct.unpack_from("<I", raw, at)[0]
    if at + 4 + length > len(raw):
        raise ValueError("a text longer than its value")
    return utf16(raw[at + 4 : at + 4 + length]), at + 4 + length


def actions(raw: bytes) -> tuple[str, list[str]]:
    """The account context and what the task does, as far as it can be read."""
    found: list[str] = []
    context = ""
    try:
        version = struct.unpack_from("<H", raw)[0]
        context, at = _text(raw, 2) if version > 1 else ("", 2)
        while at + 6 <= len(raw) and len(found) < _MOST:
            sort = struct.unpack_from("<H", raw, at)[0]
            _, at = _text(raw, at + 2)
            if sort == _COM:
                clsid = guid(raw[at : at + 16])
                data, at = _text(raw, at + 16)
                found.append(f"COM {{{clsid}}} {data}".strip())
            elif sort == _PROGRAM:
                program, at = _text(raw, at)
                arguments, at = _text(raw, at)
                _, at = _text(raw, at)
                at += 2 if version > 2 else 0
                found.append(f"{program} {arguments}".strip())
            else:
                found.append(f"action of sort 0x{sort:x}")
                break
    except (struct.error, ValueError, IndexError):
        found.append("actions cut off")
    return context, [text[:1024] for text in found]


def _task(key: Key) -> Iterator[Said]:
    path = key.text("Path") or ""
    context, does = actions(key.bytes("Actions")) if key.bytes("Actions") else ("", [])
    if not path and not does:
        return
    data: dict[str, Field] = {
        "id": key.name,
        "Path": path,
        "actions": does,
        "context": context,
        "Author": key.text("Author"),
        "Source": key.text("Source"),
        "URI": key.text("URI"),
        "Hash": key.text("Hash"),
        "Date": key.text("Date"),
    }
    does_what = "; ".join(does)
    command = does_what or None
    program = file_of(does[0]) if does and not does[0].startswith("COM ") else None
    yield Said(
        f"scheduled task {path or key.name} is known: {does_what}"[:1024],
        {**data, "which": "key"}, command=command, process=program,
    )  # fmt: skip
    for which, act, when in _times(key.bytes("DynamicInfo")):
        subject = f"scheduled task {path or key.name} {act}: {does_what}"[:1024]
        yield Said(subject, {**data, "which": which}, when=when, act=act, command=command, process=program)


def _times(raw: bytes) -> Iterator[tuple[str, str, Moment]]:
    places = ((4, "registered", "was registered", "instant"), (12, "started", "was last started", "last"))
    for at, which, act, means in (*places, (28, "ended", "last ended well", "last")):
        ticks = struct.unpack_from("<Q", raw, at)[0] if len(raw) >= at + 8 else 0
        if filetime.to_ns(ticks) is not None:
            yield which, act, filetime.moment(ticks, means)


def _tree(key: Key) -> Iterator[Said]:
    if "id" not in key.values:
        return
    path = key.path.partition("\\TaskCache\\Tree")[2]
    shown = bool(key.bytes("SD"))
    data: dict[str, Field] = {"Id": key.text("Id"), "Path": path, "shown": shown, "Index": key.number("Index")}
    hidden = "" if shown else " and hidden from people: its security descriptor is missing"
    yield Said(f"scheduled task {path} is registered{hidden}", data)


PLUGINS = (
    Plugin(
        kind="windows.registry.task",
        hives=("SOFTWARE",),
        keys=_CACHE + r"Tasks\\[^\\]+",
        read=_task,
        fields={
            "id": "GUID of the task",
            "Path": "its path among the tasks",
            "actions": "what it runs",
            "context": "name of the account it runs as, inside the task",
            "Author": "who made it, as the task says",
            "Source": "the program that made it",
            "URI": "its name",
            "Hash": "hash of its XML file",
            "Date": "date in the task, as text",
            "which": "where the time comes from: key, registered, started or ended",
        },
    ),
    Plugin(
        kind="windows.registry.task_name",
        hives=("SOFTWARE",),
        keys=_CACHE + r"Tree\\.+",
        read=_tree,
        fields={
            "Id": "GUID of the task",
            "Path": "its path among the tasks",
            "shown": "false where its SD is missing, so that no tool lists it",
            "Index": "1 at boot, 2 at logon, 3 others, 4 maintenance",
        },
    ),
)
