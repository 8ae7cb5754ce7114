"""Checkpoints of Hyper-V and other disks over disks: read with the parent beside them, else refused by its name."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from collector.blocks import FilePart
from collector.containers import open_media
from collector.vhdxlog import header_of
from shellcase.errors import EvidenceError
from tests.tools import need

pytestmark = pytest.mark.real
MIB = 1 << 20
SIZE = 32 * MIB
_BAT, _METADATA = "6677c22d23f600429d64115e9bfd4a08", "06a27c8b90479a4bb8fe575f050f886e"
_PARAMETERS, _LOCATOR = "3767a1ca36fa434db3b633f0aa44e76b", "2d5fd3a80bb34d45abf7d3d84834ab0c"
_LOCATOR_KIND = "b7ef4ab09ed1814ab78925b8e9445913"


def made(kind: str, path: Path, *writes: str) -> Path:
    """A dynamic disk of QEMU's with some bytes in it."""
    need("qemu-img", "qemu-io")
    options = ["-o", "block_size=1M,block_state_zero=off"] if kind == "vhdx" else ["-o", "force_size=on"]
    subprocess.run(["qemu-img", "create", "-q", "-f", kind, *options, path, "32M"], check=True)
    commands = [word for write in writes for word in ("-c", f"write {write}")]
    subprocess.run(["qemu-io", "-f", kind, *commands, path], check=True, capture_output=True)
    return path


def region(data: bytes | bytearray, ident: str) -> int:
    return int(struct.unpack_from("<Q", data, data.index(bytes.fromhex(ident), 3 << 16) + 16)[0])


