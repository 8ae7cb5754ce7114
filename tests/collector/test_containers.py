"""One disk in every container, made by the programs people use: the same artefacts; what is not read is named."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from collector.collect import Plan, collect
from collector.image import Image, open_source
from fixtures.disk.built import Built
from shellcase.errors import EvidenceError
from tests.collector.fakes import MemoryCase, as_e01, convert
from tests.conftest import make_case
from tests.tools import need

Opener = Callable[[Path], Image]
QEMU = {
    "vmdk-sparse": ("vmdk", "subformat=monolithicSparse"),
    "vmdk-flat": ("vmdk", "subformat=monolithicFlat"),
    "vmdk-split-sparse": ("vmdk", "subformat=twoGbMaxExtentSparse"),
    "vmdk-split-flat": ("vmdk", "subformat=twoGbMaxExtentFlat"),
    "vmdk-stream": ("vmdk", "subformat=streamOptimized"),
    "vhd-dynamic": ("vpc", "subformat=dynamic"),
    "vhd-fixed": ("vpc", "subformat=fixed"),
    "vhd-exact": ("vpc", "subformat=dynamic,force_size=on"),
    "vhdx-dynamic": ("vhdx", "subformat=dynamic,block_size=1M"),
    "vhdx-fixed": ("vhdx", "subformat=fixed"),
    "vdi": ("vdi", ""),
    "qcow2-v2": ("qcow2", "compat=0.10"),
    "qcow2-v3": ("qcow2", "compat=1.1,cluster_size=4096"),
    "qcow2-packed": ("qcow2", "-c"),
    "qcow2-zstd": ("qcow2", "compression_type=zstd"),
    "qcow2-subclusters": ("qcow2", "extended_l2=on,cluster_size=128k"),
    "qcow2-data-file": ("qcow2", "data_file={folder}/disk.bin,data_file_raw=on"),
}
_SIZES = {"split-001": ("3", "-d", "1"), "split-000": ("3", "-d", "0"), "split-aa": ("2", "", ""), "xaa": ("2", "", "")}


def _qemu(raw: Path, kind: str, folder: Path) -> Path:
    form, options = QEMU[kind]
    out = folder / f"disk.{kind}"
    how = ["-c"] if options == "-c" or "zstd" in options else []
    if "=" in options:
        how += ["-o", options.format(folder=folder)]
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", form, *how, str(raw), str(out)], check=True)
    return out


def _split(raw: Path, kind: str, folder: Path) -> Path:
    """By coreutils' split, with the names that imagers and people give."""
    digits, numeric, first = _SIZES[kind]
    names = [f"--numeric-suffixes={first}"] if numeric else []
    stem = "x" if kind == "xaa" else "disk."
    subprocess.run(["split", "-b", "9M", "-a", digits, *names, str(raw), str(folder / stem)], check=True)
    return sorted(folder.iterdir())[0]


def _packed(raw: Path, kind: str, folder: Path) -> Path:
    if kind in QEMU:
        return _qemu(raw, kind, folder)
    if kind in _SIZES:
        return _split(raw, kind, folder)
    if kind.startswith("e01"):
        return as_e01(raw, folder / "disk", *(["-S", "1048576", "-c", "none"] if kind == "e01-split" else []))
    out = folder / f"disk{kind}"
    shutil.copyfile(raw, out)
    return out


def collected(path: Path) -> tuple[list[object], list[object], set[str]]:
    """Lines of collected and not_collected, and the digests of the stored bytes."""
    case = MemoryCase()
    with closing(open_source(path)) as image:
        assert image.why, "every container says how it was told"
        assert image.problems == ()
        collect(image, case, Plan(profile="full"))
    return (
        [msgspec.to_builtins(i) for i in case.items],
        [msgspec.to_builtins(m) for m in case.not_taken],
        set(case.objects),
    )


