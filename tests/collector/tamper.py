"""Changing an E01 set byte by byte, with and without mending the checksum above it."""

from __future__ import annotations

import random
import struct
import zlib
from pathlib import Path

from collector.ewfchain import Section
from collector.ewfsections import read_segment
from fixtures.disk.raw import build_raw
from fixtures.plan import Create, DiskPlan, VolumePlan
from tests.tools import need_disk_builder

TEXT = r"vol1\inetpub\wwwroot\text.aspx"
NOISE = r"vol1\inetpub\wwwroot\noise.aspx"
OTHER = r"vol1\elsewhere\other.bin"
_BORN = 1_612_137_600 * 10**9


def small_disk(folder: Path) -> Path:
    """A disk with two pages that are collected and a file that is not, all of them larger than a chunk."""
    need_disk_builder()
    rnd = random.Random(7)
    contents = {
        TEXT: b'<%@ Page Language="C#" %>\r\n' * 9000,
        NOISE: rnd.randbytes(200_000),
        OTHER: rnd.randbytes(300_000),
    }
    steps = tuple(
        Create(t=_BORN + n * 10**9, volume="C", path=path[4:], data=data)
        for n, (path, data) in enumerate(contents.items(), 1)
    )
    plan = DiskPlan(
        name="TAMPER",
        table="mbr",
        disk_guid="5f1a0e0e-7c53-4b3f-9a51-3d0c8ae1b001",
        disk_signature=7,
        partition_guids=("5f1a0e0e-7c53-4b3f-9a51-3d0c8ae1b0c1",),
        volumes=(VolumePlan(letter="C", label="S", size=12 << 20, serial=1, formatted=_BORN, journal_from=None),),
        steps=steps,
        acquired=_BORN + 10**11,
    )
    return build_raw(plan, folder / "disk.raw", folder / "work").raw


def sections(path: Path, kind: str) -> list[Section]:
    """The sections of one kind in a segment file."""
    found = [s for s in read_segment(path).sections if s.kind == kind]
    assert found, f"{path.name} has no section {kind}"
    return found


def flip(path: Path, offset: int, mask: int = 0x55) -> None:
    """Change one byte."""
    data = bytearray(path.read_bytes())
    data[offset] ^= mask
    path.write_bytes(data)


def chunk_at(path: Path, number: int) -> tuple[int, int, bool]:
    """First byte, end and packing of a chunk by its number in the first table of a segment."""
    group = read_segment(path).groups[0]
    entries, base = group.table.entries, group.table.base
    start = base + (entries[number] & 0x7FFFFFFF)
    return start, base + (entries[number + 1] & 0x7FFFFFFF), bool(entries[number] >> 31)


def set_ident(path: Path, ident: bytes) -> None:
    """Give a segment the identifier of a set, as real imagers do, and mend the checksum of its geometry."""
    data = bytearray(path.read_bytes())
    for section in read_segment(path).sections:
        if section.kind in ("volume", "data", "disk"):
            at = section.data
            data[at + 64 : at + 80] = ident
            struct.pack_into("<I", data, at + 1048, zlib.adler32(bytes(data[at : at + 1048])))
    path.write_bytes(data)


def set_number(path: Path, number: int) -> None:
    """Change the segment number in the file header."""
    data = bytearray(path.read_bytes())
    struct.pack_into("<H", data, 9, number)
    path.write_bytes(data)


def change_stored_md5(path: Path, kinds: tuple[str, ...] = ("hash", "digest")) -> None:
    """Another MD5 under a sound checksum: what somebody does who knows the format."""
    data = bytearray(path.read_bytes())
    for section in read_segment(path).sections:
        if section.kind in kinds:
            upto = 32 if section.kind == "hash" else 76
            data[section.data] ^= 0xFF
            struct.pack_into("<I", data, section.data + upto, zlib.adler32(bytes(data[section.data :][:upto])))
    path.write_bytes(data)


def number_in(path: Path) -> int:
    """The segment number in the file header."""
    return int.from_bytes(path.read_bytes()[9:11], "little")
