"""A source is known again though its fingerprint changed: the tamper matrix of an E01 set against its own record."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from collector.describe import source_record
from collector.image import open_source
from collector.records import SourceRecord
from collector.sameness import Sameness, compare
from shellcase.model import HostFacts
from tests.collector import tamper
from tests.collector.fakes import as_e01
from tests.tools import need

pytestmark = pytest.mark.real


@pytest.fixture(scope="module", params=["with an identifier", "without one"])
def split(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk as E01 in segments of 1 MiB, as imagers write it that give the set an identifier or do not."""
    need("ewfacquire")
    folder = tmp_path_factory.mktemp("same")
    first = as_e01(tamper.small_disk(folder), folder / "disk", "-c", "none", "-S", "1048576")
    for segment in folder.glob("disk.E*"):
        tamper.set_ident(segment, (b"\1" if request.param == "with an identifier" else b"\0") * 16)
    return first


@pytest.fixture(scope="module")
def record(split: Path) -> SourceRecord:
    """What a case knows of it."""
    with closing(open_source(split)) as image:
        return source_record(image, "SRC-01", HostFacts(volumes=tuple(h.volume for h in image.volumes)))


def compared(first: Path, record: SourceRecord) -> Sameness:
    """The set as it is now."""
    with closing(open_source(first, bare=True)) as image:
        return compare(record, image)


def copied(split: Path, folder: Path) -> list[Path]:
    """All segments in a folder of their own."""
    return [Path(shutil.copy(p, folder / p.name)) for p in sorted(split.parent.glob("disk.E*"))]


def spoil(first: Path, number: int) -> None:
    """Change a byte of a chunk, counted from the end of the last volume where the number is below 0."""
    with closing(open_source(first)) as image:
        assert image.ewf
        found = image.ewf.map.find(number % (image.end // 32768))
        assert found
        victim = image.segments[found.segment]
    tamper.flip(victim, found.start + 100)


@pytest.mark.parametrize("number", [0, 1, 16, 31, -32, -16, -1])
def test_bytes_of_the_first_and_last_mib(split: Path, record: SourceRecord, number: int, tmp_path: Path) -> None:
    """Every place where the fingerprint looks."""
    segments = copied(split, tmp_path)
    spoil(segments[0], number)
    same = compared(segments[0], record)
    assert same.same, same.told
    assert "stored MD5" in same.agree


@pytest.mark.parametrize("gone", [(0,), (3,), (-1,), (2, 5)])
def test_missing_segments(split: Path, record: SourceRecord, gone: tuple[int, ...], tmp_path: Path) -> None:
    """With the last one go the stored hashes; the pieces that are left still tell."""
    segments = copied(split, tmp_path)
    for n in gone:
        segments[n].unlink()
    same = compared(next(p for p in segments if p.exists()), record)
    assert same.same, same.told


@pytest.mark.parametrize("which", [0, 3, -1])
def test_a_damaged_segment_number(split: Path, record: SourceRecord, which: int, tmp_path: Path) -> None:
    """Named as damage, and the set is this one."""
    segments = copied(split, tmp_path)
    tamper.flip(segments[which], 9, 0x55)
    assert compared(segments[0], record).same


def test_swapped_segments(split: Path, record: SourceRecord, tmp_path: Path) -> None:
    """By their names only."""
    segments = copied(split, tmp_path)
    segments[1].rename(tmp_path / "spare")
    segments[2].rename(segments[1])
    (tmp_path / "spare").rename(segments[2])
    assert compared(segments[0], record).same


@pytest.mark.parametrize("kind", ["header", "header2", "volume", "hash", "digest"])
def test_sections_of_the_container(split: Path, record: SourceRecord, kind: str, tmp_path: Path) -> None:
    """Notes, geometry or a stored hash are damaged together with the first MiB."""
    segments = copied(split, tmp_path)
    at = segments[-1] if kind in ("hash", "digest") else segments[0]
    spoil(segments[0], 3)
    tamper.flip(at, tamper.sections(at, kind)[0].data + 4)
    assert compared(segments[0], record).same


def test_a_set_of_another_disk_with_its_name(split: Path, record: SourceRecord, tmp_path: Path) -> None:
    """Of the same size and geometry: other hashes, other pieces, so it is another image, and what differs is told."""
    disk = split.parent / "disk.raw"
    data = bytearray(disk.read_bytes())
    data[70_000:70_032] = b"another disk, the same size....!"
    (tmp_path / "other.raw").write_bytes(data)
    first = as_e01(tmp_path / "other.raw", tmp_path / "disk", "-c", "none", "-S", "1048576")
    same = compared(first, record)
    assert not same.same
    assert "stored MD5" in same.told
    assert "1 pieces differ, at byte 65536" in same.told


def test_another_disk_whose_hashes_are_damaged(split: Path, record: SourceRecord, tmp_path: Path) -> None:
    """Without stored hashes the readable pieces decide, not the name."""
    data = bytearray((split.parent / "disk.raw").read_bytes())
    data[70_000:70_032] = b"another disk, the same size....!"
    (tmp_path / "other.raw").write_bytes(data)
    first = as_e01(tmp_path / "other.raw", tmp_path / "disk", "-c", "none")
    for kind in ("hash", "digest"):
        tamper.flip(first, tamper.sections(first, kind)[0].data)
    assert not compared(first, record).same
