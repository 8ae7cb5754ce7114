"""What an opposing expert tried in an afternoon, with the code and without the key, and both verifiers passed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from shellcase.case import Case
from shellcase.cli import program
from shellcase.handout.zipped import write_zip
from shellcase.seal import merkle, standalone
from shellcase.seal.canonical import canonical
from shellcase.seal.case import seal_case
from shellcase.seal.checks_base import survey
from shellcase.seal.composing import Additions
from shellcase.seal.keys import make_key
from shellcase.timeline import Timeline
from tests.seal.opponent import CMS, LOG, STAMP, Made, both, sealed_twice
from tests.seal.sealed import alone, forge, in_a_clean_process, ours, relist


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return sealed_twice(tmp_path_factory.mktemp("opponent"))


@pytest.fixture
def root(made: Made, tmp_path: Path) -> Path:
    shutil.copytree(made[0], tmp_path / "copy")
    return tmp_path / "copy"


def test_untouched_all_is_in_order(root: Path) -> None:
    for said in both(root):
        assert said.code == 0, said.words


# -- the log of hand-outs ---------------------------------------------------------------------------------------------


def invented(root: Path, **fields: Any) -> bytes:  # noqa: ANN401 - what a stranger writes
    digest = hashlib.sha256((root / "seal/manifest.json").read_bytes()).hexdigest()
    first = hashlib.sha256(f"case-handouts-v1\n{digest}".encode()).hexdigest()
    line = {"seq": 1, "prev": first, "t": "2026-11-22T12:00:00+00:00", "run": "0001", "op": "package", "args": {}}
    return canonical(line | fields) + b"\n"


def test_a_log_of_hand_outs_that_anybody_wrote_is_not_called_sealed(root: Path) -> None:
    for content, word in ((invented(root), "1 \\u00d7 package"), (b"", "holds no line")):
        (root / LOG).write_bytes(content)
        for said in both(root):
            assert said.code == 0
            assert word in said.words
            assert "anybody could have written it anew" in said.words


BENT: dict[str, Callable[[Path], bytes]] = {
    "words for a time": lambda r: invented(r, t="2020, before the seal, as agreed"),
    "a name twice": lambda r: invented(r).replace(b'"op":', b'"op":"erase","op":'),
    "one field more": lambda r: invented(r, verified="yes"),
    "blanks": lambda r: b"  " + invented(r),
    "a list of arguments": lambda r: invented(r, args={"to": ["x"]}),
}


@pytest.mark.parametrize("name", BENT)
def test_a_line_of_it_is_spelt_as_the_program_spells_it(root: Path, name: str) -> None:
    (root / LOG).write_bytes(BENT[name](root))
    for said in both(root):
        assert said.problems == {"audit"}, said.words
        assert "as agreed" not in said.words


# -- excerpts ---------------------------------------------------------------------------------------------------------


def excerpt(root: Path) -> str:
    case = Case.look(root)
    with closing(Timeline.connect(case.timeline_folder())) as timeline:
        rows = timeline.events("http_status = 200")
    return bytes(merkle.excerpt_document(root, rows, merkle.salt_key(case), ["subject"])).decode()


def test_a_name_given_twice_makes_no_excerpt(root: Path, tmp_path: Path) -> None:
    """A reader that takes the first, or a person who reads from the top, sees what was never proven."""
    good, path = excerpt(root), tmp_path / "e.json"
    for text, code in (
        (good, 0),
        ("{" + '"events": [{"event_id": "an invention"}],' + good.lstrip()[1:], 4),
        (good.replace('"value":', '"value": "an invention", "value":', 1), 4),
    ):
        path.write_text(text)
        assert standalone.check_excerpt(str(path), None)[0].exit_code() == code


def test_an_excerpt_names_its_case(root: Path, tmp_path: Path) -> None:
    """By the same key there may be another case: an excerpt of that one was in perfect order, and did not say so."""
    (tmp_path / "e.json").write_text(excerpt(root))
    answers, _ = standalone.check_excerpt(str(tmp_path / "e.json"), None)
    assert "case V-1, seal number 2" in answers.why[2]
    for said in both(root):
        assert "case V-1, seal number 2" in said.words


# -- history ----------------------------------------------------------------------------------------------------------


def test_a_log_that_the_signer_rewrote_after_an_older_seal_is_named(made: Made, root: Path) -> None:
    """The newest seal was made over another past than the one before it; each for itself was in order."""
    log, lines = root / "data/audit.jsonl", []
    head = hashlib.sha256(b"case-audit-v1\nV-1").hexdigest()
    for number, line in enumerate(log.read_bytes().splitlines()):
        value = json.loads(line) | {"prev": head} | ({"t": "2001-01-01T00:00:00+00:00"} if number == 2 else {})
        lines.append(canonical(value))
        head = hashlib.sha256(lines[-1]).hexdigest()
    log.write_bytes(b"\n".join(lines) + b"\n")
    (root / STAMP).unlink()
    (root / CMS).unlink()
    (root / "seal/manifest.json.tsq").unlink()
    forge(root, made[1], lambda m: m["audit"].update(head=head) or m.update(
        after=[a for a in m["after"] if not a.endswith((".p7s", ".tsq"))]
    ))  # fmt: skip
    for said in (ours(root), alone(root)):
        assert said.problems == {"audit"}, said.words
        assert "seal-0001/manifest.json sealed" in said.words


def test_a_seal_by_another_key_than_the_one_before_says_so(root: Path, tmp_path: Path) -> None:
    """Without --key anybody can seal again; the change of hands must not be read out of two fingerprints."""
    (root / "data/evidence/files.csv").write_text("another list\n")
    seal_case(root, make_key(tmp_path / "mine", "an opponent", b""), Additions(), datetime.now(UTC))
    for said in (ours(root), alone(root)):
        assert said.code == 0
        assert said.words.count("ANOTHER KEY than this seal's") == 2


# -- the package's ZIP ------------------------------------------------------------------------------------------------


def test_the_folder_in_a_packages_zip_keeps_its_name(made: Made, root: Path, tmp_path: Path) -> None:
    """It is what a receiver sees first, and nothing in the seal held it."""
    words = ("package", root, tmp_path / "p.zip", "--for", "production", "--key", made[1].path, "-q")
    assert CliRunner().invoke(program(), [str(w) for w in words]).exit_code == 0
    with zipfile.ZipFile(tmp_path / "p.zip") as archive:
        archive.extractall(tmp_path / "out")
    [folder] = (tmp_path / "out").iterdir()
    for name, problems in ((folder.name, set[str]()), ("V-2-as-approved-by-the-court", {"links"})):
        write_zip(folder, name, tmp_path / f"{name}.zip")
        for said in (ours(tmp_path / f"{name}.zip"), in_a_clean_process(tmp_path / f"{name}.zip")):
            assert said.problems == problems, said.words


# -- what costs nothing to make and hours to read ---------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="Windows fills holes")
@pytest.mark.parametrize("name", ["data/audit.jsonl", "data/custody.jsonl", "data/evidence/collected.jsonl", LOG])
def test_a_log_of_holes_is_not_read(root: Path, name: str) -> None:
    """Three TiB of zeros held both verifiers for days."""
    path = root / name
    path.touch()
    path.chmod(0o644)
    os.truncate(path, 3 << 40)
    for said in (ours(root), alone(root)):
        assert said.code == 3
        assert name in said.words


def test_a_stray_report_of_any_size_is_not_taken_apart(root: Path) -> None:
    """300 MB of `0,` cost verify.py two minutes and two GiB, though no seal lists the file."""
    (root / "data/reports/R9").mkdir()
    with (root / "data/reports/R9/result.json").open("wb") as fh:
        fh.write(b"[")
        fh.truncate(200 << 20)
    bag, folder = survey(root), standalone.Folder(str(root))
    bag.limits = folder.limits = {"data/case.json": 10}
    assert bag.read("data/reports/R9/result.json") is None
    assert folder.read("data/reports/R9/result.json") is None
    for said in (ours(root), alone(root)):
        assert said.problems == {"unlisted", "citations"}


# -- modes, and last words --------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such bits")
def test_set_id_bits_on_all_files_are_named(root: Path) -> None:
    """On every file at once they passed for those of a file system that keeps no modes; none gives set-id bits."""
    relist(root)
    for path in root.rglob("*"):
        if path.is_file():
            path.chmod(0o4755)
    for said in (ours(root), alone(root)):
        assert said.problems == {"links"}, said.words
        assert "set-id" in said.words


def test_the_last_line_says_no_more_than_was_asked() -> None:
    """“Nothing differs” alone was read as “it is his, and it is the newest”."""
    assert standalone.nothing_differs(True, True) == "Nothing differs from the seal."
    said = standalone.nothing_differs(False, False)
    assert "NOT CHECKED: whose seal it is (--key), whether it is the last one (--manifest)" in said
