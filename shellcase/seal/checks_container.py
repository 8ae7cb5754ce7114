"""Whether a ZIP is what our writer makes of its members, and nothing else: what differs, with its offset.

Unpackers disagree on what a ZIP holds: some go by the directory at its end, some by the headers before the bytes, some
search. In the one form of `zipform.py` there is nothing to disagree on, and no room for bytes that nobody lists.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from shellcase.seal.checks_base import Problem
from shellcase.seal.zipform import Member, directory_entry, end, local_header

_FIXED, _ENTRY = 30, 46
_BLOCK = 1 << 20


def differences(path: Path, members: Iterable[zipfile.ZipInfo], directory: int) -> Iterator[Problem]:
    """Every difference. `directory`: where the directory at the end begins. OSError as it comes."""
    placed = sorted(members, key=lambda m: (m.header_offset, m.orig_filename))
    with path.open("rb") as fh:
        size, at = fh.seek(0, 2), 0
        for one in placed:
            yield from _between(fh, at, one.header_offset)
            if one.header_offset >= at:
                yield from _member(fh, one, size)
                at = one.header_offset + _until_data(fh, one.header_offset) + one.compress_size
            else:
                yield _at("this member begins inside the one before it", one.header_offset, one.orig_filename)
        yield from _between(fh, at, directory)
        yield from _directory(fh, placed, directory, size)
    names = [m.orig_filename for m in placed]
    if names != sorted(names):
        yield Problem(what="the members of the ZIP are not in the order of their names", expected="the writer's order")


def overlapping(members: Iterable[zipfile.ZipInfo]) -> set[int]:
    """Offsets of members that share bytes with the one before: never read, for a small file may claim a huge one."""
    found, at = set(), 0
    for one in sorted(members, key=lambda m: m.header_offset):
        if one.header_offset < at:
            found.add(one.header_offset)
        at = max(at, one.header_offset + _FIXED + one.compress_size)
    return found


def _at(what: str, offset: int, name: str = "", expected: str = "", found: str = "") -> Problem:
    return Problem(what=f"not as the ZIP was written: {what}", where=f"{name} at byte {offset}".strip(),
                   expected=expected, found=found)  # fmt: skip


def _between(fh: BinaryIO, at: int, start: int) -> Iterator[Problem]:
    if start <= at:
        return
    fh.seek(at)
    head = fh.read(min(_FIXED + 300, start - at))
    what = f"{start - at} bytes that no member has"
    if head[:4] == b"PK\3\4" and len(head) > _FIXED:
        name = head[_FIXED : _FIXED + int.from_bytes(head[26:28], "little")].decode("utf-8", "replace")
        what = f"a member that the directory at the end does not list ({name[:200]!r})"
    yield _at(what, at, expected="nothing", found=f"{start - at} bytes")


def _until_data(fh: BinaryIO, start: int) -> int:
    """Bytes of a local header as it lies there."""
    fh.seek(start)
    fixed = fh.read(_FIXED)
    return len(fixed) + sum(int.from_bytes(fixed[n : n + 2], "little") for n in (26, 28))


def _member(fh: BinaryIO, one: zipfile.ZipInfo, size: int) -> Iterator[Problem]:
    """Its local header, and the CRC of its bytes; a compressed one is read by nobody here."""
    start, name = one.header_offset, one.orig_filename
    if one.is_dir():
        yield _at("an entry for a folder", start, name, "none", f"{one.file_size} bytes of content")
    elif one.compress_type != zipfile.ZIP_STORED or one.file_size != one.compress_size:
        yield _at("a compressed member", start, name, "stored", f"{one.compress_size} bytes for {one.file_size}")
    else:
        yield from _compare(fh, start, local_header(_expected(one)), "the header before its bytes", name)
        begin = start + _until_data(fh, start)
        if begin + one.file_size <= size and (crc := _crc(fh, begin, one.file_size)) != one.CRC:
            yield _at("the CRC is not that of its bytes", start, name, f"{crc:08x}", f"{one.CRC:08x}")


def _expected(one: zipfile.ZipInfo) -> Member:
    return Member(one.orig_filename, one.file_size, one.CRC, one.header_offset)


def _compare(fh: BinaryIO, start: int, want: bytes, what: str, name: str = "") -> Iterator[Problem]:
    fh.seek(start)
    found = fh.read(len(want))
    if found != want:
        n = next((i for i, (a, b) in enumerate(zip(want, found, strict=False)) if a != b), len(found))
        yield _at(f"{what} is another", start + n, name, want[n : n + 16].hex(), found[n : n + 16].hex() or "the end")


def _crc(fh: BinaryIO, start: int, left: int) -> int:
    fh.seek(start)
    crc = 0
    while left > 0 and (block := fh.read(min(left, _BLOCK))):
        crc, left = zlib.crc32(block, crc), left - len(block)
    return crc


def _directory(fh: BinaryIO, placed: list[zipfile.ZipInfo], start: int, size: int) -> Iterator[Problem]:
    """Its entries in the order of the members, then what closes the file, then nothing."""
    by_offset = {m.header_offset: m for m in placed}
    at = start
    for one in placed:
        if not one.is_dir() and one.compress_type == zipfile.ZIP_STORED:
            yield from _compare(fh, at, directory_entry(_expected(one)), "the directory's entry", one.orig_filename)
        at += _entry_size(fh, at)
    last = end(len(by_offset), start, at - start)
    yield from _compare(fh, at, last, "the end of the directory")
    if size > at + len(last):
        yield _at("bytes behind the end", at + len(last), found=f"{size - at - len(last)} bytes")


def _entry_size(fh: BinaryIO, at: int) -> int:
    fh.seek(at)
    fixed = fh.read(_ENTRY)
    if len(fixed) < _ENTRY or fixed[:4] != b"PK\1\2":
        return 0
    return _ENTRY + sum(int.from_bytes(fixed[n : n + 2], "little") for n in (28, 30, 32))