def checkpoint(path: Path, parent: Path, **names: str) -> Path:
    """Turn a VHDX into one over another: the flag, what names the parent, blocks partly ours by a bitmap.

    Block 0 is whole, of block 1 every third sector is ours and sectors 100 to 999, block 2 is the parent's, block 3
    was zeroed.
    """
    data = bytearray(path.read_bytes())
    with parent.open("rb") as fh:
        head = header_of(FilePart(fh))
    assert head
    names = {"parent_linkage": f"{{{UUID(bytes_le=head.data_id)}}}", "relative_path": parent.name} | names
    table = region(data, _METADATA)
    flags = table + struct.unpack_from("<I", data, data.index(bytes.fromhex(_PARAMETERS), table) + 16)[0] + 4
    data[flags] |= 2
    locator = _packed({k: v for k, v in names.items() if v})
    (count,) = struct.unpack_from("<H", data, table + 10)
    struct.pack_into("<16sIIII", data, table + 32 + count * 32, bytes.fromhex(_LOCATOR), 0x30000, len(locator), 4, 0)
    struct.pack_into("<H", data, table + 10, count + 1)
    data[table + 0x30000 : table + 0x30000 + len(locator)] = locator
    data += bytes(-len(data) % MIB)
    bat, bitmap = region(data, _BAT), bytearray(MIB)
    for sector in (*range(0, 2048, 3), *range(100, 1000)):
        bitmap[(2048 + sector) // 8] |= 1 << sector % 8
    struct.pack_into("<Q", data, bat + 4096 * 8, len(data) // MIB << 20 | 6)
    data[bat + 8] = data[bat + 8] & ~7 | 7
    data[bat + 24 : bat + 32] = struct.pack("<Q", 2)
    path.write_bytes(data + bitmap)
    return path


def _packed(names: dict[str, str]) -> bytes:
    entries, texts = b"", b""
    start = 20 + 12 * len(names)
    for key, value in names.items():
        one, other = key.encode("utf-16-le"), value.encode("utf-16-le")
        entries += struct.pack("<IIHH", start + len(texts), start + len(texts) + len(one), len(one), len(other))
        texts += one + other
    return bytes.fromhex(_LOCATOR_KIND) + struct.pack("<HH", 0, len(names)) + entries + texts


def differencing(path: Path, parent: Path, name: str = "") -> Path:
    """Turn a VHD into one over another; of its first block every third sector is its own."""
    data, base = bytearray(path.read_bytes()), parent.read_bytes()
    (bat,) = struct.unpack_from(">Q", data, 512 + 16)
    (block,) = struct.unpack_from(">I", data, bat)
    data[block * 512 : block * 512 + 512] = bytes(
        sum(1 << 7 - bit for bit in range(8) if (byte * 8 + bit) % 3 == 0) for byte in range(512)
    )
    data[512 + 40 : 512 + 56] = base[68:84]
    data[512 + 64 : 512 + 576] = (name or parent.name).encode("utf-16-be").ljust(512, b"\0")
    for at, size, place in ((0, 512, 64), (512, 1024, 36), (len(data) - 512, 512, 64)):
        if size == 512:
            data[at + 60 : at + 64] = struct.pack(">I", 4)
        data[at + place : at + place + 4] = bytes(4)
        data[at + place : at + place + 4] = struct.pack(">I", ~sum(data[at : at + size]) & 0xFFFFFFFF)
    path.write_bytes(data)
    return path


def read(path: Path) -> bytes:
    with closing(open_media(path)) as found:
        assert found.problems == ()
        return found.media.read_at(0, SIZE)


PARENT = ("-P 0x11 0 6M",)
CHILD = ("-P 0x22 0 2M", "-P 0x33 3M 1M", "-P 0x44 8M 1M")


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    """A checkpoint over a checkpoint over a disk."""
    made("vhdx", tmp_path / "base.vhdx", *PARENT)
    checkpoint(made("vhdx", tmp_path / "a.avhdx", *CHILD), tmp_path / "base.vhdx")
    return checkpoint(made("vhdx", tmp_path / "b.avhdx", "-P 0x55 0 512", "-P 0x66 1M 1M"), tmp_path / "a.avhdx")


_READ = """
import pathlib, sys
from dissect.hypervisor.disk.vhdx import VHDX
sys.stdout.buffer.write(VHDX(pathlib.Path(sys.argv[1])).read())
"""


@pytest.mark.parametrize("name", ["base.vhdx", "a.avhdx"])
def test_a_checkpoint_is_read_with_its_parents(name: str, chain: Path) -> None:
    """All bytes are those of another reader; read in pieces that cut sectors they are the same."""
    path = chain.with_name(name)
    ours = read(path)
    done = subprocess.run([sys.executable, "-c", _READ, path], check=True, capture_output=True)
    assert ours == done.stdout
    with closing(open_media(path)) as found:
        step = 77_777
        assert b"".join(found.media.read_at(at, step) for at in range(0, SIZE, step)) == ours


def test_what_lies_in_each_block(chain: Path) -> None:
    """Its own, a mixture, the parent's, zeros; and beyond what either ever wrote, zeros."""
    ours = read(chain.with_name("a.avhdx"))
    assert {*ours[:MIB]} == {0x22}
    assert ours[MIB : MIB + 512 * 4] == b"\x22" * 512 + b"\x11" * 1024 + b"\x22" * 512
    assert {*ours[2 * MIB : 3 * MIB]} == {0x11}
    assert {*ours[3 * MIB : 4 * MIB]} == {0}
    assert ours[8 * MIB] == 0x44
    assert {*ours[10 * MIB :]} == {0}
    over = read(chain)
    assert over[:512] == b"\x55" * 512
    third = [over[MIB + n * 512] for n in range(2048)]
    assert third == [0x66 if n % 3 == 0 or 100 <= n < 1000 else ours[MIB + n * 512] for n in range(2048)]
    assert over[4 * MIB :] == ours[4 * MIB :]


def refused(path: Path, match: str) -> None:
    with pytest.raises(EvidenceError, match=match):
        open_media(path)


def test_without_the_right_parent_a_checkpoint_is_refused(chain: Path, tmp_path: Path) -> None:
    """Not there; another disk, or changed since; not named; itself."""
    base = tmp_path / "base.vhdx"
    (tmp_path / "kept").write_bytes(base.read_bytes())
    base.unlink()
    refused(chain, "its parent is missing: 'base.vhdx'")
    made("vhdx", base, *PARENT)
    refused(chain, "another one, or was changed since: 'base.vhdx'")
    base.write_bytes((tmp_path / "kept").read_bytes())
    unnamed = checkpoint(made("vhdx", tmp_path / "c.avhdx"), base, relative_path="")
    refused(unnamed, "names no parent")
    own = made("vhdx", tmp_path / "d.avhdx")
    refused(checkpoint(own, own), "refers to itself")


def test_a_path_of_the_host_is_only_a_name(chain: Path, tmp_path: Path) -> None:
    """Hyper-V writes where the parent lay; it is looked for beside the checkpoint."""
    path = checkpoint(
        made("vhdx", tmp_path / "c.avhdx", *CHILD), tmp_path / "base.vhdx", relative_path="",
        absolute_win32_path="C:\\ClusterStorage\\Volume1\\EX01\\base.vhdx",
    )  # fmt: skip
    assert read(path) == read(chain.with_name("a.avhdx"))


def test_a_vhd_over_another_is_read_sector_by_sector(tmp_path: Path) -> None:
    """Each third sector is its own, the others are the parent's, whole blocks too."""
    parent = made("vpc", tmp_path / "base.vhd", "-P 0x11 0 6M")
    child = differencing(made("vpc", tmp_path / "child.vhd", "-P 0x22 0 2M"), parent)
    ours = read(child)
    want = b"".join(b"\x22" * 512 if n % 3 == 0 else b"\x11" * 512 for n in range(2 * MIB // 512))
    assert ours[: 2 * MIB] == want
    assert ours[2 * MIB :] == read(parent)[2 * MIB :]
    with closing(open_media(child)) as found:
        assert found.media.read_at(1000, 3000) == want[1000:4000]


@pytest.mark.parametrize(("change", "match"), [
    (lambda p: p.unlink(), "its parent is missing"),
    (lambda p: made("vpc", p, "-P 0x11 0 6M"), "another one"),
    (lambda p: p.write_bytes(b"no disk at all"), "another one"),
])  # fmt: skip
def test_a_vhd_without_its_parent_is_refused(change: Callable[[Path], object], match: str, tmp_path: Path) -> None:
    """Its id must be the one the child names."""
    parent = made("vpc", tmp_path / "base.vhd", "-P 0x11 0 6M")
    child = differencing(made("vpc", tmp_path / "child.vhd", "-P 0x22 0 2M"), parent, "C:\\VMs\\base.vhd")
    change(parent)
    refused(child, match)


@pytest.mark.parametrize(("kind", "name", "over"), [
    ("vhdx", "EX01.vhdx", "EX01_5B1E7A3C-0000-4000-8000-000000000000.avhdx"), ("vpc", "EX01.vhd", "EX01_5B1E.avhd"),
    ("vmdk", "EX01.vmdk", "EX01-000002.vmdk"),
])  # fmt: skip
def test_a_disk_with_checkpoints_beside_it_is_told_to_be_an_earlier_state(
    kind: str, name: str, over: str, tmp_path: Path
) -> None:
    """Given the first disk of a chain, nothing shows in its bytes that the machine went on elsewhere."""
    need("qemu-img")
    subprocess.run(["qemu-img", "create", "-q", "-f", kind, tmp_path / name, "4M"], check=True)
    (tmp_path / f"other{name}").write_bytes(b"")
    with closing(open_media(tmp_path / name)) as found:
        assert found.remarks == ()
    (tmp_path / over).write_bytes(b"")
    with closing(open_media(tmp_path / name)) as found:
        assert over in found.remarks[-1]
        assert "before" in found.remarks[-1]
        assert [p.name for p in found.parts] == [name]
