"""What is not read is called by its name, with exit code 4; samples of other projects open as their manifest says."""

from __future__ import annotations

import csv
import hashlib
import json
import lzma
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from collector.image import Image, open_source
from shellcase.errors import EvidenceError
from tests.tools import need

Opener = Callable[[Path], Image]


@pytest.mark.real
@pytest.mark.parametrize(("method", "name"), [(1, "AES"), (2, "LUKS")])
def test_an_encrypted_qcow2_is_named(method: int, name: str, tmp_path: Path) -> None:
    """It is not taken for a disk without partitions."""
    need("qemu-img")
    path = tmp_path / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(path), "4M"], check=True)
    data = bytearray(path.read_bytes())
    data[32:36] = method.to_bytes(4, "big")
    path.write_bytes(data)
    with pytest.raises(EvidenceError, match=f"encrypted \\({name}\\)"):
        open_source(path)


NAMED = {
    "Ex01": b"EVF2\r\n\x81\0",
    "Lx01": b"LEF2\r\n\x81\0",
    "L01": b"LVF\t\r\n\xff\0",
    "AFF": b"AFF10\r\n\0",
    "Parallels": b"WithoutFreeSpace",
    "WIM": b"MSWIM\0\0\0",
    "xz": b"\xfd7zXZ\0",
}


@pytest.mark.parametrize("name", NAMED)
def test_what_is_not_read_is_called_by_its_name(name: str, tmp_path: Path) -> None:
    """Exit code 4 with a name and what to do, never "no partition"."""
    (tmp_path / "evidence.raw").write_bytes(NAMED[name].ljust(1 << 16, b"\x11"))
    with pytest.raises(EvidenceError, match=name) as caught:
        open_source(tmp_path / "evidence.raw")
    assert caught.value.exit_code == 4
    assert caught.value.todo


def test_an_apple_disk_image_is_named(tmp_path: Path) -> None:
    """Its signature is at the end."""
    (tmp_path / "mac.dmg").write_bytes(bytes(4096) + b"koly".ljust(512, b"\0"))
    with pytest.raises(EvidenceError, match="DMG"):
        open_source(tmp_path / "mac.dmg")


def _at(offset: int, mark: bytes) -> bytes:
    data = bytearray(1 << 17)
    data[offset : offset + len(mark)] = mark
    return bytes(data)


VOLUMES = {
    "APFS": _at(32, b"NXSB"),
    "HFS\\+": _at(1024, b"H+\0\4"),
    "XFS": _at(0, b"XFSB"),
    "ReFS": _at(3, b"ReFS\0\0\0\0"),
    "exFAT": _at(3, b"EXFAT   "),
    "LUKS": _at(0, b"LUKS\xba\xbe"),
    "BitLocker": _at(3, b"-FVE-FS-"),
    "Storage Spaces": _at(4096, b"SPACEDB "),
    "Btrfs": _at(65600, b"_BHRfS_M"),
    "LVM": _at(512, b"LABELONE"),
    "unknown or encrypted": b"".join(hashlib.sha256(n.to_bytes(4, "big")).digest() for n in range(4096)),
    "empty": bytes(1 << 17),
}


@pytest.mark.parametrize("name", VOLUMES)
def test_other_file_systems_are_named(name: str, tmp_path: Path) -> None:
    """The message says what the volume holds instead of NTFS."""
    (tmp_path / "volume.raw").write_bytes(VOLUMES[name])
    with pytest.raises(EvidenceError, match=name) as caught:
        open_source(tmp_path / "volume.raw")
    assert caught.value.exit_code == 4


@pytest.mark.real
@pytest.mark.parametrize(("tool", "name"), [("mkfs.ext4", "ext4"), ("mkfs.ext3", "ext3"), ("mkfs.ext2", "ext2")])
def test_linux_file_systems_are_told_apart(tool: str, name: str, tmp_path: Path) -> None:
    """Made by the programs that make them."""
    need(tool)
    path = tmp_path / "volume.raw"
    path.write_bytes(bytes(16 << 20))
    subprocess.run([tool, "-q", "-F", str(path)], check=True)
    with pytest.raises(EvidenceError, match=f"file system: {name}"):
        open_source(path)


CORPORA = {
    "plaso/test_data/image.E01": "ext2",
    "plaso/test_data/image.vmdk": "ext2",
    "dissect-evidence/tests/data/ewf.E01": "",
}


@pytest.mark.parametrize("sample", CORPORA)
def test_foreign_samples_without_ntfs_are_named(sample: str, shared_dir: Path) -> None:
    """The samples of other projects that hold another file system, or none."""
    with pytest.raises(EvidenceError, match=CORPORA[sample] or "No NTFS volume") as caught:
        open_source(shared_dir / "corpora" / sample)
    assert caught.value.exit_code == 4


def _manifest(shared: Path) -> Iterator[tuple[str, dict[str, str | int | None]]]:
    with (shared / "corpora" / "MANIFEST.csv").open(encoding="utf-8", newline="") as fh:
        for row in csv.DictReader(fh):
            if row["kind"] == "image-ntfs":
                yield row["path"], json.loads(row["expectation"])


def test_foreign_samples_with_ntfs_open_with_the_answers_of_the_manifest(
    shared_dir: Path, opened: Opener, tmp_path: Path
) -> None:
    """File system, serial number and place of each."""
    seen = 0
    for name, expected in _manifest(shared_dir):
        path = shared_dir / "corpora" / name
        if path.suffix == ".xz":
            unpacked = tmp_path / path.stem
            unpacked.write_bytes(lzma.decompress(path.read_bytes()))
            path = unpacked
        volumes = [h.volume for h in opened(path).volumes if h.fs and not h.snapshot]
        serials = {v.serial: v for v in volumes}
        assert expected["Volume Serial Number"] in serials, name
        offset = expected["offset"]
        assert offset is None or serials[str(expected["Volume Serial Number"])].offset == int(offset) * 512, name
        seen += 1
    assert seen == 4
