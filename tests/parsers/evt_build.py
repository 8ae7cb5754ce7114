"""A writer of EVT files, apart from the reader: a ring of a given size, with cursor, filler and dirty header."""

from __future__ import annotations

import struct

T0 = 1_046_674_182  # 2003-03-03T06:49:42Z
SID = struct.pack("<BB6sIIIII", 1, 5, b"\0\0\0\0\0\5", 21, 1, 2, 3, 1001)


def record(
    number: int,
    strings: tuple[str, ...] = ("alice", "CORP", "(0x0,0x1)", "3"),
    *,
    code: int = 528,
    source: str = "Security",
    sid: bytes = SID,
    data: bytes = b"",
    written: int | None = None,
) -> bytes:
    """One record as the log service writes it."""
    names = b"".join(text.encode("utf-16-le") + b"\0\0" for text in (source, "EX2003"))
    names += bytes(-len(names) % 4)
    texts = b"".join(text.encode("utf-16-le", "surrogatepass") + b"\0\0" for text in strings)
    sid_at = 56 + len(names)
    texts_at = sid_at + len(sid)
    data_at = texts_at + len(texts)
    size = (data_at + len(data) + 4 + 3) // 4 * 4
    time = T0 + number
    head = struct.pack("<I4s4I", size, b"LfLe", number, time, time if written is None else written, code)
    head += struct.pack("<4H", 8, len(strings), 2, 0)
    head += struct.pack("<6I", 0, texts_at, len(sid), sid_at, len(data), data_at)
    return (head + names + sid + texts + data).ljust(size - 4, b"\0") + struct.pack("<I", size)


def log(records: list[bytes], size: int, *, dirty: bool = False, cleared: bool = False) -> bytes:
    """The records written one after the other into a ring of `size` bytes, overwriting the oldest."""
    file, live, at = bytearray(size), list[tuple[int, int, int]](), 48
    for raw in records:
        number = struct.unpack_from("<I", raw, 8)[0]
        if size - at < 56:
            file[at:size] = (b"\x27\0\0\0" * 14)[: size - at]
            at = 48
        at = _put(file, live, at, raw, number)
    if cleared:
        live.clear()
    following = struct.unpack_from("<I", records[-1], 8)[0] + 1
    begin, oldest = (live[0][0], live[0][2]) if live else (at, following)
    cursor = struct.pack("<10I", 40, 0x11111111, 0x22222222, 0x33333333, 0x44444444, begin, at, following, oldest, 40)
    while live and _overlaps(live[0], at, 40):
        live.pop(0)
    file[at : at + 40] = cursor
    told = (48, 48, 1, 1) if dirty else (begin, at, following, oldest)
    file[:48] = struct.pack("<I4s10I", 48, b"LfLe", 1, 1, *told, size, int(dirty), 0, 48)
    return bytes(file)


def _put(file: bytearray, live: list[tuple[int, int, int]], at: int, raw: bytes, number: int) -> int:
    size = len(file)
    first = min(len(raw), size - at)
    rest = len(raw) - first
    while live and (_overlaps(live[0], at, first + 40) or (rest and _overlaps(live[0], 48, rest + 40))):
        live.pop(0)
    file[at : at + first] = raw[:first]
    file[48 : 48 + rest] = raw[first:]
    live.append((at, first, number))
    return 48 + rest if rest else at + first


def _overlaps(one: tuple[int, int, int], at: int, length: int) -> bool:
    return one[0] < at + length and at < one[0] + one[1]
