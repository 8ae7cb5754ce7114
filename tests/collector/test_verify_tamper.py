"""The tamper matrix: whatever is changed in an E01 set gets its right verdict, and the files touched are named."""

from __future__ import annotations

import random
import shutil
import subprocess
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from collector.checkpoint import Journal
from collector.collect import Plan, collect
from collector.damage import Damage, localise
from collector.hashing import full_pass
from collector.image import open_source
from collector.verify import DAMAGED, DIFFERS, MATCHES, Verification, judge, lost_ranges, verify_image
from shellcase.errors import EvidenceError
from tests.collector import tamper
from tests.collector.fakes import MemoryCase, as_e01
from tests.collector.tamper import NOISE, OTHER, TEXT
from tests.tools import need

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk with two pages that are collected and a file that is not, all of them larger than a chunk."""
    need("ewfacquire", "ewfverify")
    return tamper.small_disk(tmp_path_factory.mktemp("tamper"))


@pytest.fixture(scope="module")
def sets(disk: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The disk as E01: `packed` in one segment, `plain` in one, `split` in segments of 1 MiB; `foreign` of another."""
    made = {}
    for name, options in {
        "packed": ("-c", "fast"),
        "plain": ("-c", "none"),
        "split": ("-c", "none", "-S", "1048576"),
    }.items():
        folder = tmp_path_factory.mktemp(name)
        made[name] = as_e01(disk, folder / "disk", *options)
    for segment in made["split"].parent.glob("disk.E*"):
        tamper.set_ident(segment, b"\1" * 16)
    folder = tmp_path_factory.mktemp("foreign")
    (folder / "other.raw").write_bytes(bytes(reversed(disk.read_bytes())))
    made["foreign"] = as_e01(folder / "other.raw", folder / "disk", "-c", "none", "-S", "1048576")
    for segment in folder.glob("disk.E*"):
        tamper.set_ident(segment, b"\2" * 16)
    return made


class Outcome(NamedTuple):
    """What came of a tampered set: our verdict, what the damage touches, whether libewf verifies it."""

    said: Verification
    damage: Damage | None
    referee: bool


def judged(first: Path) -> Outcome:
    """Collect from the set, then verify it whole."""
    case = MemoryCase()
    with closing(open_source(first)) as image:
        collect(image, case, Plan())
        before = judge(image, "SRC-01", "fast")
        full = full_pass(first, Journal(None), lambda _done: True)
        said = judge(image, "SRC-01", "full", full)
        assert before.verdict != MATCHES
        assert before.verdict != DAMAGED or said.verdict == DAMAGED, "damage that was seen is not taken back"
        lost = lost_ranges(image, full)
        damage = localise(image, "SRC-01", lost, case.items, case.sources["SRC-01"].volumes) if lost else None
        for item in case.items:
            hit = {f.item for f in damage.items} if damage else set()
            assert not item.read_errors or item.item in hit, f"{item.path} has read errors but no damage"
    done = subprocess.run(["ewfverify", "-q", str(first)], capture_output=True, check=False)
    return Outcome(said, damage, b"SUCCESS" in done.stdout + done.stderr)


def copied(source: Path, folder: Path) -> Path:
    """The set in a folder of its own."""
    for segment in source.parent.glob("disk.E*"):
        shutil.copy(segment, folder / segment.name)
    return folder / source.name


def chunk_of(first: Path, path: str) -> int:
    """A chunk in the middle of a file."""
    with closing(open_source(first)) as image:
        assert image.ewf
        handle = image.volumes[0]
        assert handle.fs
        entry = handle.fs.tree(frozenset()).find(path[4:])
        file = handle.fs.file(entry.record) if entry else None
        stream = file.stream("") if file else None
        assert stream
        assert stream.first_cluster
        return (handle.volume.offset + stream.first_cluster * handle.fs.cluster + 70_000) // image.ewf.chunk_size


def touched(outcome: Outcome) -> set[str]:
    """Paths of collected files in the damage."""
    return {f.path for f in outcome.damage.items} if outcome.damage else set()


