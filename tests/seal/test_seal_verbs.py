"""`keygen`, `seal` and `seal add-timestamp` as people type them: words, files, exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer

from shellcase.case import Case
from shellcase.cli import main
from shellcase.seal.keys import load_key
from tests.seal.bags import assert_valid_bag, small_case


@dataclass(frozen=True)
class Said:
    """What a call printed, and its exit code."""

    code: int
    out: str
    err: str


Shellcase = Callable[..., Said]


@pytest.fixture
def shellcase(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shellcase:
    """Run the program in this process."""

    def call(*words: str | Path) -> Said:
        monkeypatch.setattr(sys, "argv", ["shellcase", *map(str, words)])
        capsys.readouterr()
        code = main()
        out, err = capsys.readouterr()
        return Said(code, out, err)

    return call


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return small_case(tmp_path / "case")


@pytest.fixture
def key(tmp_path: Path, shellcase: Shellcase) -> Path:
    assert shellcase("keygen", "--out", tmp_path / "key", "--no-passphrase").code == 0
    return tmp_path / "key"


def test_seal_says_what_to_send_to_counsel(shellcase: Shellcase, root: Path, key: Path) -> None:
    said = shellcase("seal", root, "--key", key)
    assert said.code == 0
    fingerprint = load_key(key, lambda _: b"").fingerprint
    assert fingerprint in said.out
    assert "less than a day old" in said.out
    assert "SEAL.txt to counsel today" in said.out
    assert_valid_bag(root)


def test_an_unsigned_seal_is_called_so_in_words_and_json(shellcase: Shellcase, root: Path) -> None:
    summary = json.loads(shellcase("seal", "--json", root).out)
    assert (summary["signed"], summary["label"]) == (False, "hash-sealed, not signed")
    assert (summary["new"], summary["finished"]) == (True, True)
    again = shellcase("seal", root)
    assert again.code == 0
    assert "nothing changed since the seal of" in again.out
    assert "hash-sealed, not signed" in again.out


def test_an_unfinished_case_is_called_so(shellcase: Shellcase, tmp_path: Path) -> None:
    said = shellcase("seal", small_case(tmp_path / "case", finished=False))
    assert said.code == 0
    assert "The case is unfinished" in said.out


def test_what_changed_is_listed(shellcase: Shellcase, root: Path) -> None:
    shellcase("seal", root)
    Case.open(root).write_bytes("custody.jsonl", b"{}\n")
    assert "  data/custody.jsonl" in shellcase("seal", root).out


def test_the_passphrase_comes_from_a_file(shellcase: Shellcase, root: Path, tmp_path: Path) -> None:
    right, wrong, empty = (tmp_path / n for n in ("right", "wrong", "empty"))
    right.write_bytes(b"two words\r\nsecond line\n")
    wrong.write_bytes(b"other\n")
    empty.write_bytes(b"\n")
    key = tmp_path / "key"
    assert shellcase("keygen", "--out", key, "--passphrase-file", right).code == 0
    for file, says in ((wrong, "does not open the key"), (empty, "file is empty"), (tmp_path / "no", "no such")):
        said = shellcase("seal", root, "--key", key, "--passphrase-file", file)
        assert said.code == 2
        assert says in said.err
        assert "what to do" in said.err
    assert not (root / "seal").exists()
    assert shellcase("seal", root, "--key", key, "--passphrase-file", right).code == 0
    written = b"".join(p.read_bytes() for p in root.rglob("*") if p.is_file())
    assert b"two words" not in written


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Answers for the prompts of a terminal."""

    def answer(*texts: str) -> None:
        left: Iterator[str] = iter(texts)
        monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
        monkeypatch.setattr(typer, "prompt", lambda *_args, **_options: next(left))

    return answer


def test_the_passphrase_is_asked_twice_and_then_once(
    shellcase: Shellcase, root: Path, tmp_path: Path, typed: Callable[..., None]
) -> None:
    typed("one", "other")
    said = shellcase("keygen", "--out", tmp_path / "key")
    assert said.code == 2
    assert "differ" in said.err
    assert not (tmp_path / "key").exists()
    typed("one", "one", "one")
    assert "with a passphrase" in shellcase("keygen", "--out", tmp_path / "key").out
    assert shellcase("seal", root, "--key", tmp_path / "key").code == 0


def test_without_a_terminal_nothing_waits_for_a_passphrase(
    shellcase: Shellcase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    said = shellcase("keygen", "--out", tmp_path / "key")
    assert said.code == 2
    assert "--no-passphrase" in said.err
    assert list(tmp_path.iterdir()) == []


def test_a_key_is_never_overwritten(shellcase: Shellcase, key: Path) -> None:
    before = key.read_bytes()
    said = shellcase("keygen", "--out", key, "--no-passphrase")
    assert said.code == 2
    assert "exists already" in said.err
    assert key.read_bytes() == before


def test_a_changed_object_ends_with_3(shellcase: Shellcase, root: Path) -> None:
    victim = next(p for p in (root / "data/evidence/objects").rglob("*") if p.is_file())
    victim.chmod(0o644)
    victim.write_bytes(b"other")
    said = shellcase("seal", root)
    assert said.code == 3
    assert victim.name in said.err


def test_a_folder_that_is_no_case_ends_with_2(shellcase: Shellcase, tmp_path: Path) -> None:
    assert shellcase("seal", tmp_path).code == 2
    assert shellcase("seal").code == 2
    assert shellcase("seal", "add-timestamp", tmp_path, tmp_path / "reply").code == 2


def test_a_request_is_written_even_for_a_seal_that_stands(shellcase: Shellcase, root: Path) -> None:
    shellcase("seal", root)
    assert not (root / "seal/manifest.json.tsq").exists()
    said = shellcase("seal", root, "--tsq")
    assert "no new seal" in said.out
    assert "manifest.json.tsq to a time-stamp authority" in said.out
    assert_valid_bag(root)
    assert not (root / "seal-0001").exists()


def test_a_case_may_be_called_like_the_verb(
    shellcase: Shellcase, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root.rename(tmp_path / "add-timestamp")
    monkeypatch.chdir(tmp_path)
    assert shellcase("seal", "./add-timestamp").code == 0
    assert_valid_bag(tmp_path / "add-timestamp")
