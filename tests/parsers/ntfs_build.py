"""Smallest $MFT and $UsnJrnl:$J records for the tests, written from the format alone."""

from __future__ import annotations

import struct

T0 = 132_591_000_000_000_001  # 2021-03-01, with a seventh digit
IN_USE, FOLDER = 1, 2


def reference(entry: int, seq: int) -> int:
    return seq << 48 | entry


def _resident(kind: int, content: bytes, name: str = "") -> bytes:
    label = name.encode("utf-16-le")
    start = (24 + len(label) + 7) & ~7
    length = (start + len(content) + 7) & ~7
    head = struct.pack("<IIBBHHHIHH", kind, length, 0, len(name), 24, 0, 0, len(content), start, 0)
    return (head + label).ljust(start, b"\0") + content + bytes(length - start - len(content))


def si(times: tuple[int, ...], flags: int = 0x20) -> bytes:
    return _resident(0x10, struct.pack("<4QI", *times, flags) + bytes(12))


def fn(name: str, parent: int, times: tuple[int, ...], space: int = 1) -> bytes:
    body = struct.pack("<Q4QQQIIBB", parent, *times, 0, 0, 0x20, 0, len(name.encode("utf-16-le")) // 2, space)
    return _resident(0x30, body + name.encode("utf-16-le"))


def data(content: bytes, name: str = "") -> bytes:
    return _resident(0x80, content, name)


def record(number: int, seq: int, *attributes: bytes, flags: int = IN_USE, base: int = 0, size: int = 1024) -> bytes:
    strides = size // 512
    body = b"".join(attributes) + b"\xff\xff\xff\xff"
    start = (48 + 2 * (strides + 1) + 7) & ~7
    head = struct.pack(
        "<4sHHQHHHHIIQHHI",
        b"FILE",
        48,
        strides + 1,
        0,
        seq,
        1,
        start,
        flags,
        start + len(body),
        size,
        base,
        9,
        0,
        number,
    )
    raw = bytearray((head.ljust(start, b"\0") + body).ljust(size, b"\0"))
    raw[48:50] = b"\x07\x00"
    for i in range(strides):
        end = (i + 1) * 512
        raw[50 + 2 * i : 52 + 2 * i] = raw[end - 2 : end]
        raw[end - 2 : end] = b"\x07\x00"
    return bytes(raw)


def file(number: int, seq: int, name: str, parent: int, *more: bytes, flags: int = IN_USE, t: int = T0) -> bytes:
    times = (t, t, t, t)
    return record(number, seq, si(times), fn(name, parent, times), *more, flags=flags)


def root() -> bytes:
    return file(5, 5, ".", reference(5, 5), flags=IN_USE | FOLDER)


def volume(**entries: bytes) -> bytes:
    """An $MFT: records by number (`_7=…`), the root at 5, nothing elsewhere."""
    table = {5: root(), **{int(key[1:]): raw for key, raw in entries.items()}}
    return b"".join(table.get(i, bytes(1024)) for i in range(max(table) + 1))


def usn(file: int, parent: int, name: str, reason: int, at: int = 0, t: int = T0, folder: bool = False) -> bytes:
    label = name.encode("utf-16-le")
    length = (60 + len(label) + 7) & ~7
    bits = 0x10 if folder else 0x20
    head = struct.pack("<IHHQQqQIIIIHH", length, 2, 0, file, parent, at, t, reason, 0, 0, bits, len(label), 60)
    return (head + label).ljust(length, b"\0")


def usn3(file: int, parent: int, name: str, reason: int, at: int = 0, t: int = T0) -> bytes:
    label = name.encode("utf-16-le")
    length = (76 + len(label) + 7) & ~7
    head = struct.pack("<IHHQQQQqQIIIIHH", length, 3, 0, file, 0, parent, 0, at, t, reason, 0, 0, 0x20, len(label), 76)
    return (head + label).ljust(length, b"\0")
