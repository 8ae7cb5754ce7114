"""Two disks of one machine: Windows on the first, Exchange on the second."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from collector.collect import Plan, collect_all, preview
from collector.image import Image, open_source
from collector.queue import Preflight
from fixtures.disk.raw import build_raw
from shellcase.errors import UsageError
from shellcase.model import HostFacts
from tests.collector import machine
from tests.collector.fakes import MemoryCase
from tests.tools import need_disk_builder

pytestmark = pytest.mark.real
LOG = r"X:\Ex\Logging\ECP\Server\ECPServer20210303-1.LOG"


@pytest.fixture(scope="module")
def disks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The machine's two volumes, each as a disk of its own."""
    need_disk_builder()
    folder = tmp_path_factory.mktemp("several")
    whole = build_raw(machine.plan(), folder / "disk.raw", folder / "work").raw
    data = whole.read_bytes()
    with closing(open_source(whole)) as image:
        second = image.volumes[1].volume
    first, other = folder / "system.raw", folder / "data.raw"
    first.write_bytes(data[: second.offset] + bytes(len(data) - second.offset))
    other.write_bytes(data[second.offset : second.offset + second.size])
    return first, other


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_second_disk_is_read_with_the_facts_of_the_first(
    disks: tuple[Path, Path], order: tuple[int, int], opened: Callable[[Path], Image]
) -> None:
    """Its letter comes from what the first disk's registry names; the order of the sources does not matter."""
    case = MemoryCase()
    images = [opened(disks[n]) for n in order]
    collect_all([(f"SRC-{n:02d}", i) for n, i in enumerate(images, 1)], case, Plan())
    item = case.item(LOG)
    assert item.source == f"SRC-{order.index(1) + 1:02d}"
    assert case.item(r"C:\Windows\System32\config\SYSTEM").source == f"SRC-{order.index(0) + 1:02d}"
    assert {r.host.name for r in case.sources.values()} == {"MAIL7"}
    assert {v.letter for v in case.sources[item.source].volumes} == {"X:"}


def test_ids_do_not_depend_on_what_was_given_beside(disks: tuple[Path, Path], opened: Callable[[Path], Image]) -> None:
    """Else a case to which a disk is added later would count its artefacts twice."""
    together, later = MemoryCase(), MemoryCase()
    first, second = (opened(d) for d in disks)
    collect_all([("SRC-01", first), ("SRC-02", second)], together, Plan())
    known = together.sources["SRC-01"].host
    collect_all([("SRC-02", second)], later, Plan(), known=[known])
    ours = {i.artifact_id: i.path for i in together.items if i.source == "SRC-02"}
    assert ours
    assert {i.artifact_id: i.path for i in later.items} == ours
    assert any("facts are those of MAIL7" in n for n in later.sources["SRC-02"].host.notes)


def test_a_disk_of_another_machine_keeps_its_own_facts(
    disks: tuple[Path, Path], opened: Callable[[Path], Image]
) -> None:
    """A Windows of its own is never overruled by what the case knows already."""
    case = MemoryCase()
    collect_all(
        [("SRC-02", opened(disks[0]))], case, Plan(), known=[HostFacts(name="OTHER", machine_sid="S-1-5-21-1-2-3")]
    )
    assert case.sources["SRC-02"].host.name == "MAIL7"
    assert case.sources["SRC-02"].same_machine_as == ()


def test_the_look_ahead_counts_what_is_then_taken(disks: tuple[Path, Path], opened: Callable[[Path], Image]) -> None:
    """Files and bytes are known before the first is copied, and nothing was written for it."""
    case, told = MemoryCase(), list[Preflight]()
    sources = [("SRC-01", opened(disks[0])), ("SRC-02", opened(disks[1]))]
    expected = preview(sources, Plan())
    collect_all(sources, case, Plan(), before=told.append)
    assert told == [expected]
    assert expected.files == len({(i.path, i.source) for i in case.items if i.state == "live"})
    assert expected.bytes == sum(i.allocated or 0 for i in case.items if i.state == "live")


def test_nothing_is_written_when_the_look_ahead_says_stop(
    disks: tuple[Path, Path], opened: Callable[[Path], Image]
) -> None:
    """A disk too small is said before, not after."""

    def stop(_found: object) -> None:
        raise UsageError("too little space")

    case = MemoryCase()
    with pytest.raises(UsageError):
        collect_all([("SRC-01", opened(disks[0]))], case, Plan(), before=stop)
    assert not case.puts
    assert not case.sources
