"""Opening images: the same disk in every container, and clear words for what cannot be opened."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.ewfsections import Stored
from collector.image import Image, open_source
from collector.verify import DAMAGED, DIFFERS, MATCHES, NO_HASH, verify_image
from shellcase.errors import EvidenceError, UsageError
from tests.collector.fakes import as_e01, convert
from tests.tools import need

Opener = Callable[[Path], Image]


@pytest.fixture(scope="module")
def e01(foreign: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The foreign volume as one E01 segment without compression, so that each byte of it has its place."""
    need("ewfacquire")
    folder = tmp_path_factory.mktemp("e01")
    raw = folder / "noise.raw"
    raw.write_bytes(foreign.read_bytes())
    return as_e01(raw, folder / "disk", "-c", "none")


@pytest.mark.real
@pytest.mark.parametrize("kind", ["qcow2", "vmdk", "vpc", "vhdx", "e01", "split"])
def test_every_container_shows_the_same_disk(opened: Opener, kind: str, foreign: Path, tmp_path: Path) -> None:
    """Fingerprint and volume do not depend on how the disk was packed (VHD rounds the size up to its geometry)."""
    need("qemu-img", "ewfacquire")
    plain = opened(foreign)
    if kind == "e01":
        packed = opened(as_e01(foreign, tmp_path / "disk"))
    elif kind == "split":
        data = foreign.read_bytes()
        for n in range(4):
            (tmp_path / f"disk.{n + 1:03d}").write_bytes(data[n << 19 : n + 1 << 19])
        packed = opened(tmp_path / "disk.001")
    else:
        packed = opened(convert(foreign, kind, tmp_path / f"disk.{kind.replace('vpc', 'vhd')}"))
    assert packed.volumes[0].volume.serial == plain.volumes[0].volume.serial == "6F462FC17DF91EB8"
    assert packed.media.read_at(0, plain.size) == foreign.read_bytes()
    if kind != "vpc":
        assert packed.fingerprint == plain.fingerprint


def test_the_stored_hash_is_confirmed(opened: Opener, e01: Path) -> None:
    """An intact E01 ends in one verdict, with the digests of the decoded media."""
    checked = verify_image(opened(e01))
    assert checked.verdict == MATCHES
    assert (checked.md5, checked.sha1) == (checked.stored_md5, checked.stored_sha1)
    assert checked.problems == ()


