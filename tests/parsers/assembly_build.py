"""A small .NET assembly: PE headers, metadata with names and user strings, written as ECMA-335 has them."""

from __future__ import annotations

import struct


def _padded(raw: bytes) -> bytes:
    return raw + bytes(-len(raw) % 4)


def _user(text: str) -> bytes:
    body = text.encode("utf-16-le") + b"\0"
    size = len(body)
    head = bytes([size]) if size < 0x80 else struct.pack(">H", 0x8000 | size)
    return head + body


def assembly(texts: list[str], names: list[str]) -> bytes:
    """A DLL of one section at 0x200 of the file and 0x2000 of memory."""
    users = _padded(b"\0" + b"".join(map(_user, texts)))
    strings = _padded(b"\0" + b"".join(name.encode() + b"\0" for name in names))
    version = _padded(b"v4.0.30319\0")
    labels = (b"#Strings\0\0\0\0", b"#US\0")
    head = b"BSJB" + struct.pack("<HHII", 1, 1, 0, len(version)) + version + struct.pack("<HH", 0, 2)
    at = len(head) + sum(8 + len(label) for label in labels)
    streams = struct.pack("<II", at, len(strings)) + labels[0]
    streams += struct.pack("<II", at + len(strings), len(users)) + labels[1]
    metadata = head + streams + strings + users
    clr = struct.pack("<IHHII", 72, 2, 5, 0x2048, len(metadata)).ljust(72, b"\0")
    body = clr + metadata
    optional = bytearray(224)
    optional[:2] = b"\x0b\x01"
    struct.pack_into("<II", optional, 96 + 8 * 14, 0x2000, 72)
    section = b".text\0\0\0" + struct.pack("<IIII", len(body), 0x2000, len(body), 0x200) + bytes(16)
    coff = struct.pack("<HHIIIHH", 0x14C, 1, 0, 0, 0, len(optional), 0x2102)
    dos = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64)
    return (dos + b"PE\0\0" + coff + bytes(optional) + section).ljust(0x200, b"\0") + body


TEXTS = ["~/aspnet_client/discover.aspx", "klk", "unsafe", "x" * 90]
NAMES = ["discover_aspx", "JScriptEvaluate", "get_Request", "get_Item"]


def shell() -> bytes:
    return assembly(TEXTS, NAMES)
