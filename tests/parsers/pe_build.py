"""Writes the smallest program that Windows would read a version from; by the PE documentation, not by our reader."""

from __future__ import annotations

import struct

_STRINGS = (
    ("CompanyName", "Microsoft Corporation"),
    ("FileVersion", "15.01.2176.002"),
    ("OriginalFilename", "ExSetup.exe"),
)


def _padded(raw: bytes) -> bytes:
    return raw + b"\0" * (-len(raw) % 4)


def _node(name: str, value: bytes, children: bytes = b"", *, text: bool = False) -> bytes:
    size = len(value) // 2 if text else len(value)
    head = struct.pack("<HH", size, int(text)) + (name + "\0").encode("utf-16-le")
    body = _padded(b"\0\0" + head)[2:] + value
    body = _padded(b"\0\0" + body)[2:] + children if children else body
    return struct.pack("<H", len(body) + 2) + body


def version_info(numbers: tuple[int, int, int, int], strings: tuple[tuple[str, str], ...] = _STRINGS) -> bytes:
    """A VS_VERSIONINFO with file and product version alike."""
    high, low = numbers[0] << 16 | numbers[1], numbers[2] << 16 | numbers[3]
    fixed = struct.pack("<13I", 0xFEEF04BD, 0x10000, high, low, high, low, 0x3F, 0, 4, 1, 0, 0, 0)
    nodes = [_node(name, (text + "\0").encode("utf-16-le"), text=True) for name, text in strings]
    table = _node("040904B0", b"", b"".join(_padded(n) for n in nodes[:-1]) + nodes[-1], text=True)
    return _node("VS_VERSION_INFO", fixed, _node("StringFileInfo", b"", table, text=True))


def program(numbers: tuple[int, int, int, int] = (15, 1, 2176, 2), *, wide: bool = True) -> bytes:
    """PE32+ (or PE32) with one section that holds nothing but the version."""
    info = version_info(numbers)

    def folder(entry: int, target: int) -> bytes:
        return struct.pack("<IIHHHH", 0, 0, 0, 0, 0, 1) + struct.pack("<II", entry, target)

    tree = folder(16, 0x80000018) + folder(1, 0x80000030) + folder(1033, 0x48)
    section = _padded(tree + struct.pack("<IIII", 0x1000 + 0x58, len(info), 0, 0) + info)
    section += b"\0" * (-len(section) % 512)
    magic, gap = (0x20B, 112) if wide else (0x10B, 96)
    optional = bytearray(gap + 128)
    struct.pack_into("<H", optional, 0, magic)
    struct.pack_into("<II", optional, 32, 0x1000, 0x200)
    struct.pack_into("<II", optional, 56, 0x2000, 0x200)
    struct.pack_into("<I", optional, gap - 4, 16)
    struct.pack_into("<II", optional, gap + 16, 0x1000, len(section))
    coff = struct.pack("<4sHHIIIHH", b"PE\0\0", 0x8664 if wide else 0x14C, 1, 1_611_000_000, 0, 0, len(optional), 0x22)
    row = struct.pack("<8s6I2HI", b".rsrc", len(section), 0x1000, len(section), 0x200, 0, 0, 0, 0, 0x40000040)
    head = b"MZ" + bytes(58) + struct.pack("<I", 64) + coff + bytes(optional) + row
    return head.ljust(0x200, b"\0") + section
