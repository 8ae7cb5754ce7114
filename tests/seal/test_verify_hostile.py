"""Folders made to hurt the verifier, and what people see of it on the command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shellcase.cli import main
from shellcase.seal.keys import SigningKey
from shellcase.seal.layout import MANIFEST, SIGNATURE
from tests.seal.sealed import STANDALONE, alone, ours, relist, seal_twice


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SigningKey]:
    return seal_twice(tmp_path_factory.mktemp("sealed"))


@pytest.fixture
def root(original: tuple[Path, SigningKey], tmp_path: Path) -> Path:
    shutil.copytree(original[0], tmp_path / "copy")
    return tmp_path / "copy"


def test_many_stray_files_are_counted_and_some_named(root: Path) -> None:
    folder = root / "data" / "stray"
    folder.mkdir()
    for n in range(5000):
        (folder / f"{n}").touch()
    for said in (ours(root), alone(root)):
        assert said.problems == {"unlisted"}
        assert '"problem_count": 5000' in said.words
        assert len(said.words) < 1_000_000


def test_deep_folders_end_somewhere(root: Path) -> None:
    """Deeper than the longest path of this system; neither recursion nor a crash."""
    here = Path.cwd()
    os.chdir(root / "data")
    try:
        for _ in range(400):
            Path("d" * 30).mkdir()
            os.chdir("d" * 30)
    finally:
        os.chdir(here)
    try:
        for said in (ours(root), alone(root)):
            assert said.code == 3
            assert "links" in said.problems
    finally:
        _take_down(root / "data", "d" * 30)


def _take_down(top: Path, name: str) -> None:
    """Bring the deep end up, a piece at a time, where the system's own removal gives up."""
    while (top / name).exists():
        deep = top / name
        for _ in range(50):
            if not (deep / name).exists():
                break
            deep /= name
        if (deep / name).exists():
            (deep / name).rename(top / "rest")
        shutil.rmtree(top / name)
        if (top / "rest").exists():
            (top / "rest").rename(top / name)


@pytest.mark.skipif(os.name == "nt", reason="such names cannot be written there")
def test_names_that_are_no_text_or_turn_the_terminal(root: Path) -> None:
    """Bytes that are no UTF-8, control characters, reversed reading order: told, never printed as they are."""
    for name in (b"\xff\xfe", b"\x1b[31mred", "\u202egnp.exe".encode(), b"new\nline", b"a" * 250):
        Path(os.fsdecode(os.fsencode(root / "data") + b"/" + name)).touch()
    for said in (ours(root), alone(root)):
        assert said.code == 3
        assert '"problem_count": 5' in said.words
    command = [sys.executable, "-I", str(root / "seal/verify.py")]
    printed = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert printed.returncode == 3
    for raw in (b"\x1b", "\u202e".encode(), b"\xff"):
        assert raw not in printed.stdout


def test_a_giant_of_holes_is_not_read(root: Path) -> None:
    """A listed file that claims a terabyte differs by its size, and the seal's own are small: none is read."""
    for name in (
        "data/reports/R1/result.json",
        "data/case.json",
        "seal/SEAL.txt",
        "seal/leaves.bin",
        MANIFEST + ".sig",
    ):
        with (root / name).open("r+b") as fh:
            fh.write(b"x")
            try:
                fh.truncate(1 << 40)
            except OSError:
                pytest.skip("no sparse files here")
    for said in (ours(root), alone(root)):
        assert {"files", "leaves", "signature"} <= said.problems
        assert "has another size" in said.words


def test_a_line_without_end_is_read_in_pieces(root: Path) -> None:
    (root / "data/evidence/collected.jsonl").write_bytes(b"x" * (40 << 20))
    for said in (ours(root), alone(root)):
        assert said.code == 3
        assert "objects" in said.problems


FILES = (
    *("seal/manifest.json", "seal/manifest.json.sig", "seal/work.json", "seal/leaves.bin", "seal/SEAL.txt"),
    *("manifest-sha256.txt", "tagmanifest-sha256.txt", "bag-info.txt", "data/audit.jsonl", "data/work/findings.json"),
    *("data/evidence/collected.jsonl", "data/evidence/digest.json", "data/reports/R1/result.json", "data/withheld.csv"),
    *("seal/manifest.json.tsr", "data/evidence/timeline/source=SRC-01/iis-0.parquet", "seal-0001/manifest.json"),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(FILES), st.binary(max_size=300), st.integers(0, 2**32), st.sampled_from(("all", "cut", "within"))
)
def test_garbage_in_any_file_is_a_problem_and_no_crash(
    original: tuple[Path, SigningKey], name: str, garbage: bytes, place: int, how: str
) -> None:
    """Whatever the bytes: exit code 3 or 4 in both, the same in both, and the case is as it was afterwards."""
    root = original[0]
    path = root / name
    before = path.read_bytes() if path.exists() else None
    old = before or b""
    at = place % (len(old) + 1)
    new = {"all": garbage, "cut": old[:at], "within": old[:at] + garbage + old[at + len(garbage) :]}[how]
    path.write_bytes(new)
    try:
        mine, other = ours(root), alone(root)
        assert mine.code == other.code, (mine.words, other.words)
        assert mine.code == (0 if new == before else mine.code)
        assert new == before or mine.code in (3, 4)
    finally:
        path.write_bytes(old) if before is not None else path.unlink()


