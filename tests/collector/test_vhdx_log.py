"""A VHDX copied from a running machine: its log is applied while reading, as QEMU does it to the file itself."""

from __future__ import annotations

import struct
import subprocess
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest
from dissect.util.hash import crc32c

from collector.containers import open_media
from collector.opened import Opened
from collector.vhdxlog import SECTOR
from tests.tools import need

pytestmark = pytest.mark.real
MIB = 1 << 20
LOG = 1 * MIB
OURS = UUID("6a31bb30-1111-4222-8333-444455556666").bytes_le
Writes = dict[int, bytes | int]


def entry(number: int, tail: int, writes: Writes, size: int) -> bytes:
    """An entry of the log as [MS-VHDX] 2.3 has it."""
    descriptors, sectors = b"", b""
    for at, what in writes.items():
        if isinstance(what, int):
            descriptors += struct.pack("<4sIQQQ", b"zero", 0, what, at, number)
            continue
        descriptors += struct.pack("<4s4s8sQQ", b"desc", what[-4:], what[:8], at, number)
        sectors += b"data" + struct.pack("<I", number >> 32) + what[8:-4] + struct.pack("<I", number & 0xFFFFFFFF)
    front = -(-(64 + len(descriptors)) // SECTOR) * SECTOR
    head = ("<4sIIIQII16sQQ", b"loge", 0, front + len(sectors), tail, number, len(writes), 0, OURS, size, size)
    raw = bytearray((struct.pack(*head) + descriptors).ljust(front, b"\0") + sectors)
    raw[4:8] = struct.pack("<I", crc32c.crc32c(bytes(raw)))
    return bytes(raw)


def not_closed(path: Path, log: bytes) -> None:
    """Put a log into a closed disk, and its id into both headers, as if the host had stopped there."""
    data = bytearray(path.read_bytes())
    data[LOG : LOG + len(log)] = log
    for at in (1 << 16, 2 << 16):
        data[at + 48 : at + 64] = OURS
        data[at + 4 : at + 8] = bytes(4)
        data[at + 4 : at + 8] = struct.pack("<I", crc32c.crc32c(bytes(data[at : at + SECTOR])))
    path.write_bytes(data)


def table_of(path: Path) -> int:
    """Where the table of blocks lies."""
    data = path.read_bytes()
    at = data.index(bytes.fromhex("6677c22d23f600429d64115e9bfd4a08"))
    return int(struct.unpack_from("<Q", data, at + 16)[0])


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """Three blocks of bytes, and one block behind the end of the file that no table names yet."""
    need("qemu-img", "qemu-io")
    path = tmp_path / "disk.vhdx"
    subprocess.run(["qemu-img", "create", "-q", "-f", "vhdx", "-o", "block_size=1M", path, "32M"], check=True)
    subprocess.run(["qemu-io", "-f", "vhdx", "-c", "write -P 0x11 0 3M", path], check=True, capture_output=True)
    with path.open("ab") as fh:
        fh.truncate(-(-path.stat().st_size // MIB) * MIB)
        fh.write(b"\x22" * MIB)
    return path


def table_with(path: Path, block: int, state: int = 6) -> Writes:
    """The first sector of the table, in which a block of the disk lies in the last MiB of the file."""
    at = table_of(path)
    sector = bytearray(path.read_bytes()[at : at + SECTOR])
    struct.pack_into("<Q", sector, block * 8, (path.stat().st_size // MIB - 1) << 20 | state)
    return {at: bytes(sector)}


def opened(path: Path) -> tuple[bytes, Opened]:
    with closing(open_media(path)) as found:
        return found.media.read_at(0, 32 * MIB), found


def qemus(path: Path) -> bytes:
    """What QEMU reads once it has written the log into (a copy of) the file."""
    copy, raw = path.with_suffix(".copy"), path.with_suffix(".raw")
    copy.write_bytes(path.read_bytes())
    subprocess.run(["qemu-img", "check", "-q", "-r", "all", "-f", "vhdx", copy], check=True, capture_output=True)
    subprocess.run(["qemu-img", "convert", "-f", "vhdx", "-O", "raw", copy, raw], check=True)
    return raw.read_bytes()


def rows(path: Path, kind: str) -> bytes:
    """A log of some kind, of 1 MiB."""
    size = path.stat().st_size
    first, second = table_with(path, 5), table_with(path, 7)
    log = bytearray(MIB)

    def put(at: int, raw: bytes) -> int:
        for n, byte in enumerate(raw):
            log[(at + n) % MIB] = byte
        return (at + len(raw)) % MIB

    match kind:
        case "one entry":
            put(0, entry(9, 0, first, size))
        case "two entries, the later one counts":
            put(put(0, entry(9, 0, first, size)), entry(10, 0, second, size))
        case "round the end of the ring":
            begin = MIB - SECTOR
            put(put(begin, entry(9, begin, first, size)), entry(10, begin, second, size))
        case "an older row behind it":
            end = put(0, entry(200, 0, second, size))
            put(end + 8 * SECTOR, entry(9, end + 8 * SECTOR, first, size))
        case "zeros over a part of the table":
            put(put(0, entry(9, 0, first, size)), entry(10, 0, {table_of(path): SECTOR}, size))
        case "its tail lies later":
            put(put(0, entry(9, 0, first, size)), entry(10, 2 * SECTOR, {}, size))
    return bytes(log)


KINDS = ("one entry", "two entries, the later one counts", "round the end of the ring", "an older row behind it",
         "zeros over a part of the table")  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_the_log_is_applied_as_qemu_does(kind: str, disk: Path) -> None:
    """All bytes are equal; the file stays as it is, and that it was not closed is told without calling it damage."""
    closed, _ = opened(disk)
    not_closed(disk, rows(disk, kind))
    before = disk.read_bytes()
    ours, found = opened(disk)
    assert ours == qemus(disk)
    assert ours != closed
    assert found.problems == ()
    assert "of its log w" in found.remarks[0]
    assert disk.read_bytes() == before


def test_entries_before_the_tail_are_not_applied(disk: Path) -> None:
    """The newest entry says from where on the log counts; what lies before has long been in the tables."""
    closed, _ = opened(disk)
    not_closed(disk, rows(disk, "its tail lies later"))
    ours, found = opened(disk)
    assert ours == closed
    assert "one entry of its log was applied" in found.remarks[0]


def broken(log: bytes, how: str) -> bytes:
    match how:
        case "checksum":
            return log[:100] + bytes([log[100] ^ 1]) + log[101:]
        case "another log's id":
            return log.replace(OURS, bytes(16))
        case _:
            return bytes(len(log))


@pytest.mark.parametrize("how", ["checksum", "another log's id", "nothing there"])
def test_a_broken_log_is_a_loss(how: str, disk: Path) -> None:
    """What it would have changed is not known: the disk is not complete."""
    closed, _ = opened(disk)
    not_closed(disk, broken(rows(disk, "one entry"), how))
    ours, found = opened(disk)
    assert ours == closed
    assert "its log is damaged" in found.problems[0]
    assert found.remarks == ()


def test_a_file_shorter_than_its_log_says_is_a_loss(disk: Path) -> None:
    """The copy ended too soon."""
    not_closed(disk, rows(disk, "one entry"))
    with disk.open("r+b") as fh:
        fh.truncate(disk.stat().st_size - MIB)
    with closing(open_media(disk)) as found:
        assert f"{MIB} bytes shorter than its log says" in found.problems[0]


def test_a_header_that_is_not_sound_does_not_count(disk: Path) -> None:
    """The other one does; without any it is not known whether the disk was closed."""
    data = bytearray(disk.read_bytes())
    for at in (1 << 16, 2 << 16):
        data[at + 8] ^= 1
    disk.write_bytes(data)
    assert "neither header" in opened(disk)[1].problems[0]
