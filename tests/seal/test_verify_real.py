"""A case from a whole disk image, sealed as people do it, before both verifiers and foreign tools."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from shellcase.case import Case
from shellcase.cli import main
from tests.conftest import EX02
from tests.seal.bags import must
from tests.seal.sealed import STANDALONE, in_a_clean_process
from tests.tools import need

Call = Callable[..., tuple[int, str]]


@pytest.fixture
def shellcase(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    def call(*words: str | Path) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["shellcase", *map(str, words)])
        capsys.readouterr()
        code = main()
        return code, capsys.readouterr().out

    return call


@pytest.fixture(scope="module")
def once(ex02: Case, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """EX02's case, sealed with a key of its own; the folder that holds `case`, `key` and `key.pub`."""
    folder = tmp_path_factory.mktemp("sealed-real")
    shutil.copytree(ex02.root, folder / "case")
    for words in (
        ["keygen", "--out", folder / "key", "--no-passphrase"],
        ["seal", folder / "case", "--key", folder / "key", "-q"],
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["shellcase", *map(str, words)])
            assert main() == 0
    return folder


@pytest.fixture
def sealed(once: Path, tmp_path: Path) -> Path:
    """A copy of it for one test, and its keys beside it (`tmp_path/key`)."""
    shutil.copytree(once, tmp_path, dirs_exist_ok=True)
    return tmp_path / "case"


def test_a_real_case_with_its_source_is_in_order(sealed: Path, tmp_path: Path, shellcase: Call) -> None:
    """Every check that can be made says ok: key, files, objects, citations, digest, source, leaves."""
    code, out = shellcase("verify", sealed, "--json", "--key", tmp_path / "key.pub", "--source", EX02)
    said = json.loads(out)
    assert code == 0, out
    verdicts = {c["name"]: c["verdict"] for c in said["checks"]}
    assert [n for n, v in verdicts.items() if v != "ok"] == ["timestamp"], verdicts
    alone = in_a_clean_process(script=sealed / "seal/verify.py")
    assert (alone.code, alone.problems) == (0, set()), alone.words


def test_a_changed_source_is_told(sealed: Path, tmp_path: Path, shellcase: Call) -> None:
    """One bit of the disk image, which is then no longer what was examined."""
    content = bytearray(EX02.read_bytes())
    content[len(content) * 2 // 3] ^= 1
    (tmp_path / "EX02.qcow2").write_bytes(content)
    code, out = shellcase("verify", sealed, "-q", "--source", tmp_path / "EX02.qcow2")
    assert code == 3
    assert "PROBLEM      13" in out


def test_coreutils_and_openssh_agree(sealed: Path) -> None:
    """The same folder before `sha256sum -c` and `ssh-keygen -Y verify`."""
    need("sha256sum", "ssh-keygen")
    must("sha256sum", "-c", "--quiet", "manifest-sha256.txt", "tagmanifest-sha256.txt", cwd=sealed)
    words = ("-f", "seal/signers/allowed_signers", "-I", "examiner", "-n", "case-manifest@shellcase")
    manifest = (sealed / "seal/manifest.json").read_bytes()
    must("ssh-keygen", "-Y", "verify", *words, "-s", "seal/manifest.json.sig", stdin=manifest, cwd=sealed)


def test_excerpts_of_a_real_case_are_proven(sealed: Path, tmp_path: Path, shellcase: Call) -> None:
    """Made by the verb, checked by the file that lies in the seal."""
    words = ("--where", "kind = 'exchange.ecp.command'", "--out", tmp_path / "excerpt.json")
    assert shellcase("excerpt", sealed, *words)[0] == 0
    events = json.loads((tmp_path / "excerpt.json").read_bytes())["events"]
    said = in_a_clean_process("--excerpt", tmp_path / "excerpt.json", script=sealed / "seal/verify.py")
    assert (said.code, said.verdicts["leaves"]) == (0, "ok")
    assert f"{len(events)} events of" in said.words


def test_the_verifier_is_written_for_python_3_8() -> None:
    """Syntax that came later would end it on the machine of its receiver."""
    ast.parse(STANDALONE.read_text(encoding="utf-8"), feature_version=(3, 8))


_OTHERS = (pytest.param(version, marks=pytest.mark.slow) for version in ("3.9", "3.10", "3.12", "3.13"))


@pytest.mark.parametrize("version", ["3.8", *_OTHERS])
def test_other_pythons_say_the_same(version: str, sealed: Path) -> None:
    """Byte for byte, with nothing but their own library."""
    other = next(iter(sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))), None) or shutil.which(
        f"python{version}"
    )
    if other is None:
        pytest.skip(f"not installed: Python {version}")
    words = ("-I", sealed / "seal/verify.py", sealed)
    ours, theirs = (subprocess.run([p, *words], capture_output=True, check=False) for p in (sys.executable, other))
    assert (theirs.stdout, theirs.stderr, theirs.returncode) == (ours.stdout, b"", 0)