@pytest.fixture(scope="module")
def plain(disk: Built) -> tuple[list[object], list[object], set[str]]:
    """What the raw image gives."""
    found = collected(disk.raw)
    assert len(found[0]) > 10
    return found


@pytest.mark.real
@pytest.mark.parametrize("kind", [*QEMU, *_SIZES, "e01", "e01-split", ".dd", ".img", ".bin", "", ".vmdk"])
def test_the_container_does_not_matter(
    kind: str, disk: Built, plain: tuple[list[object], list[object], set[str]], tmp_path: Path
) -> None:
    """Every line of collected.jsonl, with ids, times and hashes, is that of the raw image."""
    need("qemu-img", "ewfacquire", "split")
    assert collected(_packed(disk.raw, kind, tmp_path)) == plain


@pytest.mark.real
def test_a_run_ends_with_the_same_results_from_a_rounded_disk(disk: Built, tmp_path: Path) -> None:
    """VHD rounds the disk up to whole cylinders; no line of the results knows of it."""
    need("qemu-img")
    results = list[dict[str, str]]()
    for image in (disk.raw, _qemu(disk.raw, "vhd-dynamic", tmp_path)):
        case, _code = make_case(image, tmp_path / f"case-{len(results)}")
        results.append(json.loads((case.evidence / "digest.json").read_bytes())["files"])
    differ = {name for name in results[0] | results[1] if results[0].get(name) != results[1].get(name)}
    assert not differ
    assert len(results[0]) > 5


@pytest.mark.real
@pytest.mark.parametrize("kind", [k for k in QEMU if k not in ("qcow2-data-file",)])
def test_every_byte_is_that_of_qemu(kind: str, tmp_path: Path, opened: Opener, foreign: Path) -> None:
    """Odd sizes, holes and reads across blocks: the reader and qemu-img agree on the whole disk."""
    need("qemu-img")
    raw = tmp_path / "odd.raw"
    volume = foreign.read_bytes()
    noise = bytes((n * n >> 3) & 255 for n in range(70_000))
    with raw.open("wb") as fh:
        fh.write(volume)
        for at in (5 << 20, (9 << 20) - 5000, 17 << 20):
            fh.seek(at)
            fh.write(noise)
        fh.truncate((19 << 20) + 512 * 3)
    folder = tmp_path / "made"
    folder.mkdir()
    media = opened(_qemu(raw, kind, folder)).media
    want = raw.read_bytes()
    assert media.size >= len(want)
    for start in range(0, len(want), 777_777):
        assert media.read_at(start, 777_777) == want[start : start + 777_777].ljust(
            min(777_777, media.size - start), b"\0"
        )