# -- the command line -------------------------------------------------------------------------------------------------

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def verify(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    def call(*words: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["shellcase", "verify", *map(str, words)])
        capsys.readouterr()
        code = main()
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_people_read_verdicts_and_reasons(verify: Call, root: Path, original: tuple[Path, SigningKey]) -> None:
    code, out, _ = verify(root, "--key", original[1].fingerprint)
    assert code == 0
    assert "Nothing differs from the seal." in out
    assert "NOT CHECKED  13  Source image" in out
    assert len([line for line in out.splitlines() if line.startswith(("OK ", "NOT CHECKED "))]) == 14
    (root / "data/case.json").unlink()
    code, out, _ = verify(root)
    assert code == 3
    assert "data/case.json: a listed file is missing" in out
    assert "Something differs or is missing." in out


def test_programs_read_json(verify: Call, root: Path) -> None:
    code, out, _ = verify(root, "--json")
    said = json.loads(out)
    assert (code, said["exit_code"], said["schema"], said["kind"]) == (0, 0, "shellcase.verify/1", "case")
    assert [c["number"] for c in said["checks"]] == list(range(1, 15))
    assert len({c["name"] for c in said["checks"]}) == 14
    assert {"name", "verdict", "why", "problems", "problem_count", "notes"} <= said["checks"][0].keys()


def test_what_is_no_seal_ends_with_4_and_what_is_no_folder_with_2(verify: Call, root: Path, tmp_path: Path) -> None:
    (root / MANIFEST).unlink()
    code, out, _ = verify(root)
    assert code == 4
    assert "This is no readable seal." in out
    (tmp_path / "empty").mkdir()
    assert verify(tmp_path / "empty")[0] == 4
    code, _, err = verify(tmp_path / "nothing")
    assert code == 2
    assert "what to do" in err
    (tmp_path / "package.zip").write_bytes(b"PK")
    code, _, err = verify(tmp_path / "package.zip")
    assert code == 4
    assert "no ZIP that can be read" in err
    assert verify(root, "--key", "nonsense")[0] == 2


def test_a_case_without_a_seal_is_told_to_be_sealed(verify: Call, root: Path) -> None:
    """Somebody who forgot it, and somebody who looks at a case whose seal was taken away, read the same."""
    for name in ("seal", "seal-0001"):
        shutil.rmtree(root / name)
    code, out, _ = verify(root)
    assert code == 4
    assert "run `shellcase seal CASE`" in out
    assert "never sealed, or its seal was removed" in alone(root).words


def test_an_excerpt_is_known_by_its_first_byte(verify: Call, tmp_path: Path) -> None:
    """The verb does not answer that it is no ZIP; the shipped verifier does the same without --excerpt."""
    (tmp_path / "excerpt.json").write_text('{"schema": "shellcase.excerpt/1"}', "ascii")
    code, out, _ = verify(tmp_path / "excerpt.json")
    assert code == 4
    assert "no excerpt that can be read" in out
    command = [sys.executable, "-I", str(STANDALONE), str(tmp_path / "excerpt.json")]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert done.returncode == 4
    assert b"no excerpt that can be read" in done.stdout


def test_the_number_that_was_mailed_is_compared(verify: Call, root: Path) -> None:
    assert verify(root, "--manifest", "0" * 64)[0] == 3
    code, _, err = verify(root, "--manifest", "SHA256:abc")
    assert code == 2
    assert "a key's fingerprint goes to --key" in err


def test_the_wrong_key_ends_with_3(verify: Call, root: Path) -> None:
    code, out, _ = verify(root, "--key", "SHA256:AAAA")
    assert code == 3
    assert "a good signature, but by another key than the expected one" in out
    (root / SIGNATURE).unlink()
    relist(root)
    assert verify(root, "--key", "SHA256:AAAA")[0] == 3


def test_an_image_that_is_none_of_the_sources_is_told(verify: Call, root: Path, tmp_path: Path) -> None:
    (tmp_path / "disk.dd").write_bytes(bytes(1 << 20))
    code, out, _ = verify(root, "--source", tmp_path / "disk.dd")
    assert code == 3
    assert "PROBLEM      13" in out


def test_the_stand_alone_verifier_refuses_what_is_no_folder(tmp_path: Path) -> None:
    command = [sys.executable, "-I", str(STANDALONE), str(tmp_path / "none")]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert done.returncode == 2
    assert b"this is no folder" in done.stderr
