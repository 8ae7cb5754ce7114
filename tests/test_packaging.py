"""The wheel installs one name and holds every room."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_room_is_moved_under_the_one_name() -> None:
    """A room forgotten in pyproject would be missing from the wheel, or pollute site-packages."""
    wheel = CONFIG["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(wheel["only-include"]) - {"shellcase"} == set(wheel["sources"])
    assert all(target.startswith("shellcase/_rooms/") for target in wheel["sources"].values())
    assert all((ROOT / room).is_dir() for room in wheel["only-include"])


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names in a freshly built wheel."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    with zipfile.ZipFile(next(out.glob("*.whl"))) as archive:
        return archive.namelist()


def test_the_wheel_has_one_top_level_name(wheel_names: list[str]) -> None:
    """Installing us adds `shellcase` and its metadata, nothing else."""
    assert {n.split("/")[0].split("-")[0] for n in wheel_names} == {"shellcase"}


def test_the_wheel_holds_rules_templates_definitions_and_the_demo(wheel_names: list[str]) -> None:
    """What is not Python must travel too."""
    for wanted in (
        "rules/",
        "report_templates/examiner.html",
        "report_templates/legal.html",
        "report_templates/insurer.html",
        "collector/definitions/",
        "parsers/web/known_good.csv",
        "demo/EX01.E01",
    ):
        assert any(n.startswith(f"shellcase/_rooms/{wanted}") for n in wheel_names), wanted


def test_the_locks_name_no_index_and_have_hashes() -> None:
    """A lock file works with any mirror and pins every byte."""
    for name in ("run.lock", "dev.lock"):
        text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        assert "://" not in text
        assert text.count("==") <= text.count("--hash=sha256:")
