"""More evidence for a finished case: nothing that was numbered, parsed or reported before changes."""

from __future__ import annotations

import hashlib
import shutil
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from collector.image import open_source
from shellcase import run as runs
from shellcase.case import Case
from shellcase.errors import UsageError
from shellcase.model import Finding
from shellcase.opening import close, known_source, open_to_add
from tests.collector.tamper import flip
from tests.conftest import EX01, EX02


class _Findings(msgspec.Struct):
    findings: list[Finding]


@pytest.fixture(scope="module")
def before(ex01: Case, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the finished case of the compromised server."""
    return shutil.copytree(ex01.root, tmp_path_factory.mktemp("add") / "before")


def add(root: Path, steps: tuple[runs.Step, ...] = runs.STEPS) -> int:
    """The verb without its display."""
    case, images = open_to_add(root, [EX02])
    try:
        return runs.execute(runs.Run(case=case, images=images, jobs=2), steps)
    finally:
        close(images)


@pytest.fixture(scope="module")
def after(before: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same case with the other server added; the first attempt was stopped in the middle."""
    root = shutil.copytree(before, tmp_path_factory.mktemp("add") / "after")

    def stopped(_run: runs.Run) -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add(root, (runs.collect, stopped))
    assert add(root) == 0
    return root


def files(root: Path, below: str) -> dict[str, str]:
    """Path and digest of every file below a folder of the case."""
    base = root / "data" / below
    found = sorted(p for p in base.rglob("*") if p.is_file())
    return {p.relative_to(base).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in found}


def findings(root: Path) -> dict[str, str]:
    """Content id → number."""
    raw = (root / "data" / "work" / "findings.json").read_bytes()
    return {f.id: f.number for f in msgspec.json.decode(raw, type=_Findings).findings}


def test_what_was_parsed_stays_byte_for_byte(before: Path, after: Path) -> None:
    """The first source's part of the timeline is not even written again."""
    old, new = files(before, "evidence/timeline"), files(after, "evidence/timeline")
    assert old
    assert {k: v for k, v in new.items() if k.startswith("source=SRC-01/")} == old
    assert any(k.startswith("source=SRC-02/") for k in new)


def test_no_number_shifts(before: Path, after: Path) -> None:
    """Numbers given before are a prefix of those given now; findings keep theirs."""
    old, new = ((r / "data" / "numbers.jsonl").read_bytes() for r in (before, after))
    assert new.startswith(old)
    assert len(new) > len(old)
    was, now = findings(before), findings(after)
    assert was
    assert {k: now[k] for k in was if k in now} == {k: v for k, v in was.items() if k in now}
    assert len(set(now.values())) == len(now)


def test_items_of_the_first_source_are_the_same_lines(before: Path, after: Path) -> None:
    """collected.jsonl grows at its end."""
    old, new = ((r / "data" / "evidence" / "collected.jsonl").read_bytes() for r in (before, after))
    assert new.startswith(old)


def test_the_former_report_is_kept(before: Path, after: Path) -> None:
    """A new version stands beside it."""
    old, new = files(before, "reports"), files(after, "reports")
    first = {k: v for k, v in old.items() if k.startswith("R1/")}
    assert first
    assert first.items() <= new.items()
    assert "R2/examiner.html" in new


def test_both_machines_are_told_apart(after: Path) -> None:
    """By their own hives, though both are called EX-something."""
    records = runs.read_sources(Case.look(after))
    assert [r.source for r in records] == ["SRC-01", "SRC-02"]
    assert records[0].host.machine_sid != records[1].host.machine_sid
    assert records[1].same_machine_as == ()


@pytest.mark.parametrize("source", [EX01, EX02])
def test_a_source_is_added_once(source: Path, after: Path) -> None:
    """A second time it would count everything twice."""
    with pytest.raises(UsageError, match="holds this source already"):
        open_to_add(after, [source])


@pytest.mark.parametrize("number", [0, -1])
def test_a_source_that_was_damaged_since_is_known_again(number: int, after: Path, tmp_path: Path) -> None:
    """By its fingerprint, which is over the first and the last MiB, it would be a second source."""
    damaged = Path(shutil.copy(EX01, tmp_path / "EX01.E01"))
    with closing(open_source(damaged)) as image:
        assert image.ewf
        found = image.ewf.map.find(number % (image.end // 32768))
        assert found
        start, whole = found.start, image.fingerprint
    flip(damaged, start + 100)
    case = Case.look(after)
    with closing(open_source(damaged, bare=True)) as image:
        assert image.fingerprint != whole
        record, sameness = known_source(case, image) or (None, None)
    assert record
    assert sameness
    assert record.source == "SRC-01"
    before = (after / "data" / "audit.jsonl").read_bytes()
    with pytest.raises(UsageError, match="as SRC-01; it was damaged or changed since"):
        open_to_add(after, [damaged])
    assert (after / "data" / "audit.jsonl").read_bytes() == before


def test_a_source_inside_the_case_is_refused(after: Path) -> None:
    """The case's own objects are no new evidence."""
    inside = next(p for p in (after / "data" / "evidence" / "objects").rglob("*") if p.is_file())
    with pytest.raises(UsageError, match="inside the case"):
        open_to_add(after, [inside])
