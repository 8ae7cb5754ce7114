"""Shell links ([MS-SHLLINK]): decoding one link from bytes, whatever is whole of it."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from msgspec import Struct

from parsers.execution.shellitems import Item, items
from parsers.small import Damage, guid, wide

CLASS_ID = bytes.fromhex("0114020000000000c000000000000046")
HEAD = b"\x4c\0\0\0" + CLASS_ID
_HEADER = struct.Struct("<4s16sIIQQQIiIHHII")
_ID_LIST, _INFO, _UNICODE, _NO_INFO = 1, 2, 0x80, 0x100
_TEXTS = ((4, "name"), (8, "relative_path"), (0x10, "working_dir"), (0x20, "arguments"), (0x40, "icon"))
_TRACKER = 0xA0000003
BLOCKS = {
    0xA0000001: "environment",
    0xA0000002: "console",
    _TRACKER: "tracker",
    0xA0000004: "console_code_page",
    0xA0000005: "special_folder",
    0xA0000006: "darwin",
    0xA0000007: "icon_environment",
    0xA0000008: "shim",
    0xA0000009: "property_store",
    0xA000000B: "known_folder",
    0xA000000C: "id_list",
}
_DRIVES = ("unknown", "no root", "removable", "fixed", "remote", "cd", "ram")
_MOST_BLOCKS = 64


class Tracker(Struct, frozen=True):
    """Distributed link tracking: the machine, and where the file was when the link was made and when it was born."""

    machine: str
    volume: str
    file: str
    birth_volume: str
    birth_file: str


class Link(Struct):
    """One link. Times are FILETIMEs of the target as they were when the link was written; 0 means none."""

    flags: int
    attributes: int
    created: int
    accessed: int
    written: int
    size: int
    icon_index: int
    show: int
    hotkey: int
    length: int = 76
    items: list[Item] = []
    items_at: int = 0
    local: str = ""
    suffix: str = ""
    share: str = ""
    device: str = ""
    drive: str = ""
    serial: str = ""
    label: str = ""
    texts: dict[str, str] = {}
    environment: str = ""
    tracker: Tracker | None = None
    blocks: list[str] = []
    damage: list[str] = []

    @property
    def ended(self) -> bool:
        """Whether its last part, the end mark, was reached."""
        return not self.damage


def read(raw: bytes) -> Link:
    """Decode a link at the start of `raw`; what is wrong behind its header is told in `damage`."""
    if len(raw) < 76 or raw[:20] != HEAD:
        raise Damage("this is no shell link", "4c000000 and the class of links", raw[:20].hex())
    _, _, flags, attributes, created, accessed, written, size, icon, show, key, *_ = _HEADER.unpack_from(raw)
    link = Link(flags, attributes, created, accessed, written, size, icon, show, key)
    try:
        if flags & _ID_LIST:
            _list(raw, link)
        if flags & _INFO and not flags & _NO_INFO:
            _info(raw, link)
        _strings(raw, link)
        _extras(raw, link)
    except (struct.error, IndexError, ValueError) as error:
        link.damage = [*link.damage, f"at {link.length}: {error}"]
    return link


def _list(raw: bytes, link: Link) -> None:
    (size,) = struct.unpack_from("<H", raw, link.length)
    link.items_at = link.length + 2
    if link.items_at + size > len(raw):
        raise ValueError(f"list of items of {size} bytes")
    link.items, wrong = items(raw[link.items_at : link.items_at + size])
    link.length = link.items_at + size
    if wrong:
        link.damage = [*link.damage, wrong]


def _ansi(raw: bytes, at: int) -> str:
    end = raw.find(b"\0", at)
    return raw[at : end if end >= 0 else len(raw)].decode("cp1252", "backslashreplace")


def _wide(raw: bytes, at: int) -> str:
    end = at
    while end + 2 <= len(raw) and raw[end : end + 2] != b"\0\0":
        end += 2
    return wide(raw[at:end])


def _info(raw: bytes, link: Link) -> None:
    (size,) = struct.unpack_from("<I", raw, link.length)
    info = raw[link.length : link.length + size]
    if size < 28 or len(info) < size:
        raise ValueError(f"link information of {size} bytes")
    link.length += size
    _, head, flags, volume, local, network, suffix = struct.unpack_from("<7I", info)
    unicode = head >= 0x24
    if flags & 1:
        _volume(info[volume:], link)
        link.local = _wide(info, struct.unpack_from("<I", info, 28)[0]) if unicode else _ansi(info, local)
    if flags & 2:
        _network(info[network:], link)
    link.suffix = _wide(info, struct.unpack_from("<I", info, 32)[0]) if unicode else _ansi(info, suffix)


def _volume(raw: bytes, link: Link) -> None:
    size, drive, serial, label = struct.unpack_from("<4I", raw)
    link.drive = _DRIVES[drive] if drive < len(_DRIVES) else str(drive)
    link.serial = f"{serial:08X}"
    link.label = _wide(raw[:size], struct.unpack_from("<I", raw, 16)[0]) if label == 0x14 else _ansi(raw[:size], label)


def _network(raw: bytes, link: Link) -> None:
    size, flags, share, device = struct.unpack_from("<4I", raw)
    raw = raw[:size]
    unicode = share > 0x14
    link.share = _wide(raw, struct.unpack_from("<I", raw, 20)[0]) if unicode else _ansi(raw, share)
    if flags & 1:
        link.device = _wide(raw, struct.unpack_from("<I", raw, 24)[0]) if unicode else _ansi(raw, device)


def _strings(raw: bytes, link: Link) -> None:
    width = 2 if link.flags & _UNICODE else 1
    for flag, name in _TEXTS:
        if not link.flags & flag:
            continue
        (chars,) = struct.unpack_from("<H", raw, link.length)
        text = raw[link.length + 2 : link.length + 2 + chars * width]
        if len(text) < chars * width:
            raise ValueError(f"{name} of {chars} characters")
        shown = wide(text) if width == 2 else text.decode("cp1252", "backslashreplace")
        link.texts = {**link.texts, name: shown}
        link.length += 2 + chars * width


def _extras(raw: bytes, link: Link) -> None:
    for size, mark in _blocks(raw, link):
        block = raw[link.length : link.length + size]
        link.blocks = [*link.blocks, BLOCKS.get(mark, f"0x{mark:08x}")]
        link.length += size
        if mark == _TRACKER:
            link.tracker = _tracker(block)
        elif mark == 0xA0000001:
            link.environment = _wide(block[:788], 268) or _ansi(block[:268], 8)


def _blocks(raw: bytes, link: Link) -> Iterator[tuple[int, int]]:
    for _ in range(_MOST_BLOCKS):
        (size,) = struct.unpack_from("<I", raw, link.length)
        if size < 4:
            link.length += 4
            return
        if size < 8 or link.length + size > len(raw):
            raise ValueError(f"block of {size} bytes")
        yield size, struct.unpack_from("<I", raw, link.length + 4)[0]
    raise ValueError("blocks without an end")


def _tracker(raw: bytes) -> Tracker:
    if len(raw) < 96:
        raise ValueError(f"tracker block of {len(raw)} bytes")
    ids = (guid(raw[at : at + 16]) for at in (32, 48, 64, 80))
    return Tracker(_ansi(raw[:32], 16), *ids)