# -- bytes of chunks --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "path"), [("packed", TEXT), ("plain", TEXT), ("plain", NOISE), ("packed", NOISE)])
def test_a_byte_in_a_chunk(sets: dict[str, Path], kind: str, path: str, tmp_path: Path) -> None:
    """Found by the chunk's checksum, told with the file it lies in, and with the bytes of the file."""
    first = copied(sets[kind], tmp_path)
    number = chunk_of(first, path)
    start, end, _packed = tamper.chunk_at(first, number)
    tamper.flip(first, (start + end) // 2)
    outcome = judged(first)
    assert outcome.said.verdict == DAMAGED
    assert outcome.said.statement == "container damaged; the data hash does not match"
    assert outcome.said.unreadable == 32768
    assert touched(outcome) == {path}
    assert outcome.damage
    (place,) = outcome.damage.places
    assert (place.start, place.first_sector) == (number * 32768, number * 64)
    assert sum(b - a for a, b in outcome.damage.items[0].ranges) == 32768
    assert not outcome.referee


def test_a_byte_in_a_file_that_was_not_collected(sets: dict[str, Path], tmp_path: Path) -> None:
    """No artefact is touched, but the file is named."""
    first = copied(sets["plain"], tmp_path)
    start, _end, _packed = tamper.chunk_at(first, chunk_of(first, OTHER))
    tamper.flip(first, start + 9)
    outcome = judged(first)
    assert outcome.damage
    assert (touched(outcome), outcome.damage.file_count) == (set(), 1)
    assert outcome.damage.files[0].path == OTHER


@pytest.mark.parametrize("kind", ["plain", "packed"])
def test_only_the_checksum_of_a_chunk(sets: dict[str, Path], kind: str, tmp_path: Path) -> None:
    """The container is damaged, and the data are told to be those that were acquired."""
    first = copied(sets[kind], tmp_path)
    _start, end, _packed = tamper.chunk_at(first, chunk_of(first, TEXT))
    tamper.flip(first, end - 2)
    outcome = judged(first)
    assert (outcome.said.verdict, outcome.said.statement) == (
        DAMAGED,
        "container damaged; the data hash matches all the same",
    )
    assert touched(outcome) == {TEXT}


# -- tables and sections ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "offset"),
    [("table", 24 + 40), ("table", 2), ("table", 10), ("table", -1), ("table2", 24 + 40), ("table2", -1)],
)
def test_one_table_of_two(sets: dict[str, Path], kind: str, offset: int, tmp_path: Path) -> None:
    """An entry, the count, the base or the checksum of one copy: told, and the other copy is used."""
    first = copied(sets["packed"], tmp_path)
    section = tamper.sections(first, kind)[0]
    tamper.flip(first, section.data + offset if offset >= 0 else section.data + section.length + offset)
    outcome = judged(first)
    assert outcome.said.verdict == DAMAGED
    assert outcome.said.statement.endswith("the data hash matches all the same")
    assert any(f"'{kind}' section fails" in p for p in outcome.said.problems)
    assert outcome.damage is None


def test_both_tables(sets: dict[str, Path], tmp_path: Path) -> None:
    """The same entry in both copies: the chunks around it are lost, nothing else."""
    first = copied(sets["packed"], tmp_path)
    number = chunk_of(first, TEXT)
    for kind in ("table", "table2"):
        tamper.flip(first, tamper.sections(first, kind)[0].data + 24 + 4 * number)
    outcome = judged(first)
    assert outcome.said.verdict == DAMAGED
    assert 0 < outcome.said.unreadable <= 2 * 32768
    assert touched(outcome) == {TEXT}
    assert not outcome.referee


