"""Verification as people meet it: a run, a kill, the full pass later; exit codes, reports, and the same bytes again."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from collector.image import open_source
from shellcase.case import Case, CaseMeta
from shellcase.opening import close, open_case
from shellcase.run import Run, execute
from shellcase.sourcecheck import read_check, read_damage
from tests.collector import tamper
from tests.collector.fakes import as_e01
from tests.conftest import EX02, ROOT
from tests.tools import need

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small disk as E01."""
    need("ewfacquire")
    folder = tmp_path_factory.mktemp("verify-run")
    return as_e01(tamper.small_disk(folder), folder / "disk", "-c", "none")


def shellcase(*words: object) -> tuple[int, str]:
    """Exit code and output of a command."""
    command = [sys.executable, "-m", "shellcase", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    return done.returncode, done.stdout + done.stderr


def page(case: Path, version: str = "R1") -> str:
    """The report."""
    return (case / "data" / "reports" / version / "examiner.html").read_text(encoding="utf-8")


def names(folder: Path) -> set[str]:
    """What lies in a folder."""
    return {p.name for p in folder.iterdir()}


def damaged(image: Path, folder: Path) -> Path:
    """The image with a byte changed in a page that is collected."""
    copy = folder / image.name
    copy.write_bytes(image.read_bytes())
    with closing(open_source(copy)) as opened:
        handle = opened.volumes[0]
        assert handle.fs
        entry = handle.fs.tree(frozenset()).find(tamper.NOISE[4:])
        file = handle.fs.file(entry.record) if entry else None
        stream = file.stream("") if file else None
        assert stream
        at = handle.volume.offset + (stream.first_cluster or 0) * handle.fs.cluster + 70_000
    start, _end, _packed = tamper.chunk_at(copy, at // 32768)
    tamper.flip(copy, start + 100)
    return copy


def test_fast_then_full_later(image: Path, tmp_path: Path) -> None:
    """Pending with its share first; `verify-source` brings the verdict and a new version of the report."""
    case = tmp_path / "case"
    assert shellcase("run", image, "--case", case, "-q")[0] == 0
    said = read_check(Case.look(case))
    assert (said.mode, said.verdict) == ("fast", "pending")
    assert f"{said.percent} % of the source verified, full hash pending" in page(case)
    code, told = shellcase("verify-source", case, image, "-q")
    assert (code, told.splitlines()[0]) == (0, "SRC-01: data hash matches")
    assert "full hash pending" not in page(case, "R2")
    assert read_check(Case.look(case)).files[0].name == image.name
    code, told = shellcase("verify-source", case, image, "--again", "-q")
    assert "the same SHA-256 as before" in told


def test_full_waits_at_the_end_and_leaves_one_report(image: Path, tmp_path: Path) -> None:
    """The same analysis digest as a fast run, one version of the report, no hash pending in it."""
    fast, full = tmp_path / "fast", tmp_path / "full"
    assert shellcase("run", image, "--case", fast, "-q")[0] == 0
    code, told = shellcase("run", image, "--case", full, "--verify", "full", "-q")
    assert (code, "data hash matches" in told) == (0, True)
    assert names(full / "data" / "reports") == {"R1"}
    assert "pending" not in page(full)
    assert Case.look(fast).analysis_digest() == Case.look(full).analysis_digest() != ""
    shellcase("verify-source", fast, image, "-q")
    assert read_check(Case.look(fast)) == read_check(Case.look(full))


def test_none_is_stated(image: Path, tmp_path: Path) -> None:
    """Who switched it off finds that in the report."""
    assert shellcase("run", image, "--case", tmp_path / "case", "--verify", "none", "-q")[0] == 0
    assert "the source was not verified: --verify none" in page(tmp_path / "case")


@pytest.mark.parametrize("mode", ["fast", "full", "none"])
def test_damage_ends_with_3_and_a_banner(mode: str, image: Path, tmp_path: Path) -> None:
    """The rest is examined as usual; page one says what is damaged, section 10 which artefact."""
    copy = damaged(image, tmp_path)
    code, _told = shellcase("run", copy, "--case", tmp_path / "case", "--verify", mode, "-q")
    assert code == 3
    (damage,) = read_damage(Case.look(tmp_path / "case"))
    assert [f.path for f in damage.items] == [tamper.NOISE]
    text = page(tmp_path / "case")
    assert "A source is damaged or was changed" in text
    assert "Where the damage lies" in text


def changed(image: Path, folder: Path, number: int, *, raw: bool = False) -> Path:
    """The image with a byte of one chunk changed, under its own name."""
    copy = folder / image.name
    copy.write_bytes(image.read_bytes())
    start = number * 32768 if raw else tamper.chunk_at(copy, number)[0]
    tamper.flip(copy, start + 100)
    return copy


def test_another_source_is_refused(image: Path, tmp_path: Path) -> None:
    """2 for another image, with what differs; nothing is written."""
    case = tmp_path / "case"
    shellcase("collect", image, "--case", case, "-q")
    before = (case / "data" / "audit.jsonl").read_bytes()
    code, told = shellcase("verify-source", case, EX02, "-q")
    assert (code, (case / "data" / "audit.jsonl").read_bytes()) == (2, before)
    assert "not: size (" in told


@pytest.mark.parametrize("number", [0, 3, -32])
def test_damage_at_the_ends_is_damage_and_no_other_image(number: int, image: Path, tmp_path: Path) -> None:
    """The first and last MiB make the fingerprint: the set is known again all the same, and the chunk is named."""
    case = tmp_path / "case"
    shellcase("collect", image, "--case", case, "-q")
    with closing(open_source(image)) as opened:
        count = opened.end // 32768
        before = opened.fingerprint
    copy = changed(image, tmp_path, number % count)
    with closing(open_source(copy, bare=True)) as opened:
        assert opened.fingerprint != before, "the damage lies where the fingerprint looks"
    code, told = shellcase("verify-source", case, copy, "-q")
    assert code == 3
    assert told.startswith("SRC-01: container damaged; the data hash does not match")
    assert f"chunk {number % count} fails its checksum" in told
    assert read_check(Case.look(case)).verdict == "container damaged"


def test_a_raw_image_that_differs_at_its_start_is_told_piece_by_piece(tmp_path: Path) -> None:
    """Bytes without checksums may be another acquisition: 3, with what is alike and what is not; nothing is written."""
    image, case = tamper.small_disk(tmp_path), tmp_path / "case"
    shellcase("collect", image, "--case", case, "-q")
    (tmp_path / "copy").mkdir()
    copy = changed(image, tmp_path / "copy", 5, raw=True)
    before = (case / "data" / "audit.jsonl").read_bytes()
    code, told = shellcase("verify-source", case, copy, "-q")
    assert (code, (case / "data" / "audit.jsonl").read_bytes()) == (3, before)
    assert "1 pieces differ, at byte 163840" in told
    assert "alike: size, disk signature, serials of the volumes" in told


def test_the_text_says_which_hash_differs_and_which_files_are_touched(image: Path, tmp_path: Path) -> None:
    """Stored beside computed, with the section; the files of a bad chunk, by item where they were collected."""
    case = tmp_path / "case"
    shellcase("collect", image, "--case", case, "-q")
    _code, told = shellcase("verify-source", case, damaged(image, tmp_path), "-q")
    check = read_check(Case.look(case))
    (item,) = read_damage(Case.look(case))[0].items
    one = next(c for c in check.compared if c.algorithm == "sha1")
    assert f"stored  sha1 DIFFERS: {one.stored} stored in {one.origin}, {one.computed} computed" in told
    assert f"touches  {item.item}, collected: {tamper.NOISE}, bytes " in told


class Killed(BaseException):
    """What stands for SIGKILL: nothing catches it."""


@pytest.mark.parametrize("after", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in (3, 5))])
def test_a_kill_does_not_change_what_was_verified(
    after: int, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while collecting and started again, the fast verdict has the same bytes as an undisturbed one."""
    monkeypatch.setattr("shellcase.case.folder._BATCH", 1)

    def run(folder: Path) -> bytes:
        case, images = open_case(folder, CaseMeta(), (image,), clobber=False)
        try:
            execute(Run(case=case, images=images, verify="fast", jobs=1))
        finally:
            close(images)
        return (folder / "data" / "evidence" / "verification" / "SRC-01.json").read_bytes()

    whole, count, collected = run(tmp_path / "whole"), [0], Case.collected

    def dying(case: Case, item: object) -> None:
        count[0] += 1
        if count[0] > after:
            raise Killed
        collected(case, item)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Case, "collected", dying)
        with pytest.raises(Killed):
            run(tmp_path / "torn")
    assert run(tmp_path / "torn") == whole


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")
def test_a_killed_full_run_ends_like_an_undisturbed_one(image: Path, tmp_path: Path) -> None:
    """SIGKILL somewhere in the run; the same command goes on; verdict and digest are those of a run in peace."""
    words = ["run", image, "--verify", "full", "-q", "--case"]
    assert shellcase(*words, tmp_path / "whole")[0] == 0
    command = [sys.executable, "-m", "shellcase", *map(str, words), str(tmp_path / "torn")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as one:
        until = time.monotonic() + 60
        while not (tmp_path / "torn" / "data" / "evidence").exists() and time.monotonic() < until:
            time.sleep(0.02)
        one.kill()
    assert shellcase(*words, tmp_path / "torn")[0] == 0
    whole, torn = Case.look(tmp_path / "whole"), Case.look(tmp_path / "torn")
    assert msgspec.json.encode(read_check(torn)) == msgspec.json.encode(read_check(whole))
    assert torn.analysis_digest() == whole.analysis_digest()
    assert names(tmp_path / "torn" / "data" / "reports") == {"R1"}
