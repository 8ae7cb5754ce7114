"""A package in its ZIP is checked where it lies; what other unpackers would see instead is named."""

from __future__ import annotations

import os
import shutil
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from shellcase.errors import EvidenceError
from shellcase.handout.zipped import write_zip
from shellcase.seal.checks_zip import ZipBag
from shellcase.seal.zipform import Member, directory_entry, end, local_header
from tests.seal.sealed import in_a_clean_process, ours, seal_twice


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
    assert in_a_clean_process(package).code == 0
    assert said.verdicts["leaves"] == "ok"
    assert [p.name for p in package.parent.iterdir()] == ["package.zip"]


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zipped_anew_by_another_program_its_files_are_the_same(package: Path, how: int) -> None:
    """Every file is as sealed, but the ZIP is not the one that was handed over, and that is said."""
    again = package.with_name("again.zip")
    with zipfile.ZipFile(package) as old, zipfile.ZipFile(again, "w", how) as new:
        for member in old.infolist():
            new.writestr(member.filename, old.read(member))
    said = ours(again)
    assert (said.code, said.problems) == (3, {"links"}), said.words


def test_the_writer_makes_what_python_makes(folder: Path, package: Path) -> None:
    """Header by header what Python 3.11's writer puts down, so that every unpacker reads it."""
    again = package.with_name("again.zip")
    with zipfile.ZipFile(again, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()):
            member = zipfile.ZipInfo(f"V-1/{path}")
            member.create_system, member.external_attr = 3, 0o100644 << 16
            archive.writestr(member, (folder / path).read_bytes())
    assert again.read_bytes() == package.read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="the file of 5 GiB is a hole, which other systems write out")
def test_members_beyond_4_gib_are_found_by_another_reader(tmp_path: Path) -> None:
    """Sizes and offsets in the 64-bit form: Python's reader finds the small member behind 5 GiB, and its bytes."""
    big = Member("V-1/big", 5 << 30, 7, 0)
    small = Member("V-1/small", 3, zlib.crc32(b"abc"), len(local_header(big)) + big.size)
    with (tmp_path / "big.zip").open("wb") as out:
        out.write(local_header(big))
        out.seek(small.offset)
        out.write(local_header(small) + b"abc")
        start = out.tell()
        entries = directory_entry(big) + directory_entry(small)
        out.write(entries + end(2, start, len(entries)))
    with zipfile.ZipFile(tmp_path / "big.zip") as archive:
        found = [(m.filename, m.file_size, m.CRC, m.header_offset) for m in archive.infolist()]
        assert archive.read("V-1/small") == b"abc"
    assert found == [tuple(big), tuple(small)]


def test_seventy_thousand_members_are_found_by_another_reader(tmp_path: Path) -> None:
    """More than the 16 bits of the old form can count."""
    names = [f"V-1/{n:05d}" for n in range(70_000)]
    entries = b"".join(directory_entry(Member(n, 0, 0, 0)) for n in names)
    (tmp_path / "many.zip").write_bytes(entries + end(len(names), 0, len(entries)))
    with zipfile.ZipFile(tmp_path / "many.zip") as archive:
        assert archive.namelist() == names


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


# -- the container ----------------------------------------------------------------------------------------------------


def parts(package: Path) -> tuple[bytes, int]:
    """The bytes, and where the directory at the end begins."""
    content = package.read_bytes()
    return content, int.from_bytes(content[-6:-2], "little")


def spliced(at: int, junk: bytes, *, repaired: bool) -> Callable[[Path], None]:
    """Bytes put in before the directory (`at` 0 or the directory's start), with every offset put right or not."""

    def act(path: Path) -> None:
        content, start = parts(path)
        where = start if at < 0 else at
        made = bytearray(content[:where] + junk + content[where:])
        if repaired:
            made[-6:-2] = (start + len(junk)).to_bytes(4, "little")
            entry = start + len(junk)
            while made[entry : entry + 4] == b"PK\1\2":
                offset = int.from_bytes(made[entry + 42 : entry + 46], "little")
                made[entry + 42 : entry + 46] = (offset + (len(junk) if where == 0 else 0)).to_bytes(4, "little")
                entry += 46 + sum(int.from_bytes(made[entry + n : entry + n + 2], "little") for n in (28, 30, 32))
        path.write_bytes(made)

    return act


