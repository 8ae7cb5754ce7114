"""ShimCache: programs that Windows looked at to see whether they need help, with the change time of their files.

An entry says that the file was there (shown in a folder or run), not that it ran; the time is the file's. The cache is
written when Windows shuts down. Layouts: XP, 2003 to 2008, 7 and 2008 R2 (32 and 64 bits), 8 and 8.1, 10 and later,
after Mandiant's description and libyal's winreg-kb.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from parsers.ntfs import filetime
from parsers.registry.keys import utf16
from parsers.registry.plugins.base import CONTROL, Key, Plugin, Said
from shellcase.model import Value as Field

Entry = tuple[str, int, bool | None]
"""Path, FILETIME of the file's last change, whether the flag for "was run" is set (None: there is none)."""

_MOST = 4096
_RUN = 2
_TEN = (0x30, 0x34)


def entries(raw: bytes) -> Iterator[Entry]:
    """The entries of a cache, newest first; stops where the bytes do not fit any more."""
    if len(raw) < 0x80:
        return
    head = struct.unpack_from("<I", raw)[0]
    if head in _TEN and raw[head : head + 4] == b"10ts":
        yield from _chain(raw, head, eight=False)
    elif raw[0x80:0x84] in {b"00ts", b"10ts"}:
        yield from _chain(raw, 0x80, eight=True)
    elif head in {0xBADC0FEE, 0xBADC0FFE}:
        yield from _table(raw, seven=head == 0xBADC0FEE)
    elif head == 0xDEADBEEF:
        yield from _xp(raw)


def _chain(raw: bytes, at: int, *, eight: bool) -> Iterator[Entry]:
    for _ in range(_MOST):
        if at + 12 > len(raw) or raw[at : at + 4] not in {b"00ts", b"10ts"}:
            return
        size = struct.unpack_from("<I", raw, at + 8)[0]
        entry = _linked(raw[at + 12 : at + 12 + size], eight=eight)
        if entry is None:
            return
        yield entry
        at += 12 + size


def _linked(body: bytes, *, eight: bool) -> Entry | None:
    try:
        length = struct.unpack_from("<H", body)[0]
        path = utf16(body[2 : 2 + length])
        at = 2 + length
        if not eight:
            return path, struct.unpack_from("<Q", body, at)[0], None
        at += 2 + struct.unpack_from("<H", body, at)[0]
        flags, _, ticks = struct.unpack_from("<IIQ", body, at)
    except struct.error:
        return None
    return path, ticks, bool(flags & _RUN)


def _table(raw: bytes, *, seven: bool) -> Iterator[Entry]:
    count, at = struct.unpack_from("<I", raw, 4)[0], 0x80 if seven else 8
    wide = len(raw) >= at + 8 and struct.unpack_from("<I", raw, at + 4)[0] == 0
    places = struct.Struct("<HHIQQII" if wide else "<HHIQII")
    step = {(True, True): 48, (True, False): 32, (False, True): 32, (False, False): 24}[seven, wide]
    for number in range(min(count, _MOST)):
        place = at + number * step
        if place + max(step, places.size) > len(raw):
            return
        length, *_, offset, ticks, flags, _other = places.unpack_from(raw, place)
        path = raw[offset : offset + length]
        if len(path) < length:
            return
        yield utf16(path), ticks, bool(flags & _RUN) if seven else None


def _xp(raw: bytes) -> Iterator[Entry]:
    count, at = struct.unpack_from("<I", raw, 8)[0], 0x190
    for number in range(min(count, _MOST)):
        place = at + number * 552
        if place + 552 > len(raw):
            return
        path = utf16(raw[place : place + 528]).partition("\0")[0]
        yield path, struct.unpack_from("<Q", raw, place + 528)[0], None


def _read(key: Key) -> Iterator[Said]:
    for position, (path, ticks, ran) in enumerate(entries(key.bytes("AppCompatCache"))):
        shown = path.removeprefix("\\??\\").replace("\0", "").replace("\t", " ")
        data: dict[str, Field] = {
            "position": position,
            "path": shown,
            "executed": ran,
            "control_set": key.path.partition("\\")[0],
        }
        when = filetime.moment(ticks, "written") if ticks else None
        if when is None or when.ns is None:
            data["no_time"] = True
        subject = f"ShimCache knows {shown}, file changed {when.text if when and when.ns is not None else 'unknown'}"
        file = shown if "\\" in shown else None  # apps stand as numbers and the name of their package
        yield Said(subject, data, when=when if when and when.ns is not None else None, act="seen", file_path=file)


PLUGINS = (
    Plugin(
        kind="windows.registry.shimcache",
        hives=("SYSTEM",),
        keys=CONTROL + r"Control\\Session Manager\\AppCompat(?:Cache|ibility)",
        read=_read,
        fields={
            "position": "0 is the newest entry",
            "path": "path of the file",
            "executed": "flag that older Windows sets when it ran; null where there is none",
            "control_set": "control set it stands in",
            "no_time": "true where the entry has no time of its file; the event then has the key's",
        },
    ),
)
