"""Shared by all tests: one case made from EX01, and the place of the reference material."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from shellcase.case import Case, CaseMeta

ROOT = Path(__file__).resolve().parents[1]
EX01 = ROOT / "fixtures" / "demo" / "EX01.E01"
EX02 = ROOT / "fixtures" / "images" / "EX02.qcow2"
META = CaseMeta(case_number="T-1", examiner="the test suite", title="Test case")


LONGEST = (
    "test_errors.py",
    "test_verify_run.py",
    "test_verify_real.py",
    "test_scenario.py",
    "test_seeds.py",
    "test_add.py",
)
"""Files that take a process a minute or more: begun first, so that at the end none runs while the others idle."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first. Tests of one file stay together and in their order."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


def make_case(image: Path, folder: Path, *, jobs: int = 2) -> tuple[Case, int]:
    """Run all steps over an image; the case and the exit code."""
    from shellcase.opening import close, open_case
    from shellcase.run import Run, execute

    case, opened = open_case(folder, META, (image,), clobber=False)
    try:
        return case, execute(Run(case=case, images=opened, jobs=jobs))
    finally:
        close(opened)


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The reference material beside the checkout; absent on a machine that has only the clone."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail("CI must have the reference material in ../shared")
        pytest.skip("../shared is not beside this checkout")
    return folder


def _once(name: str, image: Path, factory: pytest.TempPathFactory) -> Case:
    """A finished case that all processes of the suite share: the first that asks makes it, the others wait."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    marker = folder / "exit-code"
    try:
        folder.mkdir()
    except FileExistsError:
        return _waited_for(folder / "case", marker)
    code: int | None = None
    try:
        case, code = make_case(image, folder / "case")
    finally:
        marker.with_suffix(".part").write_text(str(code), encoding="ascii")
        marker.with_suffix(".part").rename(marker)
    assert code == 0, f"{name} ended with exit code {code}"
    return case


def _waited_for(root: Path, marker: Path) -> Case:
    for _second in range(110):
        if marker.exists():
            break
        time.sleep(1)
    assert marker.exists(), "the other process is still making the case"
    code = marker.read_text(encoding="ascii")
    assert code == "0", f"{root.parent.name} ended with exit code {code}"
    return Case.look(root)


@pytest.fixture(scope="session")
def ex01(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """EX01 from image to report, once for the whole suite."""
    return _once("ex01", EX01, tmp_path_factory)


@pytest.fixture(scope="session")
def ex02(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """EX02 from image to report, once for the whole suite."""
    return _once("ex02", EX02, tmp_path_factory)