def commented(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"call this number"


def behind(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"and more")


def foreign(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(zipfile.ZipInfo("AUTORUN.INF"), b"open=x")


def folder_with_content(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(zipfile.ZipInfo("V-1/seal/"), b"what a folder holds")


def poke(local: bool, field: int, new: bytes) -> Callable[[Path], None]:
    """Other bytes in a field of the first local header, or of the first entry of the directory."""

    def act(path: Path) -> None:
        content, start = parts(path)
        base = 0 if local else start
        path.write_bytes(content[: base + field] + new + content[base + field + len(new) :])

    return act


def both_crcs(path: Path) -> None:
    """The same wrong CRC before the bytes and in the directory."""
    poke(True, 14, b"\1\2\3\4")(path)
    poke(False, 16, b"\1\2\3\4")(path)


def with_a_field(path: Path) -> None:
    """An extra field that says another name, as Info-ZIP's unicode path does."""
    with zipfile.ZipFile(path) as old:
        kept = [(m, old.read(m)) for m in old.infolist()]
    with zipfile.ZipFile(path, "w") as new:
        for number, (member, content) in enumerate(kept):
            member.extra = b"\x75\x70\x05\x00\x01abcd" if number == 3 else b""
            new.writestr(member, content)


HIDDEN = local_header(Member("V-1/data/case.json", 38, 0, 0)) + b"a member that only some unpackers meet"
CONTAINER: dict[str, tuple[Callable[[Path], object], str]] = {
    "bytes before, offsets left": (spliced(0, b"#!/bin/sh\n", repaired=False), "at byte 0"),
    "bytes before, offsets right": (spliced(0, b"#!/bin/sh\n", repaired=True), "10 bytes that no member has"),
    "bytes before the directory": (spliced(-1, b"hidden", repaired=True), "6 bytes that no member has"),
    "a member not in the directory": (spliced(-1, HIDDEN, repaired=True), "directory at the end does not list"),
    "a comment": (commented, "the end of the directory is another"),
    "bytes behind": (behind, "bytes behind the end"),
    "a member outside the folder": (foreign, "outside the bag's folder"),
    "a folder with content": (folder_with_content, "an entry for a folder"),
    "an extra field": (with_a_field, "the header before its bytes is another"),
    "another time before the bytes": (poke(True, 10, b"\x11\x22"), "the header before its bytes is another"),
    "another time in the directory": (poke(False, 12, b"\x11\x22"), "the directory's entry is another"),
    "another mode": (poke(False, 40, b"\xed\x81"), "the directory's entry is another"),
    "another CRC before the bytes": (poke(True, 14, b"\1\2\3\4"), "the header before its bytes is another"),
    "another CRC in both": (both_crcs, "the CRC is not that of its bytes"),
}


@pytest.mark.parametrize("name", CONTAINER)
def test_a_zip_that_is_not_as_it_was_written_is_named(package: Path, name: str) -> None:
    """All files in it may be as sealed: the ZIP itself says more, or something else to another unpacker."""
    act, says = CONTAINER[name]
    act(package)
    said = ours(package)
    assert said.code == 3
    assert "links" in said.problems, said.words
    assert says in said.words
    assert "at byte" in said.words
    other = in_a_clean_process(package)
    assert other.code == 3
    assert "links" in other.problems, other.words


def test_two_names_for_the_same_bytes_are_not_read_twice(package: Path) -> None:
    """A small ZIP of which many members claim the same huge stretch."""
    content, start = parts(package)
    made = bytearray(content)
    second = start + 46 + int.from_bytes(made[start + 28 : start + 30], "little")
    made[second + 42 : second + 46] = bytes(4)
    package.write_bytes(made)
    said = ours(package)
    assert "shares its bytes with another; not read" in said.words
