"""Indexes of folders: taken from an image as streams of their own, equal to what others read, slack told as slack."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest
from dissect.ntfs.c_ntfs import ATTRIBUTE_TYPE_CODE

from collector.collect import Plan, collect
from collector.definitions import Catalogue, load
from collector.image import Image, open_source
from collector.secondreader import SecondReader, dissect_ntfs, sleuthkit
from fixtures.disk.raw import build_raw
from fixtures.plan import Create, Delete, DiskPlan, Step, VolumePlan
from parsers.ntfs import index
from shellcase.model import Item, Job
from tests.collector.fakes import MemoryCase
from tests.parsers.stub import answer, write_source
from tests.tools import need_disk_builder

SECOND = 10**9
BORN = 1_612_137_600 * SECOND
ROOT = r"\inetpub\wwwroot"
GONE = [f"page{n:02}.aspx" for n in range(50, 60)]
OWN = r"""
name: Folders
doc: Indexes of all folders, and a file that has no index.
sources:
- type: FILE
  attributes: {paths: ['\.:$I30', '\**15:$I30'], separator: '\'}
"""


def plan() -> DiskPlan:
    """A web root with more pages than its record has room for; the last ten are deleted, as a script would."""
    steps: list[Step] = [
        Create(t=BORN + n * SECOND, volume="C", path=rf"{ROOT}\page{n:02}.aspx", data=b"<%@ Page %>" * 100)
        for n in range(60)
    ]
    steps.append(Create(t=BORN + 61 * SECOND, volume="C", path=r"\inetpub\small\one.txt", data=b"1"))
    steps += [
        Delete(t=BORN + (100 + n) * SECOND, volume="C", path=rf"{ROOT}\{name}", keep=True)
        for n, name in enumerate(GONE)
    ]
    return DiskPlan(
        name="INDEX",
        table="mbr",
        disk_guid="5f1a0e0e-7c53-4b3f-9a51-3d0c8ae1b001",
        disk_signature=0xA1B2C3D4,
        partition_guids=("5f1a0e0e-7c53-4b3f-9a51-3d0c8ae1b0c1",),
        volumes=(VolumePlan(letter="C", label="System", size=12 << 20, serial=1, formatted=BORN, journal_from=None),),
        steps=tuple(steps),
        acquired=BORN + 900 * SECOND,
    )


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The disk as a raw image."""
    need_disk_builder()
    folder = tmp_path_factory.mktemp("index")
    build_raw(plan(), folder / "disk.dd", folder / "work")
    return folder / "disk.dd"


@pytest.fixture
def everything(tmp_path: Path) -> Catalogue:
    """A definition that asks for every folder's index."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "own.yaml").write_text(OWN, encoding="utf-8")
    return load(also=tmp_path / "own")


def indexes(image: Image, catalogue: Catalogue) -> tuple[MemoryCase, list[Item]]:
    """The case, and the indexes in it."""
    case = MemoryCase()
    collect(image, case, Plan(catalogue=catalogue, profile="minimal"))
    return case, [i for i in case.items if i.stream == "$I30"]


def test_names_of_deleted_pages_come_from_the_slack_and_are_never_live(
    disk: Path, everything: Catalogue, tmp_path: Path
) -> None:
    """With their times and entries of $MFT; pages that are there are not told as leftovers only."""
    with closing(open_source(disk)) as image:
        case, found = indexes(image, everything)
    (item,) = [i for i in found if i.path.endswith(ROOT)]
    raw = case.objects[str(item.object).removeprefix("objects/")]
    assert index.PARSER.recognises(raw[:64], f"{item.path}:$I30")
    said = answer(index.parse, Job(source=write_source(tmp_path, raw, f"{item.path}:$I30")))
    live = {e.file_path for e in said.events if e.origin.state == "live"}
    slack = {str(e.file_path) for e in said.events if e.origin.state == "slack"}
    there = {rf"{item.path}\page{n:02}.aspx" for n in range(50)}
    assert live < there
    assert len(there - live) < 3, "all but those that part the pages, which stand in the $MFT record"
    gone = {p.rpartition("\\")[2] for p in slack} & set(GONE)
    assert gone, "no name of a deleted page is left"
    assert not said.issues


def test_a_small_folder_is_no_artefact_of_its_own_and_no_file_is_one(disk: Path, everything: Catalogue) -> None:
    """Its index lies in $MFT, which is taken; nothing is told as missing for it."""
    with closing(open_source(disk)) as image:
        case, found = indexes(image, everything)
    assert [i.path.partition("\\")[2] for i in found] == ["", ROOT[1:]]
    assert not [m for m in case.not_taken if m.definition == "Folders"]


def test_a_pattern_for_folders_that_matches_none_is_told(disk: Path) -> None:
    """Not in silence, and in words that say folder."""
    with closing(open_source(disk)) as image:
        case, _found = indexes(image, load())
    told = {m.path: m.reason for m in case.not_taken if m.definition == "NtfsFolderIndexes"}
    assert told[r"\$Recycle.Bin\**2:$I30"] == "no folder of the volume matches"


@pytest.mark.parametrize("reader", [sleuthkit, dissect_ntfs])
def test_other_readers_give_the_same_bytes(
    reader: Callable[[Image], SecondReader | None], disk: Path, everything: Catalogue
) -> None:
    """Sleuth Kit and dissect read the same index."""
    with closing(open_source(disk)) as image:
        _case, found = indexes(image, everything)
        other = reader(image)
        if other is None:
            pytest.skip("Sleuth Kit is not installed")
        offset = image.volumes[0].volume.offset
        for item in found:
            read = b"".join(other.read(offset, item.mft_record or 0, "$I30", None))
            assert hashlib.sha256(read).hexdigest() == item.sha256, item.path


@pytest.mark.real
def test_indexes_of_a_volume_that_windows_wrote(shared_dir: Path, everything: Catalogue) -> None:
    """Every folder with an index outside its record, with the bytes that dissect reads."""
    path = shared_dir / "corpora" / "velociraptor/artifacts/testdata/files/test.ntfs.dd.E01"
    with closing(open_source(path)) as image:
        _case, found = indexes(image, everything)
        volume = dissect_ntfs(image)
        table = cast(Any, volume)._volume(image.volumes[0].volume.offset).mft
        want = {}
        for record in table.segments():
            parts = record.attributes.get(ATTRIBUTE_TYPE_CODE.INDEX_ALLOCATION) or []
            if record.is_dir() and [a for a in parts if a.name == "$I30"]:
                raw = record.open("$I30", ATTRIBUTE_TYPE_CODE.INDEX_ALLOCATION).read()
                want[record.segment] = hashlib.sha256(raw).hexdigest()
    assert want
    empty = hashlib.sha256(b"").hexdigest()
    assert {i.mft_record: i.sha256 for i in found} == {n: sha for n, sha in want.items() if sha != empty}
