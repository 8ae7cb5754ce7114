"""A handful of what `make torture` does a hundred times."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.disk.raw import build_raw
from tests.collector import machine
from tests.tools import need_disk_builder
from tests.torture import EX01, torture

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="watches processes through /proc"),
]


def test_a_killed_run_ends_with_the_same_bytes(tmp_path: Path) -> None:
    """A small machine, six kills, about half of them with power loss."""
    need_disk_builder()
    image = build_raw(machine.plan(), tmp_path / "disk.raw", tmp_path / "work").raw
    done = torture(image, tmp_path, 6, 20210303, ("--verify", "full"))
    assert done.kills == 6
    assert done.failures == []


@pytest.mark.slow
def test_a_killed_run_of_the_demo_ends_with_the_same_bytes(tmp_path: Path) -> None:
    """The bundled image."""
    done = torture(EX01, tmp_path, 5, 20210304)
    assert done.kills == 5
    assert done.failures == []
