"""Images for the collector's tests: a small foreign NTFS volume, and a disk of our own with known content."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from collector.image import Image, open_source
from fixtures.disk.built import Built
from fixtures.disk.raw import build_raw
from fixtures.plan import Create, DiskPlan, Stream, VolumePlan
from fixtures.plan import Delete as Remove
from tests.tools import need_disk_builder

SECOND = 10**9
BORN = 1_612_137_600 * SECOND
PAGE = b'<%@ Page Language="C#" %>\r\n<h1>hello</h1>\r\n'
SECRET = b"PASSWORD-IN-MEMORY" * 5000


def dump() -> bytes:
    """A minidump of lsass: header, two streams with what describes it, and memory that nobody may copy."""
    name = "C:\\Windows\\System32\\lsass.exe".encode("utf-16-le")
    modules = struct.pack("<I", 1) + struct.pack("<QIIII", 0x7FF600000000, 0x1000, 0, 0, 220) + bytes(84)
    streams = struct.pack("<III", 4, len(modules), 100) + struct.pack("<III", 9, 16, 400)
    head = struct.pack("<4sIIIIIQ", b"MDMP", 0xA793, 2, 32, 0, 1_614_754_182, 2)
    out = bytearray(400)
    out[:56] = head + streams
    out[100 : 100 + len(modules)] = modules
    out[220 : 224 + len(name)] = struct.pack("<I", len(name)) + name
    return bytes(out) + SECRET


def plan(table: str) -> DiskPlan:
    """Two volumes without any hive: pages, a dump in disguise, a stream, deleted files."""
    steps = [
        Create(t=BORN + SECOND, volume="C", path=r"\inetpub\wwwroot\a.aspx", data=PAGE),
        Create(t=BORN + 2 * SECOND + 700, volume="C", path=r"\inetpub\wwwroot\gone.aspx", data=PAGE * 3),
        Create(t=BORN + 3 * SECOND, volume="C", path=r"\inetpub\wwwroot\pack.gif", data=dump()),
        Create(t=BORN + 4 * SECOND, volume="D", path=r"\deep\er\x.dmp", data=dump()),
        Create(t=BORN + 5 * SECOND, volume="C", path=r"\inetpub\wwwroot\big.zip", data=b"PK\x03\x04" + bytes(90_000)),
        Stream(t=BORN + 6 * SECOND, volume="C", path=r"\inetpub\wwwroot\a.aspx", stream="Zone", data=b"[Zone]"),
        Create(t=BORN + 7 * SECOND, volume="C", path=r"\inetpub\wwwroot\empty.aspx"),
        Create(t=BORN + 8 * SECOND, volume="C", path=r"\inetpub\wwwroot\Ünï\ß.txt", data=b"odd name"),
        Remove(t=BORN + 9 * SECOND, volume="C", path=r"\inetpub\wwwroot\gone.aspx", keep=True),
        Remove(t=BORN + 10 * SECOND, volume="C", path=r"\inetpub\wwwroot\big.zip", keep=True),
    ]
    volumes = (
        VolumePlan(letter="C", label="System", size=24 << 20, serial=1, formatted=BORN, journal_from=BORN + 4 * SECOND),
        VolumePlan(letter="D", label="Data", size=12 << 20, serial=2, formatted=BORN, journal_from=None),
    )
    return DiskPlan(
        name="COLL",
        table=table,
        disk_guid="5f1a0e0e-7c53-4b3f-9a51-3d0c8ae1b001",
        disk_signature=0xA1B2C3D4,
        partition_guids=("5f1a0e0e-7c53-4b3f-9a51-3d0c8ae1b0c1", "5f1a0e0e-7c53-4b3f-9a51-3d0c8ae1b0d2"),
        volumes=volumes,
        steps=tuple(steps),
        acquired=BORN + 100 * SECOND,
    )


@pytest.fixture(scope="session")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The GPT disk of `plan`, built once."""
    need_disk_builder()
    folder = tmp_path_factory.mktemp("collector-disk")
    return build_raw(plan("gpt"), folder / "disk.raw", folder / "work")


@pytest.fixture(scope="session")
def foreign(shared_dir: Path) -> Path:
    """A 2 MiB NTFS volume that Windows made."""
    return shared_dir / "corpora" / "colinfinck-ntfs" / "testdata" / "testfs1"


@pytest.fixture
def opened() -> Iterator[Callable[[Path], Image]]:
    """`open_source` whose images are closed when the test ends."""
    images: list[Image] = []

    def start(path: Path) -> Image:
        images.append(open_source(path))
        return images[-1]

    yield start
    for image in images:
        image.close()
