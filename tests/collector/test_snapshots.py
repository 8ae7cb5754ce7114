"""Volume shadow copies: both copies of a real volume, and what damage to one of them costs."""

from __future__ import annotations

import gzip
import os
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from collector.collect import Plan, collect
from collector.filesystem import VolumeHandle
from collector.image import Image, open_source
from collector.runs import Reader
from collector.snapshots import snapshots_of
from collector.vsscatalog import announced
from collector.vssprobe import trouble
from fixtures.disk.raw import build_raw
from fixtures.plan import Create
from shellcase.zones import iso
from tests.collector.conftest import BORN, SECOND, plan
from tests.collector.fakes import MemoryCase
from tests.tools import need, need_disk_builder, need_root_and_fuse

OLD, NEW = "vss:600f0b69-5bdf-11e3-9d6c-005056c00008", "vss:600f0b6d-5bdf-11e3-9d6c-005056c00008"


@pytest.fixture(scope="module")
def sample(shared_dir: Path) -> Path:
    """An NTFS volume of Windows 7 with two shadow copies (plaso's test data)."""
    return shared_dir / "corpora" / "plaso" / "test_data" / "vsstest.qcow2"


@pytest.fixture
def image(sample: Path) -> Iterator[Image]:
    """The volume, opened."""
    with closing(open_source(sample)) as opened:
        yield opened


def names(handle: VolumeHandle) -> set[str]:
    """Ordinary files in the root of a volume."""
    assert handle.fs, handle.why
    tree = handle.fs.tree(frozenset())
    return {e.name for e in tree.files if tree.path(e).count("\\") == 1 and not e.name.startswith("$")}


def content(handle: VolumeHandle, name: str) -> bytes:
    """The bytes of a file in the root."""
    assert handle.fs, handle.why
    entry = handle.fs.tree(frozenset()).find(name)
    file = handle.fs.file(entry.record) if entry else None
    stream = file.stream("") if file else None
    assert stream, name
    return handle.fs.read(stream, stream.size)


def test_both_copies_stand_behind_their_volume_with_the_files_of_their_time(image: Image) -> None:
    """`syslog` was there, then packed, then `another_file` and a password came."""
    live, old, new = image.volumes
    assert [h.snapshot for h in image.volumes] == ["", OLD, NEW]
    assert [names(h) for h in (old, new, live)] == [
        {"syslog"},
        {"syslog.gz", "another_file"},
        {"syslog.gz", "another_file", "password.txt"},
    ]
    assert {h.volume.key for h in image.volumes} == {"0-0"}
    assert not image.problems


def test_the_bytes_of_a_file_that_is_gone_come_from_the_copy(image: Image) -> None:
    """What the live volume holds packed unpacks to the file in the first copy."""
    live, old, new = image.volumes
    assert gzip.decompress(content(live, "syslog.gz")) == content(old, "syslog")
    assert content(new, "syslog.gz") == content(live, "syslog.gz")


def test_identifiers_and_times_are_those_of_vshadowinfo(sample: Path, image: Image, tmp_path: Path) -> None:
    """An independent program reads the same GUIDs, flags and instants out of the same volume."""
    need("vshadowinfo", "qemu-img")
    raw = tmp_path / "volume.raw"
    subprocess.run(["qemu-img", "convert", "-O", "raw", str(sample), str(raw)], check=True)
    said = subprocess.run(["vshadowinfo", str(raw)], check=True, capture_output=True, text=True).stdout
    for handle in image.volumes[1:]:
        info = handle.info
        assert info
        assert handle.snapshot.removeprefix("vss:") in said
        assert info.copy in said
        assert info.copy_set in said
        assert f"0x{info.attributes:08x}" in said
        text = iso((info.created - 116_444_736_000_000_000) * 100)
        assert text.startswith("2013-12-03T06:")
        assert f"Dec 03, 2013 {text[11:-1]}00 UTC" in said


def test_sleuth_kit_reads_the_same_bytes_of_every_file_through_vshadowmount(
    sample: Path, image: Image, tmp_path: Path
) -> None:
    """Another reader of NTFS over Debian's build of the library: every file of both copies, by its number."""
    need("vshadowmount", "icat", "qemu-img", "umount")
    need_root_and_fuse()
    raw, mount = tmp_path / "volume.raw", tmp_path / "mount"
    mount.mkdir()
    subprocess.run(["qemu-img", "convert", "-O", "raw", str(sample), str(raw)], check=True)
    subprocess.run(["vshadowmount", str(raw), str(mount)], check=True, capture_output=True)
    try:
        for number, handle in enumerate(image.volumes[1:], 1):
            assert handle.fs
            for entry in handle.fs.tree(frozenset()).files:
                file = handle.fs.file(entry.record)
                stream = file.stream("") if file else None
                if stream is None or stream.size > 1 << 24:
                    continue
                command = ["icat", str(mount / f"vss{number}"), f"{entry.record}-128"]
                theirs = subprocess.run(command, check=True, capture_output=True).stdout
                ours = handle.fs.read(stream, stream.size)
                assert sha256(ours).digest() == sha256(theirs).digest(), entry.name
    finally:
        subprocess.run(["umount", str(mount)], check=True)


