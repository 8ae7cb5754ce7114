"""Recognising memory dumps and cutting out what describes them."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from collector.classify import classify
from collector.dumps import looks_like_dump, skeleton
from tests.collector.conftest import SECRET, dump


def cut(data: bytes) -> tuple[tuple[tuple[int, int], ...], bytes] | None:
    """The skeleton of a dump in memory."""
    found = skeleton(lambda at, n: data[at : at + n], len(data))
    return (found.extents, found.data) if found else None


def test_a_real_dump_keeps_its_modules_and_nothing_of_the_stack(shared_dir: Path) -> None:
    """Module names of a Windows program survive; thread stacks do not."""
    testdata = shared_dir / "corpora" / "breakpad" / "src" / "processor" / "testdata"
    data = (testdata / "ascii_write_av.dmp").read_bytes()
    found = cut(data)
    assert found is not None
    extents, kept = found
    assert "crashme.exe".encode("utf-16-le") in kept
    count, directory = struct.unpack_from("<II", data, 8)
    streams = [struct.unpack_from("<III", data, directory + 12 * n) for n in range(count)]
    memory = next(rva for kind, _size, rva in streams if kind == 5)
    first_stack = struct.unpack_from("<I", data, memory + 4 + 12)[0]
    assert not any(at <= first_stack < at + length for at, length in extents)


def test_wiped_signatures_do_not_hide_a_dump() -> None:
    """Tools that zero signature and version are recognised by the structure behind it."""
    data = bytes(8) + dump()[8:]
    padded = data[:8] + struct.pack("<I", 3) + data[12:56] + struct.pack("<III", 7, 20, 300) + data[68:]
    assert looks_like_dump(padded, len(padded))
    assert classify(r"\x.gif", None, padded, len(padded)) == "dump"


@pytest.mark.parametrize("data", [b"", b"MDMP", b"<html>" * 100, bytes(5000), b"PK\x03\x04" * 50])
def test_other_files_are_no_dumps(data: bytes) -> None:
    """Nothing is held back without reason."""
    assert cut(data) is None


def test_hostile_lengths_are_bounded() -> None:
    """Counts and sizes of four billion neither loop nor swallow the memory list."""
    data = bytearray(dump())
    struct.pack_into("<I", data, 8, 0xFFFFFFFF)
    struct.pack_into("<II", data, 36, 0xFFFFFFFF, 100)
    struct.pack_into("<I", data, 100, 0xFFFFFFFF)
    found = cut(bytes(data) + SECRET * 100)
    assert found is not None
    assert len(found[1]) < 2 << 20


@pytest.mark.parametrize(
    ("path", "head", "expected"),
    [
        (r"\inetpub\wwwroot\x.aspx", b"anything", "script"),
        (r"\inetpub\wwwroot\x.jpg", b'GIF89a<%@ Page Language="C#"%>', "script"),
        (r"\inetpub\wwwroot\x.css", b"MZ\x90\0", "pe"),
        (r"\inetpub\wwwroot\x.gif", b"PK\x03\x04", "archive"),
        (r"\Windows\System32\config\SAM", b"regf\1", "hive"),
        (r"\a\Security.evtx", b"ElfFile\0", "evtx"),
        (r"\Exchange\Logging\Ews\x.txt", b"text", "log"),
        (r"\$MFT", b"FILE0", "ntfs"),
        (r"\$Recycle.Bin\x\y.exe", b"MZ", "pe"),
        (r"\a\b", b"text", "other"),
    ],
)
def test_bytes_decide_before_names(path: str, head: bytes, expected: str) -> None:
    """A wrong extension does not change what a file is."""
    assert classify(path, None, head, len(head)) == expected