def _cut(path: Path, keep: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    return path


@pytest.mark.real
@pytest.mark.parametrize("kind", ["qcow2-v3", "vmdk-sparse", "vmdk-flat", "vhd-dynamic", "vhdx-dynamic", "vdi"])
def test_a_cut_container_gives_no_shifted_bytes(kind: str, disk: Built, tmp_path: Path) -> None:
    """What lies beyond the cut is an error; what is given is right."""
    need("qemu-img")
    path = _qemu(disk.raw, kind, tmp_path)
    _cut(tmp_path / "disk-flat.vmdk-flat" if kind == "vmdk-flat" else path, 0.4)
    want, lost = disk.raw.read_bytes(), 0
    try:
        image = open_source(path)
    except EvidenceError:
        return
    with closing(image):
        for at in range(0, len(want), 10_000):
            try:
                assert image.media.read_at(at, 10_000) == want[at : at + 10_000]
            except OSError:
                lost += 1
    assert lost, "bytes beyond the cut cannot be there"


@pytest.mark.real
@pytest.mark.parametrize(("form", "options"), [("qcow2", "backing_fmt=raw"), ("qcow2", ""), ("vmdk", "")])
def test_a_delta_is_read_over_the_parent_beside_it(
    form: str, options: str, opened: Opener, foreign: Path, tmp_path: Path
) -> None:
    """Bytes of the delta win, all others are the parent's; without the parent it is named."""
    need("qemu-img", "qemu-io")
    parent = tmp_path / f"base.{form}"
    if options:
        shutil.copyfile(foreign, parent)
    else:
        convert(foreign, form, parent)
    child = tmp_path / f"delta.{form}"
    base = ["-b", parent.name, "-F", "raw" if options else form]
    subprocess.run(["qemu-img", "create", "-q", "-f", form, *base, child.name], check=True, cwd=tmp_path)
    subprocess.run(
        ["qemu-io", "-f", form, "-c", "write -P 0x5a 1048576 65536", str(child)], check=True, capture_output=True
    )
    want = bytearray(foreign.read_bytes())
    want[1 << 20 : (1 << 20) + 65536] = b"\x5a" * 65536
    image = opened(child)
    assert image.media.read_at(0, len(want)) == bytes(want)
    assert {p.name for p in image.segments} == {parent.name, child.name}
    parent.rename(tmp_path / "elsewhere")
    with pytest.raises(EvidenceError, match=rf"missing.*base\.{form}"):
        open_source(child)


@pytest.mark.real
def test_a_changed_parent_of_a_vmdk_delta_is_refused(foreign: Path, tmp_path: Path) -> None:
    """The content id tells that the parent was written to after the snapshot: its bytes no longer fit."""
    need("qemu-img")
    convert(foreign, "vmdk", tmp_path / "base.vmdk")
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "vmdk", "-b", "base.vmdk", "-F", "vmdk", "delta.vmdk"],
        check=True,
        cwd=tmp_path,
    )
    data = (tmp_path / "base.vmdk").read_bytes()
    at = data.index(b"\nCID=") + 5
    (tmp_path / "base.vmdk").write_bytes(data[:at] + (b"0" if data[at : at + 1] != b"0" else b"1") + data[at + 1 :])
    with pytest.raises(EvidenceError, match="another one, or was changed"):
        open_source(tmp_path / "delta.vmdk")


@pytest.mark.real
def test_a_missing_extent_is_named(disk: Built, tmp_path: Path) -> None:
    """The descriptor alone is not the disk; one extent alone is not either."""
    need("qemu-img")
    path = _qemu(disk.raw, "vmdk-split-sparse", tmp_path)
    extent = next(p for p in tmp_path.iterdir() if "-s001" in p.name)
    with pytest.raises(EvidenceError, match="one extent of a VMDK"):
        open_source(extent)
    extent.rename(tmp_path / "gone")
    with pytest.raises(EvidenceError, match=f"missing: '{extent.name}'"):
        open_source(path)


@pytest.mark.real
@pytest.mark.parametrize("form", ["vpc", "vhdx"])
def test_differencing_disks_name_their_parent(form: str, foreign: Path, tmp_path: Path) -> None:
    """Without the parent's bytes a checkpoint is not the disk."""
    need("qemu-img")
    path = convert(foreign, form, tmp_path / "disk")
    data = bytearray(path.read_bytes())
    if form == "vpc":
        for at in (0, len(data) - 512):
            data[at + 60 : at + 64] = struct.pack(">I", 4)
            data[at + 64 : at + 68] = bytes(4)
            data[at + 64 : at + 68] = struct.pack(">I", ~sum(data[at : at + 512]) & 0xFFFFFFFF)
        data[512 + 64 : 512 + 64 + 20] = "parent.vhd".encode("utf-16-be")
    else:
        table = data.index(b"metadata")
        item = (
            table
            + struct.unpack_from("<I", data, data.index(bytes.fromhex("3767a1ca36fa434db3b633f0aa44e76b"), table) + 16)[
                0
            ]
        )
        data[item + 4] |= 2
    path.write_bytes(data)
    with pytest.raises(EvidenceError, match=r"differencing.*" + ("parent.vhd" if form == "vpc" else "names no parent")):
        open_source(path)