@pytest.mark.parametrize(
    "kind", ["header", "header2", "volume", "sectors", "table", "table2", "digest", "hash", "done"]
)
@pytest.mark.parametrize("offset", [0, 20, 26, 74])
def test_a_section_descriptor(sets: dict[str, Path], kind: str, offset: int, tmp_path: Path) -> None:
    """Type, next, size or checksum of any descriptor: told, and the media are read all the same."""
    first = copied(sets["packed"], tmp_path)
    tamper.flip(first, tamper.sections(first, kind)[0].offset + offset)
    outcome = judged(first)
    assert outcome.said.verdict == DAMAGED
    assert any("descriptor fails" in p for p in outcome.said.problems)
    assert outcome.said.unreadable == 0
    assert outcome.said.statement.endswith("the data hash matches all the same")


@pytest.mark.parametrize("offset", [4, 8, 12, 16, 70, 1049])
def test_the_geometry(sets: dict[str, Path], offset: int, tmp_path: Path) -> None:
    """The volume section of a split set has copies in the other segments; the sound ones count."""
    first = copied(sets["split"], tmp_path)
    tamper.flip(first, tamper.sections(first, "volume")[0].data + offset)
    outcome = judged(first)
    assert (outcome.said.verdict, outcome.said.unreadable) == (DAMAGED, 0)
    assert outcome.said.statement.endswith("the data hash matches all the same")


@pytest.mark.parametrize("kind", ["header", "header2"])
def test_the_notes_of_the_imager(sets: dict[str, Path], kind: str, tmp_path: Path) -> None:
    """Examiner, case number and times no longer unpack: told."""
    first = copied(sets["packed"], tmp_path)
    tamper.flip(first, tamper.sections(first, kind)[0].data + 30)
    outcome = judged(first)
    assert outcome.said.verdict == DAMAGED
    assert any(f"'{kind}' section cannot be unpacked" in p for p in outcome.said.problems)


@pytest.mark.parametrize("offset", [0, 3, 8, 9, 11])
def test_the_file_header(sets: dict[str, Path], offset: int, tmp_path: Path) -> None:
    """Signature, fixed fields or segment number of the only segment."""
    first = copied(sets["packed"], tmp_path)
    tamper.flip(first, offset)
    if offset < 8:
        with pytest.raises(EvidenceError, match="does not start with the E01 signature"):
            open_source(first)
        return
    outcome = judged(first)
    assert (outcome.said.verdict, outcome.said.unreadable) == (DAMAGED, 0)


# -- the stored hash --------------------------------------------------------------------------------------------------


def test_the_stored_hash_alone(sets: dict[str, Path], tmp_path: Path) -> None:
    """A byte of the MD5 under its old checksum: the section is damaged, the other copy confirms the data."""
    first = copied(sets["packed"], tmp_path)
    tamper.flip(first, tamper.sections(first, "hash")[0].data)
    outcome = judged(first)
    assert outcome.said.statement == "container damaged; the data hash matches all the same"
    assert any("which stores the hash" in p for p in outcome.said.problems)


def test_no_stored_hash_is_left(sets: dict[str, Path], tmp_path: Path) -> None:
    """Both sections damaged: nothing to compare with, and that is said."""
    first = copied(sets["packed"], tmp_path)
    for kind in ("hash", "digest"):
        tamper.flip(first, tamper.sections(first, kind)[0].data)
    assert judged(first).said.statement == "container damaged; no stored hash"


@pytest.mark.parametrize("kinds", [("hash", "digest"), ("hash",), ("digest",)])
def test_another_hash_under_a_sound_checksum(sets: dict[str, Path], kinds: tuple[str, ...], tmp_path: Path) -> None:
    """The container is sound; one stored hash that differs is enough to say so."""
    first = copied(sets["packed"], tmp_path)
    tamper.change_stored_md5(first, kinds)
    outcome = judged(first)
    assert (outcome.said.verdict, outcome.said.problems) == (DIFFERS, ())
    assert {c.equal for c in outcome.said.compared if c.algorithm == "md5"} == (
        {False} if len(kinds) == 2 else {True, False}
    )


# -- segments ---------------------------------------------------------------------------------------------------------


def segments(first: Path) -> list[Path]:
    """All files of the set."""
    return sorted(first.parent.glob("disk.E*"))


