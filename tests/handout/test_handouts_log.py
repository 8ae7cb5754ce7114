"""A sealed case stays byte for byte what was sealed: hand-outs are logged beside it, refused commands leave nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import bagit
import pytest
from typer.testing import CliRunner, Result

from shellcase.case import Case
from shellcase.cli import program
from shellcase.errors import IntegrityError
from shellcase.handout.opening import open_to_hand_out
from shellcase.paper.custody import Facts, add_entry
from shellcase.seal.case import seal_case
from shellcase.seal.composing import Additions
from shellcase.seal.keys import SigningKey, make_key
from tests.seal.bags import LATER, NOW
from tests.seal.sealed import Answer, alone, forge, ours, whole_case

LOG = "seal/handouts.jsonl"
Sealed = tuple[Path, SigningKey]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    folder = tmp_path_factory.mktemp("handing")
    key, root = make_key(folder / "key", "an examiner", b""), whole_case(folder / "case")
    add_entry(Case.open(root), Facts(item_or_source="CASE", action="received"))
    seal_case(root, key, Additions(), NOW)
    return root, key


@pytest.fixture
def sealed(made: Sealed, tmp_path: Path) -> Sealed:
    """A copy that each test may hand out from."""
    shutil.copytree(made[0], tmp_path / "case")
    return tmp_path / "case", made[1]


def say(*words: str | Path) -> Result:
    return CliRunner().invoke(program(), [str(w) for w in words])


def snapshot(root: Path) -> dict[str, bytes | None]:
    return {p.relative_to(root).as_posix(): p.read_bytes() if p.is_file() else None for p in root.rglob("*")}


def both(root: Path) -> tuple[Answer, ...]:
    return ours(root), alone(root)


HANDED_OUT: tuple[tuple[str, ...], ...] = (
    ("extract", "CASE", "ITEM-000001", "--out", "OUT/items"),
    ("export", "CASE", "--tree", "OUT/tree", "--tar", "OUT/tree.tar", "-q"),
    ("package", "CASE", "OUT/p.zip", "--for", "production", "-q"),
    ("excerpt", "CASE", "--where", "http_status = 200", "--out", "OUT/e.json"),
)


def filled(words: tuple[str, ...], root: Path, out: Path) -> list[str]:
    return [str(root) if w == "CASE" else w.replace("OUT", str(out)) for w in words]


def test_handing_out_does_not_break_the_seal(sealed: Sealed, tmp_path: Path) -> None:
    """Every sealed byte stays; the log names each hand-out; both verifiers, BagIt and sha256sum's list agree."""
    root, _ = sealed
    before = snapshot(root)
    (tmp_path / "out").mkdir()
    for words in HANDED_OUT:
        done = say(*filled(words, root, tmp_path / "out"))
        assert done.exit_code == 0, done.output
    after = snapshot(root)
    assert {p for p in before.keys() | after.keys() if before.get(p) != after.get(p)} == {LOG}
    lines = [json.loads(line) for line in (root / LOG).read_bytes().splitlines()]
    assert [line["op"] for line in lines] == ["extract", "tree", "tar", "package", "packaged", "excerpt"]
    assert lines[5]["args"]["where"] == "http_status = 200"
    for said in both(root):
        assert (said.code, said.problems) == (0, set()), said.words
        assert "handed out since the seal" in said.words
        assert "1 × excerpt" in said.words.encode().decode("unicode_escape")
    bagit.Bag(str(root)).validate()