def test_one_changed_byte_is_found_and_located(opened: Opener, e01: Path, tmp_path: Path) -> None:
    """A flipped bit in a chunk fails that chunk's checksum; everything else is still read."""
    raw = bytearray(e01.read_bytes())
    raw[len(raw) // 2] ^= 1
    (tmp_path / "disk.E01").write_bytes(raw)
    checked = verify_image(opened(tmp_path / "disk.E01"))
    assert checked.verdict == DAMAGED
    assert checked.unreadable == 32768
    assert "fails its checksum" in " ".join(checked.problems)


def test_a_changed_hash_is_told_from_damage(opened: Opener, e01: Path, tmp_path: Path) -> None:
    """Sound container, other hash: the data are not those the imager hashed."""
    image = opened(e01)
    assert image.ewf is not None
    image.ewf.stored[0] = Stored("md5", "0" * 32, "the test")
    assert verify_image(image).verdict == DIFFERS


def test_raw_images_have_no_stored_hash(opened: Opener, foreign: Path) -> None:
    """The verdict says so, and the SHA-256 is there to compare."""
    checked = verify_image(opened(foreign))
    assert checked.verdict == NO_HASH
    assert checked.sha256 == "e3612c182b8010e3599b5eb93bff427c7d824e85bdc2ddbe46e378e3ba814eb9"


def test_a_missing_last_segment_is_noticed(opened: Opener, foreign: Path, tmp_path: Path) -> None:
    """Other readers return such a set in silence."""
    need("ewfacquire")
    first = as_e01(foreign, tmp_path / "disk", "-c", "none", "-S", "1048576")
    segments = sorted(tmp_path.glob("disk.E*"))
    assert len(segments) >= 2, "the set must have several segments"
    segments[-1].unlink()
    image = opened(first)
    assert any("segments are missing" in p for p in image.problems)
    assert verify_image(image).verdict == DAMAGED


def test_a_missing_middle_segment_is_named(opened: Opener, foreign: Path, tmp_path: Path) -> None:
    """The number of the lost file is in the message."""
    need("ewfacquire")
    first = as_e01(foreign, tmp_path / "disk", "-c", "none", "-S", "1048576")
    (tmp_path / "disk.E02").unlink()
    assert any("missing [2]" in p for p in opened(first).problems)


@pytest.mark.parametrize("harm", ["missing", "broken chain"])
def test_what_follows_a_lost_segment_keeps_its_place(opened: Opener, harm: str, foreign: Path, tmp_path: Path) -> None:
    """Shifted to the front, the later segments would pass every checksum and be read as other sectors."""
    need("ewfacquire")
    raw = tmp_path / "long.raw"
    raw.write_bytes(foreign.read_bytes() + bytes(range(256)) * 8192)
    first = as_e01(raw, tmp_path / "disk", "-c", "none", "-S", "1048576")
    lost = tmp_path / "disk.E02"
    if harm == "missing":
        lost.unlink()
    else:
        data = bytearray(lost.read_bytes())
        for kind in (b"table\0", b"table2\0"):
            at = data.index(kind.ljust(16, b"\0"))
            data[at : at + 76] = bytes(76)
        lost.write_bytes(data)
    image, want = opened(first), raw.read_bytes()
    assert image.media.read_at(len(want) - 4096, 4096) == want[-4096:]
    assert image.media.read_at(0, 4096) == want[:4096]
    with pytest.raises(OSError, match="missing"):
        image.media.read_at(1 << 20 | 1 << 18, 4096)


def test_a_missing_part_of_a_split_raw_image_is_a_hole(opened: Opener, foreign: Path, tmp_path: Path) -> None:
    """The parts after it keep their place, and the lost bytes are said to be lost."""
    data = foreign.read_bytes()
    for n in (0, 2, 3):
        (tmp_path / f"disk.{n + 1:03d}").write_bytes(data[n << 19 : n + 1 << 19])
    image = opened(tmp_path / "disk.001")
    assert image.media.read_at((2 << 19) + 512, 512) == data[(2 << 19) + 512 :][:512]
    assert any("disk.002" in p for p in image.problems)
    checked = verify_image(image)
    assert checked.unreadable == 1 << 19
    assert sum("they lie in a part" in p for p in checked.problems) == 1


def test_acquisition_notes_are_read(opened: Opener, shared_dir: Path) -> None:
    """What the imager typed in comes out of the header."""
    path = shared_dir / "corpora" / "velociraptor" / "artifacts" / "testdata" / "files" / "test.ntfs.dd.E01"
    ewf = opened(path).ewf
    assert ewf is not None
    assert ewf.acquisition["examiner"] == "foobar"
    assert ewf.acquisition["case_number"] == "12"


def test_no_such_file(tmp_path: Path) -> None:
    """A wrong path is the user's to mend."""
    with pytest.raises(UsageError, match="no such source file"):
        open_source(tmp_path / "nowhere.E01")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.E01", b"", "empty"),
        ("notes.E01", b"my notes\n" * 500, "does not start with the E01 signature"),
        ("zeros.raw", bytes(1 << 20), "No NTFS volume"),
        ("head.E01", b"EVF\x09\x0d\x0a\xff\x00\x01\x01\x00\x00\x00", "no readable volume section"),
    ],
)
def test_what_cannot_be_read_says_why_and_what_to_do(name: str, content: bytes, says: str, tmp_path: Path) -> None:
    """What, where, what to do; never a traceback."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(EvidenceError, match=says) as caught:
        open_source(tmp_path / name)
    assert name in caught.value.where
    assert caught.value.todo


def test_a_cut_e01_is_called_truncated(e01: Path, tmp_path: Path) -> None:
    """The first third of a segment holds no table, so nothing can be decoded."""
    (tmp_path / "cut.E01").write_bytes(e01.read_bytes()[: e01.stat().st_size // 3])
    with pytest.raises(EvidenceError, match="truncated"):
        open_source(tmp_path / "cut.E01")


def test_a_cut_raw_image_is_read_and_noted(opened: Opener, foreign: Path, tmp_path: Path) -> None:
    """What is there is readable; what is lacking is said."""
    (tmp_path / "cut.raw").write_bytes(foreign.read_bytes()[: 3 << 19])
    image = opened(tmp_path / "cut.raw")
    assert any("truncated" in p for p in image.problems)
    assert verify_image(image).verdict == DAMAGED


def test_a_damaged_boot_sector_is_replaced_by_its_copy(opened: Opener, foreign: Path, tmp_path: Path) -> None:
    """NTFS keeps a copy in the volume's last sector; the files are all there."""
    data = foreign.read_bytes()
    copy = data[:512]
    whole = (struct.unpack_from("<Q", copy, 40)[0] + 1) * 512
    (tmp_path / "torn.raw").write_bytes(bytes(512) + data[512 : whole - 512].ljust(whole - 1024, b"\0") + copy)
    volume = opened(tmp_path / "torn.raw").volumes[0]
    assert volume.volume.serial == "6F462FC17DF91EB8"
    assert "copy" in volume.why


def test_volumes_are_found_without_a_partition_table(opened: Opener, foreign: Path, tmp_path: Path) -> None:
    """The first sectors of the disk are gone; volumes begin at whole MiB."""
    (tmp_path / "torn.raw").write_bytes(bytes(1 << 20) + foreign.read_bytes() + bytes(1 << 20))
    image = opened(tmp_path / "torn.raw")
    assert [(v.volume.offset, v.volume.serial) for v in image.volumes] == [(1 << 20, "6F462FC17DF91EB8")]
    assert any("boot sectors" in p for p in image.problems)