def test_an_untouched_set(sets: dict[str, Path], tmp_path: Path) -> None:
    """Matches, without a remark; and the referee agrees."""
    outcome = judged(copied(sets["split"], tmp_path))
    assert (outcome.said.verdict, outcome.said.problems, outcome.said.remarks) == (MATCHES, (), ())
    assert outcome.referee
    assert len(outcome.said.files) == len(segments(tmp_path / "disk.E01"))


@pytest.mark.parametrize("which", [3, -1])
def test_a_missing_segment(sets: dict[str, Path], which: int, tmp_path: Path) -> None:
    """Middle or last: its chunks are a hole of the right size, what follows keeps its place."""
    first = copied(sets["split"], tmp_path)
    segments(first)[which].unlink()
    outcome = judged(first)
    assert outcome.said.verdict == DAMAGED
    assert "parts of the media are missing" in outcome.said.statement
    assert outcome.damage
    assert len(outcome.damage.places) >= 1
    assert 0 < outcome.said.unreadable <= 1 << 20
    assert not outcome.referee


def test_two_gaps_between_missing_segments(sets: dict[str, Path], disk: Path, tmp_path: Path) -> None:
    """Without compression every whole segment holds equally many chunks, so the middle has its place too."""
    first = copied(sets["split"], tmp_path)
    for n in (3, 6):
        segments(tmp_path / "disk.E01")[n].unlink()
    want = disk.read_bytes()
    with closing(open_source(first)) as image:
        assert image.ewf
        lost = lost_ranges(image)
        assert len(lost) == 2
        assert image.media.read_at(lost[0].end, 4096) == want[lost[0].end :][:4096]
        assert image.media.read_at(lost[1].end, 4096) == want[lost[1].end :][:4096]
        assert not image.ewf.map.unplaced


def test_the_first_segment_is_missing(sets: dict[str, Path], tmp_path: Path) -> None:
    """The partition table is gone with it; nothing is guessed, everything is said, and there is no crash."""
    first = copied(sets["split"], tmp_path)
    first.unlink()
    outcome = judged(tmp_path / "disk.E02")
    assert outcome.said.verdict == DAMAGED
    assert any("missing [1]" in p for p in outcome.said.problems)


def test_two_segments_swapped(sets: dict[str, Path], tmp_path: Path) -> None:
    """The numbers inside count: the data are whole, and the renaming is told."""
    first = copied(sets["split"], tmp_path)
    two, three, spare = tmp_path / "disk.E02", tmp_path / "disk.E03", tmp_path / "spare"
    two.rename(spare)
    three.rename(two)
    spare.rename(three)
    said = judged(first).said
    assert said.verdict == MATCHES
    assert sum("renamed" in r for r in said.remarks) == 2


def test_a_segment_of_another_set(sets: dict[str, Path], tmp_path: Path) -> None:
    """Its bytes pass every checksum of their own; they are not read as those of this disk."""
    first = copied(sets["split"], tmp_path)
    shutil.copy(sets["foreign"].parent / "disk.E04", tmp_path / "disk.E04")
    outcome = judged(first)
    assert outcome.said.verdict == DAMAGED
    assert any("disk.E04: belongs to another set" in r for r in outcome.said.remarks)
    assert any("missing [4]" in p for p in outcome.said.problems)


@pytest.mark.parametrize("cut", [40, 5000, 120_000])
def test_a_truncated_last_segment(sets: dict[str, Path], cut: int, tmp_path: Path) -> None:
    """Less or more of its end: told, and what is left is read."""
    first = copied(sets["split"], tmp_path)
    last = segments(first)[-1]
    last.write_bytes(last.read_bytes()[: -min(cut, last.stat().st_size - 100)])
    outcome = judged(first)
    assert outcome.said.verdict == DAMAGED
    assert any("truncated" in p or "end is missing" in p for p in outcome.said.problems)
    assert not outcome.referee