REFUSED: dict[str, tuple[str, ...]] = {
    "excerpt of nothing": ("excerpt", "CASE", "--where", "false", "--out", "OUT/e.json"),
    "excerpt of a column that is not": (*HANDED_OUT[3], "--fields", "no_such"),
    "excerpt with wrong SQL": ("excerpt", "CASE", "--where", "(", "--out", "OUT/e.json"),
    "excerpt into the case": ("excerpt", "CASE", "--where", "true", "--out", "CASE/e.json"),
    "edition that is not": ("package", "CASE", "OUT/p.zip", "--for", "court", "--edition", "none-such", "-q"),
    "package over a file": ("package", "CASE", "OUT/there", "--for", "production", "-q"),
    "unknown audience": ("package", "CASE", "OUT/p.zip", "--for", "press", "-q"),
    "item that is not": ("extract", "CASE", "ITEM-999999", "--out", "OUT/items"),
    "malware": ("extract", "CASE", "ITEM-000002", "--out", "OUT/items"),
    "tree over files": ("export", "CASE", "--tree", "OUT", "-q"),
    "custody of nothing": ("custody", "add", "CASE", "--of", "SRC-77", "--action", "received"),
    "custody with no zone": ("custody", "add", "CASE", "--of", "CASE", "--action", "stored", "--time", "2021-03-09"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_command_leaves_nothing(sealed: Sealed, tmp_path: Path, name: str) -> None:
    """Not a line, not a run folder: the seal still holds."""
    root, _ = sealed
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "there").touch()
    before = snapshot(root)
    done = say(*filled(REFUSED[name], root, tmp_path / "out"))
    assert done.exit_code != 0, done.output
    assert snapshot(root) == before


def test_a_broken_record_is_not_printed_and_nothing_is_left(sealed: Sealed) -> None:
    """`custody print` and `custody add` check the record before they open the case for writing."""
    root, _ = sealed
    path = root / "data/custody.jsonl"
    path.write_bytes(path.read_bytes().replace(b"received", b"returned"))
    before = snapshot(root)
    for words in (("print", root), ("add", root, "--of", "CASE", "--action", "stored")):
        assert isinstance(say("custody", *words).exception, IntegrityError)
    assert snapshot(root) == before


def edited(old: bytes, new: bytes) -> Callable[[list[bytes]], list[bytes]]:
    return lambda lines: [line.replace(old, new) for line in lines]


SPOILT: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "edited": (edited(b"ITEM-000001", b"ITEM-000009"), "does not follow the one before it"),
    "first gone": (lambda lines: lines[1:], "does not follow the one before it"),
    "other work": (
        lambda lines: [*lines[:-1], lines[-1].replace(b'"op":"tar"', b'"op":"reviewed"')],
        "not about handing",
    ),
    "garbage": (lambda lines: [*lines, b"\xff\xfe\n"], "cannot be read"),
    "torn": (lambda lines: [*lines[:-1], lines[-1][:-9]], "without its end"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_log_of_hand_outs_is_named(sealed: Sealed, tmp_path: Path, name: str) -> None:
    root, _ = sealed
    (tmp_path / "out").mkdir()
    for words in HANDED_OUT[:2]:
        assert say(*filled(words, root, tmp_path / "out")).exit_code == 0
    change, says = SPOILT[name]
    (root / LOG).write_bytes(b"".join(change((root / LOG).read_bytes().splitlines(keepends=True))))
    for said in both(root):
        assert (said.code, said.problems) == (3, {"audit"}), said.words
        assert says in said.words


def test_the_log_of_another_seal_is_refused(sealed: Sealed, tmp_path: Path) -> None:
    """It is bound to the manifest it began at."""
    root, key = sealed
    assert say("extract", root, "ITEM-000001", "--out", tmp_path / "out").exit_code == 0
    log = (root / LOG).read_bytes()
    seal_case(root, key, Additions(), LATER)
    (root / LOG).write_bytes(log)
    for said in both(root):
        assert said.problems == {"audit"}, said.words


def test_the_next_seal_covers_it(sealed: Sealed, tmp_path: Path) -> None:
    """It lies in the former seal then, signed: an edit is found, and a new log begins at the new seal."""
    root, key = sealed
    assert say("extract", root, "ITEM-000001", "--out", tmp_path / "out").exit_code == 0
    assert seal_case(root, key, Additions(), LATER).new
    assert not (root / LOG).exists()
    assert open_to_hand_out(root).root == root
    assert say("extract", root, "ITEM-000001", "--out", tmp_path / "more").exit_code == 0
    for said in both(root):
        assert said.code == 0, said.words
    kept = root / "seal-0001/handouts.jsonl"
    kept.write_bytes(kept.read_bytes().replace(b"ITEM-000001", b"ITEM-000009"))
    for said in both(root):
        assert said.code == 3
        assert "seal-0001/handouts.jsonl" in said.words


@pytest.mark.parametrize("how", ["edited", "gone", "all gone"])
def test_the_last_custody_entry_is_held_by_the_audit_log(sealed: Sealed, how: str) -> None:
    """Sealed anew by somebody with the key, who did not think of the log: its chain names the entry's hash."""
    root, key = sealed
    path = root / "data/custody.jsonl"
    content = {"edited": path.read_bytes().replace(b"received", b"returned"), "gone": b""}
    if how in content:
        path.write_bytes(content[how])
    else:
        path.unlink()
    forge(root, key)
    for said in both(root):
        assert (said.code, said.problems) == (3, {"audit"}), said.words
        assert "custody" in said.words
