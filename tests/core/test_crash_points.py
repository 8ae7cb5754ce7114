"""A run that ends at any step of its writing, with or without the power, goes on and ends with the same bytes."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from fixtures.disk.raw import build_raw
from shellcase.opening import close, open_case
from shellcase.run import COLLECTING, STEPS, Run, Step, execute
from tests.collector import machine
from tests.conftest import META
from tests.crashing import calls_of, dies_at
from tests.tools import need_disk_builder
from tests.torture import content, differences, leftovers

pytestmark = [
    pytest.mark.real,
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]
_SAMPLES = 24


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small machine's raw image."""
    need_disk_builder()
    folder = tmp_path_factory.mktemp("machine")
    return build_raw(machine.plan(), folder / "disk.raw", folder / "work").raw


def go(disk: Path, root: Path, steps: tuple[Step, ...], verify: str = "fast") -> None:
    """Start, or go on with, the same work on the same folder."""
    case, images = open_case(root, META, (disk,), clobber=False)
    try:
        execute(Run(case=case, images=images, jobs=1, verify=verify), steps)
    finally:
        close(images)


@pytest.fixture(scope="module")
def collected(disk: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection of a run that nothing disturbed."""
    root = tmp_path_factory.mktemp("undisturbed") / "case"
    go(disk, root, COLLECTING)
    return root


def numbers(calls: int, seed: int, count: int) -> list[int]:
    """Some of the calls: the first and the last ones, and any in between."""
    ends = {*range(1, 4), *range(calls - 2, calls + 1)}
    return sorted(ends | set(random.Random(seed).sample(range(1, calls + 1), min(count, calls))))


def test_a_collection_that_dies_at_any_write_ends_with_the_same_bytes(
    disk: Path, collected: Path, tmp_path: Path
) -> None:
    """Each time the process dies at another call, and half of the times the power fails too."""
    work: Callable[[Path], None] = partial(go, disk, steps=COLLECTING)
    calls = calls_of(partial(work, tmp_path / "counted"))
    for number in numbers(calls, 1, _SAMPLES):
        root = tmp_path / f"died-at-{number}"
        assert dies_at(number, partial(work, root), root, random.Random(number) if number % 2 else None)
        dies_at(number // 2 + 3, partial(work, root), root, random.Random(number))
        work(root)
        wrong = differences(content(collected), content(root)) + leftovers(root)
        assert not wrong, f"after the death at call {number} of {calls}: {wrong}"
        shutil.rmtree(root)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_that_dies_at_any_write_ends_with_the_same_bytes(disk: Path, tmp_path: Path) -> None:
    """From the first byte of the case to the last of the report."""
    work: Callable[[Path], None] = partial(go, disk, steps=STEPS, verify="full")
    work(tmp_path / "undisturbed")
    calls = calls_of(partial(work, tmp_path / "counted"))
    for number in numbers(calls, 2, 10):
        root = tmp_path / f"died-at-{number}"
        assert dies_at(number, partial(work, root), root, random.Random(number) if number % 2 else None)
        work(root)
        wrong = differences(content(tmp_path / "undisturbed"), content(root)) + leftovers(root)
        assert not wrong, f"after the death at call {number} of {calls}: {wrong}"
        shutil.rmtree(root)
