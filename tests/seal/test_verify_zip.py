"""A package in its ZIP is checked where it lies; what other unpackers would see instead is named."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from shellcase.errors import EvidenceError
from shellcase.handout.zipped import write_zip
from shellcase.seal.checks_zip import ZipBag
from tests.seal.sealed import ours, seal_twice


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return seal_twice(tmp_path_factory.mktemp("sealed"))[0]


@pytest.fixture
def package(folder: Path, tmp_path: Path) -> Path:
    write_zip(folder, "V-1", tmp_path / "package.zip")
    return tmp_path / "package.zip"


def test_a_package_is_checked_in_its_zip(package: Path) -> None:
    """All fourteen checks, the leaves from Parquet too; nothing is unpacked beside it."""
    said = ours(package)
    assert (said.code, said.problems) == (0, set()), said.words
    assert said.verdicts["leaves"] == "ok"
    assert [p.name for p in package.parent.iterdir()] == ["package.zip"]


@pytest.mark.parametrize("how", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_zipped_anew_by_another_program_it_is_the_same(package: Path, how: int) -> None:
    """Compressed, and without the folder around it."""
    again = package.with_name("again.zip")
    with zipfile.ZipFile(package) as old, zipfile.ZipFile(again, "w", how) as new:
        for member in old.infolist():
            new.writestr(member.filename.removeprefix("V-1/"), old.read(member))
    assert ours(again).code == 0


def add(path: Path, name: str, content: bytes, mode: int = 0o100644) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        member = zipfile.ZipInfo(f"V-1/{name}")
        member.create_system, member.external_attr = 3, mode << 16
        archive.writestr(member, content)


def replace_bytes(old: bytes, new: bytes, count: int) -> Callable[[Path], None]:
    def act(path: Path) -> None:
        content = path.read_bytes()
        assert old in content
        path.write_bytes(content.replace(old, new, count))

    return act


def doubled(path: Path) -> None:
    """A second member of the same name: some unpackers keep the first, some the last."""
    with pytest.warns(UserWarning, match="Duplicate name"):
        add(path, "data/case.json", b"{}")


TAMPER: dict[str, tuple[Callable[[Path], object], str]] = {
    "byte in a report": (replace_bytes(b"<p>report</p>", b"<p>REPORT</p>", 1), "files"),
    "stray member": (lambda p: add(p, "data/stray.txt", b"x"), "unlisted"),
    "member with ..": (lambda p: add(p, "../../stray.txt", b"x"), "unlisted"),
    "member doubled": (doubled, "links"),
    "link": (lambda p: add(p, "data/link", b"/etc/passwd", 0o120777), "links"),
    "names of the two headers differ": (replace_bytes(b"V-1/data/case.json", b"V-1/data/CASE.json", 1), "files"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", TAMPER)
def test_tampering_with_the_zip_is_named(package: Path, name: str) -> None:
    act, check = TAMPER[name]
    act(package)
    said = ours(package)
    assert said.code == 3
    assert check in said.problems, said.words


def test_a_bomb_is_not_unpacked(package: Path) -> None:
    """A member of a listed file's name that says it is a gibibyte of zeros: other size, not read."""
    with (
        pytest.warns(UserWarning, match="Duplicate name"),
        zipfile.ZipFile(package, "a", zipfile.ZIP_DEFLATED) as archive,
    ):
        archive.writestr("V-1/seal/SEAL.txt", bytes(64 << 20))
    assert "links" in ours(package).problems


@pytest.mark.parametrize("size", [0, 4, 5000])
def test_a_cut_zip_is_no_zip(package: Path, size: int) -> None:
    package.write_bytes(package.read_bytes()[:size])
    with pytest.raises(EvidenceError, match="no ZIP"):
        ZipBag(package)


def test_the_verb_takes_a_folder_with_the_same_answers(package: Path, folder: Path, tmp_path: Path) -> None:
    shutil.unpack_archive(package, tmp_path / "out")
    assert ours(tmp_path / "out" / "V-1").verdicts == ours(package).verdicts == ours(folder).verdicts