class Patched:
    """A volume with some bytes changed."""

    def __init__(self, reader: Reader, *patches: tuple[int, bytes]) -> None:
        self._reader, self._patches, self.size = reader, patches, reader.size

    def read_at(self, offset: int, length: int) -> bytes:
        data = bytearray(self._reader.read_at(offset, length))
        for at, new in self._patches:
            for n, byte in enumerate(new, at - offset):
                if 0 <= n < len(data):
                    data[n] = byte
        return bytes(data)


def damaged(image: Image, *patches: tuple[int, bytes]) -> tuple[tuple[VolumeHandle, ...], tuple[str, ...]]:
    """The copies of the volume after a change to its bytes."""
    live = image.volumes[0]
    return snapshots_of(replace(live, reader=Patched(live.reader, *patches)))


def test_a_damaged_copy_is_named_and_the_newer_one_is_read(image: Image) -> None:
    """Whether its head or its list of blocks is gone: number 2 stays number 2."""
    head = announced(image.volumes[0].reader)[0][0].head
    for where in (head, head + 0x4000):
        (old, new), said = damaged(image, (where, b"XXXX"))
        assert (old.fs, new.fs is None) == (None, False)
        assert new.info
        assert (new.info.number, new.snapshot, names(new)) == (2, NEW, {"syslog.gz", "another_file"})
        assert len(said) == 1
        assert OLD in said[0]


def test_a_copy_that_needs_a_damaged_newer_one_is_not_read(image: Image) -> None:
    """Its blocks would come from the wrong time: no file is better than a wrong one."""
    head = announced(image.volumes[0].reader)[0][1].head
    (old, new), said = damaged(image, (head, b"XXXX"))
    assert (old.fs, new.fs) == (None, None)
    assert "newer copy" in old.why
    assert len(said) == 2


def test_a_broken_catalog_is_said_once_and_stops_nothing(image: Image) -> None:
    """A chain that leads to itself, and a block that is none."""
    (catalog,) = struct.unpack("<Q", image.volumes[0].reader.read_at(0x1E30, 8))
    for patch, word in ((catalog + 40, struct.pack("<Q", catalog)), (catalog, b"X")):
        handles, said = damaged(image, (patch, word))
        assert not any(h.fs for h in handles)
        assert "catalog of shadow copies" in said[0]


def test_a_volume_without_copies_starts_no_process(image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most volumes have none; they must not pay for the trial."""
    monkeypatch.setattr("collector.snapshots.trouble", lambda _reader: pytest.fail("tried"))
    assert damaged(image, (0x1E00, bytes(16))) == ((), ())


def crash(_pipe: Connection, _size: int) -> None:
    """A library that dies of a segmentation fault."""
    os._exit(139)


def hang(_pipe: Connection, _size: int) -> None:
    """A library that never comes back."""
    time.sleep(600)


def devour(pipe: Connection, _size: int) -> None:
    """A library that runs in circles, reading."""
    while True:
        pipe.send_bytes(struct.pack("<QI", 0, 1 << 24))
        pipe.recv_bytes()


@pytest.mark.parametrize(
    ("child", "said"), [(crash, "crashed"), (hang, "silent"), (devour, "more bytes")], ids=["crash", "hang", "circle"]
)
def test_a_crash_or_hang_of_the_library_costs_the_copies_only(
    child: Callable[[Connection, int], None], said: str
) -> None:
    """It happens in another process, and its reason is told."""
    assert said in trouble(Zeros(), 3.0, child)


def test_the_former_system_is_collected_by_the_same_definitions(tmp_path: Path) -> None:
    r"""An upgrade moved it to \Windows.old; a folder of that name elsewhere is nothing special."""
    need_disk_builder()
    wanted = r"\Windows\System32\config\SECURITY", r"\ProgramData\a.aspx"
    paths = [*(rf"\Windows.old{p}" for p in wanted), rf"\Windows.old.001{wanted[1]}", rf"\Data\Windows.old{wanted[1]}"]
    made = plan("mbr")
    steps = [Create(t=BORN + n * SECOND, volume="C", path=p, data=b"x") for n, p in enumerate(paths, 1)]
    built = build_raw(replace(made, steps=tuple(steps)), tmp_path / "disk.raw", tmp_path / "work")
    case = MemoryCase()
    with closing(open_source(built.raw)) as image:
        collect(image, case, Plan())
    taken = {i.path.removeprefix("vol1"): i.definitions for i in case.items if "Windows.old" in i.path}
    assert taken == {
        paths[0]: ("WindowsRegistryHives",),
        paths[1]: ("DroppedScripts",),
        paths[2]: ("DroppedScripts",),
    }


class Zeros:
    """An empty volume."""

    size = 1 << 20

    def read_at(self, offset: int, length: int) -> bytes:
        return bytes(min(length, self.size - offset))
