"""The shipped verifier takes a package in its ZIP, and a key in a file; it agrees with ours on every spoilt ZIP."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from shellcase.handout.zipped import write_zip
from shellcase.seal import standalone
from shellcase.seal.keys import SigningKey
from shellcase.seal.zipform import Member, directory_entry, end, local_header
from tests.seal.sealed import STANDALONE, alone, in_a_clean_process, ours, seal_twice
from tests.seal.test_verify_zip import CONTAINER, TAMPER


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SigningKey, Path]:
    root, key = seal_twice(tmp_path_factory.mktemp("sealed"))
    write_zip(root, "V-1", root.parent / "package.zip")
    return root, key, root.parent / "package.zip"


@pytest.fixture
def package(original: tuple[Path, SigningKey, Path], tmp_path: Path) -> Path:
    shutil.copy(original[2], tmp_path / "package.zip")
    return tmp_path / "package.zip"


def test_a_package_in_its_zip_has_the_answers_of_its_folder(
    original: tuple[Path, SigningKey, Path], package: Path
) -> None:
    said = in_a_clean_process(package, "--key", original[1].fingerprint)
    assert (said.code, said.problems) == (0, set()), said.words
    assert said.verdicts == alone(original[0]).verdicts
    assert [p.name for p in package.parent.iterdir()] == ["package.zip"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", [*TAMPER, *CONTAINER])
def test_both_verifiers_refuse_the_same_zips(package: Path, name: str) -> None:
    """A member that is not as our writer makes it is not read here, so further checks may speak too."""
    act, _ = (TAMPER | CONTAINER)[name]
    act(package)
    mine, other = ours(package), in_a_clean_process(package)
    assert (mine.code, other.code) == (3, 3), other.words
    if name != "byte in a report":
        assert "links" in other.problems, other.words
    assert "files" in other.problems or name != "byte in a report"


def test_a_compressed_member_is_not_unpacked(package: Path) -> None:
    with (
        pytest.warns(UserWarning, match="Duplicate name"),
        zipfile.ZipFile(package, "a", zipfile.ZIP_DEFLATED) as archive,
    ):
        archive.writestr("V-1/seal/SEAL.txt", bytes(64 << 20))
    said = in_a_clean_process(package)
    assert (said.code, said.problems) == (3, {"links"})


@pytest.mark.parametrize("size", [0, 4, 5000])
def test_a_cut_zip_ends_with_4_and_says_why(package: Path, size: int) -> None:
    package.write_bytes(package.read_bytes()[:size])
    done = subprocess.run([sys.executable, "-I", str(STANDALONE), str(package)], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (4, b"")
    assert b"this is no ZIP that can be read" in done.stderr


def test_headers_are_those_of_the_writer_beyond_4_gib_too() -> None:
    """Two programs wrote this down, and agree at all sizes."""
    for size, offset, name in ((3, 0, "a/b"), (5 << 30, 7, "a/b"), (3, 5 << 30, "a/b"), (5 << 30, 6 << 30, "a/\u00e9")):
        one = zipfile.ZipInfo(name)
        one.file_size = one.compress_size = size
        one.CRC, one.header_offset = 77, offset
        member = Member(name, size, 77, offset)
        assert standalone.local_header(one) == local_header(member)
        assert standalone.directory_entry(one) == directory_entry(member)
    for count, start, length in ((3, 9, 9), (70_000, 9, 9), (3, 5 << 30, 9)):
        assert standalone.directory_end(count, start, length) == end(count, start, length)


def run(*words: str | Path) -> tuple[int, str]:
    command = [sys.executable, "-I", str(STANDALONE), *map(str, words)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    return done.returncode, (done.stdout + done.stderr).decode()


def test_a_key_may_be_given_as_a_file(original: tuple[Path, SigningKey, Path], tmp_path: Path) -> None:
    """A wrong path is no wrong signature: that would be a false alarm."""
    root, key, _ = original
    assert run(root, "--key", f"{key.path}.pub")[0] == 0
    assert run(root, "--key", root / "seal/signers/allowed_signers")[0] == 0
    for wrong, words in (
        (tmp_path / "none.pub", "neither a fingerprint"),
        (root / "bagit.txt", "0 Ed25519 public keys"),
    ):
        code, said = run(root, "--key", wrong)
        assert code == 4
        assert words in said
    assert run(root, "--key", "SHA256:" + "A" * 43)[0] == 3


def test_the_mailed_number_is_taken_as_people_write_it(original: tuple[Path, SigningKey, Path]) -> None:
    root = original[0]
    page = (root / "seal/SEAL.txt").read_text("utf-8").splitlines()
    at = next(n for n, line in enumerate(page) if "which decides everything else" in line)
    code, said = run(root, "--manifest", f"{page[at + 2]} {page[at + 3]}".upper())
    assert code == 0
    assert "is the one that was given" in said
    assert run(root, "--manifest", "0" * 64)[0] == 3
    for wrong in ("abc", original[1].fingerprint, ""):
        code, said = run(root, "--manifest", wrong)
        assert code == 2
        assert "--manifest" in said
