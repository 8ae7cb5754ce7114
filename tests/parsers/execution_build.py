"""Smallest shell links, compound files and jump lists for the tests, written from the format alone."""

from __future__ import annotations

import struct

T0 = 132_591_000_000_000_001  # 2021-03-01, with a seventh digit
CLASS = bytes.fromhex("0114020000000000c000000000000046")
END, FREE, FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD


def link(target: str, arguments: str = "", time: int = T0, machine: str = "ex01") -> bytes:
    """A link to a local file with tracker and, when asked, arguments."""
    flags = 2 | 0x80 | (0x20 if arguments else 0)
    head = struct.pack(
        "<4s16sIIQQQIiIHHII", b"\x4c\0\0\0", CLASS, flags, 0x20, time, time + 7, time, 99, 0, 1, 0, 0, 0, 0
    )
    path = target.encode("cp1252") + b"\0"
    volume = struct.pack("<4I", 17, 3, 0x1234ABCD, 16) + b"\0"
    info = struct.pack("<7I", 28 + 17 + len(path) + 1, 28, 1, 28, 45, 0, 45 + len(path)) + volume + path + b"\0"
    text = struct.pack("<H", len(arguments)) + arguments.encode("utf-16-le") if arguments else b""
    ids = bytes(range(64))
    tracker = struct.pack("<IIII16s", 96, 0xA0000003, 88, 0, machine.encode()) + ids
    return head + info + text + tracker + bytes(4)


def compound(streams: dict[str, bytes]) -> bytes:
    """Version 3: header, one FAT sector, directory, mini FAT, mini stream; big streams in sectors of their own."""
    fat, body, minis, mini_fat, entries = [FAT], [b""], b"", list[int](), list[bytes]()

    def sectors(raw: bytes) -> int:
        first = len(fat)
        pieces = [raw[at : at + 512].ljust(512, b"\0") for at in range(0, len(raw), 512)]
        for n, piece in enumerate(pieces):
            fat.append(END if n + 1 == len(pieces) else len(fat) + 1)
            body.append(piece)
        return first if pieces else END

    for name, raw in streams.items():
        if len(raw) >= 4096:
            start = sectors(raw)
        else:
            start, count = len(mini_fat), -(-len(raw) // 64)
            mini_fat += [start + n + 1 for n in range(count - 1)] + [END]
            minis += raw.ljust(count * 64, b"\0")
        entries.append(_entry(name, 2, start, len(raw)))
    root = _entry("Root Entry", 5, sectors(minis), len(minis))
    folder = sectors(b"".join([root, *entries]).ljust(-(-(len(entries) + 1) // 4) * 512, b"\0"))
    table = sectors(struct.pack(f"<{len(mini_fat)}I", *mini_fat).ljust(-(-len(mini_fat) // 128) * 512, b"\xff"))
    body[0] = struct.pack(f"<{len(fat)}I", *fat).ljust(512, b"\xff")
    head = struct.pack("<8s16sHHHHH6sIIIIIIIIII", bytes.fromhex("d0cf11e0a1b11ae1"), bytes(16), 62, 3, 0xFFFE, 9, 6,
                       bytes(6), 0, 1, folder, 0, 4096, table, 1, END, 0, 0)  # fmt: skip
    return (head + b"\xff" * (512 - len(head))) + b"".join(body)


def _entry(name: str, kind: int, start: int, size: int) -> bytes:
    label = name.encode("utf-16-le") + b"\0\0"
    tail = struct.pack("<HBBIII16sIQQIQ", len(label), kind, 1, FREE, FREE, FREE, bytes(16), 0, 0, 0, start, size)
    return label.ljust(64, b"\0") + tail


def dest_entry(number: int, path: str, time: int = T0, count: int = 3, version: int = 4) -> bytes:
    """One entry of a DestList."""
    head = bytes(8) + bytes(range(64)) + b"ex01".ljust(16, b"\0") + struct.pack("<IIfQi", number, 0, 2.5, time, -1)
    label = path.encode("utf-16-le")
    if version == 1:
        return head + struct.pack("<H", len(path)) + label
    return head + struct.pack("<iIQ", -1, count, 0) + struct.pack("<H", len(path)) + label + bytes(4)


def automatic(paths: list[str], version: int = 4) -> bytes:
    """An automatic jump list with an entry and a link for each path."""
    entries = [dest_entry(n + 1, path, T0 + n, version=version) for n, path in enumerate(paths)]
    head = struct.pack("<IIIfQQ", version, len(paths), 0, 0.0, len(paths), 0)
    links = {f"{n + 1:x}": link(path) for n, path in enumerate(paths)}
    return compound({**links, "DestList": head + b"".join(entries)})


def custom(paths: list[str]) -> bytes:
    """A custom jump list with one category of tasks."""
    links = b"".join(CLASS + link(path) for path in paths)
    return struct.pack("<IIIIII", 2, 1, 0, 0, 2, len(paths)) + links + bytes.fromhex("abfbbfba")


def task(command: str, arguments: str, author: str = "EX01\\admin") -> bytes:
    """A task as Windows writes it, UTF-16 with its mark."""
    rows = [
        '<?xml version="1.0" encoding="UTF-16"?>',
        '<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">',
        f"  <RegistrationInfo><Date>2021-03-03T07:49:42.1234567</Date><Author>{author}</Author></RegistrationInfo>",
        "  <Triggers><CalendarTrigger><Repetition><Interval>PT45M</Interval></Repetition>",
        "    <StartBoundary>2021-03-03T08:00:00</StartBoundary><Enabled>true</Enabled></CalendarTrigger>",
        "    <LogonTrigger /></Triggers>",
        '  <Principals><Principal id="Author"><UserId>S-1-5-18</UserId></Principal></Principals>',
        "  <Settings><Hidden>true</Hidden></Settings>",
        f'  <Actions Context="Author"><Exec><Command>{command}</Command>',
        f"    <Arguments>{arguments}</Arguments></Exec></Actions>",
        "</Task>",
    ]
    return "\r\n".join([*rows, ""]).encode("utf-16")


def report(program: str, module: str, time: int = T0) -> bytes:
    """A crash report."""
    rows = [
        "Version=1",
        "EventType=APPCRASH",
        f"EventTime={time}",
        "Consent=1",
        "Sig[0].Name=Application Name",
        f"Sig[0].Value={program.rpartition(chr(92))[2]}",
        "Sig[3].Name=Fault Module Name",
        f"Sig[3].Value={module}",
        f"LoadedModule[0]={program}",
        "FriendlyEventName=Stopped working",
        f"AppPath={program}",
    ]
    return "\r\n".join([*rows, ""]).encode("utf-16")


def recycled(path: str, size: int = 4096, version: int = 2, time: int = T0) -> bytes:
    """A `$I` file."""
    label = path.encode("utf-16-le") + b"\0\0"
    head = struct.pack("<QQQ", version, size, time)
    return head + (label.ljust(520, b"\0") if version == 1 else struct.pack("<I", len(label) // 2) + label)
