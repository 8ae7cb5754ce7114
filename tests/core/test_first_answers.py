"""The first answer comes after tier 0, says that it is partial, and leaves nothing behind."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fixtures.disk.raw import build_raw
from shellcase import early, partial
from shellcase.case import Case
from shellcase.early import Early, Stage
from shellcase.model import HostFacts
from shellcase.opening import close, open_case
from shellcase.run import STEPS, Run, execute
from shellcase.worker import Task
from tests.collector import machine
from tests.conftest import META
from tests.tools import need_disk_builder
from tests.torture import content, differences


def task(tier: int, number: int) -> Task:
    return Task(
        parser="p", evidence="", shard=f"{tier}-{number}", source_id="SRC-01", host=HostFacts(), items=(),
        companions=(), tier=tier,
    )  # fmt: skip


def test_a_tier_counts_when_all_before_it_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tier 1 may end before tier 0; what broke its worker is not among what is parsed; the last tier is the end."""
    monkeypatch.setattr(early, "LEAST", 0)
    tasks = [task(0, 0), task(0, 1), task(1, 0), task(2, 0)]
    said: list[Stage] = []
    both = Early(tasks, said.append)
    for number, whole in ((2, True), (0, True), (1, False), (3, True)):
        both.done(tasks[number], whole=whole)
    both.close()
    assert [(s.tier, s.tiers, [t.shard for t in s.tasks]) for s in said] == [(1, 3, ["0-0", "1-0"])]


def test_nothing_is_said_when_the_whole_answer_is_near() -> None:
    tasks = [task(0, 0), task(1, 0)]
    said: list[Stage] = []
    both = Early(tasks, said.append)
    both.done(tasks[0])
    both.close()
    assert not said


def go(disk: Path, root: Path) -> Case:
    """The whole way over a small machine's disk."""
    case, images = open_case(root, META, (disk,), clobber=False)
    try:
        execute(Run(case=case, images=images, jobs=1, verify="fast"), STEPS)
    finally:
        close(images)
    return case


@pytest.mark.slow
@pytest.mark.real
def test_a_first_answer_changes_no_byte_of_the_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its report is there while the rest is parsed, named partial; afterwards the case equals one without it."""
    need_disk_builder()
    disk = build_raw(machine.plan(), tmp_path / "disk.raw", tmp_path / "work").raw
    reference = go(disk, tmp_path / "reference")
    monkeypatch.setattr(early, "LEAST", 1)
    pages: list[str] = []
    write = partial.report

    def keep(own: Case, said: str) -> None:
        write(own, said)
        pages.append((own.reports / "R1" / "examiner.html").read_text(encoding="utf-8"))

    monkeypatch.setattr(partial, "report", keep)
    case = go(disk, tmp_path / "case")
    assert pages
    assert "PARTIAL" in pages[0]
    assert re.search(r"Partial: tiers? 0.{0,2} of [23] parsed", pages[0]), re.findall("Partial[^<]*", pages[0])
    assert not partial.folder(case).exists()
    assert not differences(content(reference.root), content(case.root))