@pytest.mark.parametrize("name", ["test.txt", "disk.txt", "disk.E01.bak", "disk.log"])
def test_files_that_only_lie_beside(sets: dict[str, Path], name: str, tmp_path: Path) -> None:
    """A stray file does not break the set."""
    first = copied(sets["split"], tmp_path)
    (tmp_path / name).write_text("notes\n")
    said = judged(first).said
    assert (said.verdict, said.remarks) == (MATCHES, ())


@pytest.mark.parametrize("content", ["garbage", "empty", "foreign"])
def test_a_stray_file_named_like_the_next_segment(sets: dict[str, Path], content: str, tmp_path: Path) -> None:
    """Left out, and told."""
    first = copied(sets["split"], tmp_path)
    stray = tmp_path / f"disk.E{len(segments(first)) + 1:02d}"
    if content == "foreign":
        shutil.copy(sets["foreign"].parent / "disk.E02", stray)
        tamper.set_number(stray, len(segments(first)))
    else:
        stray.write_bytes(b"" if content == "empty" else b"my notes\n" * 999)
    said = judged(first).said
    assert said.verdict == MATCHES
    assert any(stray.name in r and "left out" in r for r in said.remarks)


def test_a_segment_number_twice(sets: dict[str, Path], tmp_path: Path) -> None:
    """A copy under the next free name: the one whose name fits is read, the other is told."""
    first = copied(sets["split"], tmp_path)
    stray = tmp_path / f"disk.E{len(segments(first)) + 1:02d}"
    shutil.copy(tmp_path / "disk.E02", stray)
    said = judged(first).said
    assert said.verdict == MATCHES
    assert any(r.startswith(f"{stray.name}: is segment 2 once more") for r in said.remarks)


def test_any_single_byte(sets: dict[str, Path], tmp_path: Path) -> None:
    """60 random bytes of the packed set, one at a time: never `matches` without a word where libewf finds fault."""
    rnd = random.Random(20)
    source = sets["packed"]
    size = source.stat().st_size
    for n in range(60):
        folder = tmp_path / str(n)
        folder.mkdir()
        first = copied(source, folder)
        at = rnd.randrange(13, size)
        tamper.flip(first, at, 1 << rnd.randrange(8))
        with closing(open_source(first)) as image:
            said = verify_image(image)
        padding = said.verdict == MATCHES
        if padding:
            done = subprocess.run(["ewfverify", "-q", str(first)], capture_output=True, check=False)
            assert b"SUCCESS" in done.stdout + done.stderr, f"byte {at}"


# -- the number of a segment ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", [0, 1, 4, -1])
@pytest.mark.parametrize("mask", [1, 2, 4, 8, 0x55, 0xFF])
def test_a_damaged_segment_number(sets: dict[str, Path], which: int, mask: int, tmp_path: Path) -> None:
    """It has no checksum: told with both numbers, nothing is lost by it, and the hash matches all the same."""
    first = copied(sets["split"], tmp_path)
    victim = segments(first)[which]
    tamper.flip(victim, 9, mask)
    said = judged(first).said
    assert said.statement == "container damaged; the data hash matches all the same"
    (problem,) = said.problems
    assert problem.startswith(f"{victim.name}: the file header says segment {tamper.number_in(victim)}; ")
    assert said.unreadable == 0


def test_a_segment_number_of_nothing(sets: dict[str, Path], tmp_path: Path) -> None:
    """Zero is no number: the same."""
    first = copied(sets["split"], tmp_path)
    tamper.set_number(first, 0)
    said = judged(first).said
    assert (said.verdict, said.unreadable) == (DAMAGED, 0)
    assert any("says segment 0; name, sections" in p for p in said.problems)


def test_a_later_segment_alone_under_the_first_name(sets: dict[str, Path], tmp_path: Path) -> None:
    """Its sections are not those of a first one: its chunks are not read as the start of the disk."""
    (tmp_path / "disk.E01").write_bytes((sets["split"].parent / "disk.E03").read_bytes())
    with pytest.raises(EvidenceError, match=r"missing \[1, 2\]"):
        open_source(tmp_path / "disk.E01")
