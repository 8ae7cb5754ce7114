"""Parsing that is disturbed: workers that die late, a disk that fills up, parts that are not what they were."""

from __future__ import annotations

import contextlib
import errno
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from fixtures.disk.raw import build_raw
from shellcase import parsing, shards
from shellcase.case import Case
from shellcase.confine import Confined
from shellcase.errors import IntegrityError
from shellcase.opening import close, open_case
from shellcase.pool import Broken
from shellcase.run import COLLECTING, STEPS, Run, Step, execute, parse_all
from shellcase.worker import Task, work
from tests.collector import machine
from tests.conftest import META
from tests.tools import need_disk_builder, need_root
from tests.torture import content, differences, leftovers

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small machine's raw image."""
    need_disk_builder()
    folder = tmp_path_factory.mktemp("machine")
    return build_raw(machine.plan(), folder / "disk.raw", folder / "work").raw


def go(disk: Path, root: Path, steps: tuple[Step, ...] = STEPS) -> Case:
    """Start, or go on with, the same work on the same folder."""
    case, images = open_case(root, META, (disk,), clobber=False)
    try:
        execute(Run(case=case, images=images, jobs=1, verify="fast"), steps)
    finally:
        close(images)
    return case


@pytest.fixture(scope="module")
def undisturbed(disk: Path, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A whole run."""
    return go(disk, tmp_path_factory.mktemp("undisturbed") / "case")


@pytest.fixture
def collected(disk: Path, tmp_path: Path) -> Case:
    """A collection that waits to be parsed."""
    return go(disk, tmp_path / "case", COLLECTING)


class LateDeath:
    """A pool whose workers die after they have finished their shard, before they can say so."""

    confined: frozenset[Confined] = frozenset()

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __enter__(self) -> LateDeath:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[int, Broken]]:
        for number, task in enumerate(tasks):
            work(task)
            yield number, Broken("killed by the system")


def test_a_worker_that_dies_late_counts_nothing_twice(
    disk: Path, undisturbed: Case, collected: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its group is whole; parsed once more one by one, every event would stand in the timeline twice."""
    with monkeypatch.context() as patch:
        patch.setattr(parsing, "Pool", LateDeath)
        parse_all(Run(case=collected, jobs=1))
    case = go(disk, collected.root)
    assert not differences(content(undisturbed.root), content(case.root)) + leftovers(case.root)


def test_a_part_that_changes_behind_our_back_is_told(collected: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is neither taken as it is nor left out in silence; the next start parses it anew."""

    class Spoilt(LateDeath):
        def run(self, tasks: Sequence[Task]) -> Iterator[tuple[int, None]]:  # type: ignore[override]
            for number, task in enumerate(tasks):
                work(task)
                if number == 1:
                    shards.parquet_of(task.shard).write_bytes(b"PAR1")
                yield number, None

    with monkeypatch.context() as patch:
        patch.setattr(parsing, "Pool", Spoilt)
        with pytest.raises(IntegrityError, match="same command"):
            parse_all(Run(case=collected, jobs=1))
    parse_all(Run(case=Case.open(collected.root), jobs=1))


@pytest.mark.parametrize("left", [0, 8 << 10, 48 << 10, 160 << 10])
def test_a_disk_that_is_full_while_parsing_costs_no_artefact(
    left: int, disk: Path, undisturbed: Case, tmp_path: Path
) -> None:
    """A worker that cannot write says so; nothing of it is taken for a parser's fault and kept."""
    need_root("a small file system is mounted")
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)], check=True)
    try:
        root = go(disk, folder / "case", COLLECTING).root
        fill(folder / "ballast", left)
        with pytest.raises(OSError, match="No space left") as caught:
            go(disk, root)
        assert caught.value.errno == errno.ENOSPC
        (folder / "ballast").unlink()
        go(disk, root)
        assert not differences(content(undisturbed.root), content(root)) + leftovers(root)
    finally:
        # Lazily: a worker that ended without room may hold a file for a moment longer than the run.
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(ballast: Path, left: int) -> None:
    """Fill the disk but for so many bytes."""
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as fh:
        for _ in range(shutil.disk_usage(ballast.parent).free // 4096 + 1):
            fh.write(bytes(4096))
    with ballast.open("r+b") as fh:
        fh.truncate(max(ballast.stat().st_size - left, 0))
