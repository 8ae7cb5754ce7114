"""A machine with hives: names, zone, letters and every path that its configuration moves."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector.collect import CollectSummary, Plan, collect
from collector.image import Image, open_source
from collector.survey import survey
from fixtures.disk.raw import build_raw
from tests.collector import machine
from tests.collector.fakes import MemoryCase
from tests.tools import need_disk_builder

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The machine's raw image."""
    need_disk_builder()
    folder = tmp_path_factory.mktemp("machine")
    return build_raw(machine.plan(), folder / "disk.raw", folder / "work").raw


@pytest.fixture(scope="module")
def collected(disk: Path) -> tuple[MemoryCase, CollectSummary]:
    """The machine collected once."""
    case = MemoryCase()
    with closing(open_source(disk)) as image:
        return case, collect(image, case, Plan())


def test_facts_come_from_the_current_control_set(collected: tuple[MemoryCase, CollectSummary]) -> None:
    """Select says 2; the name in set 1 is an old one."""
    host = collected[1].host
    assert (host.name, host.domain, host.control_set) == ("MAIL7", "corp.example", "ControlSet002")
    assert host.os == "Windows Server 2016 Standard"
    assert [(e.key, e.path, e.version) for e in host.exchange] == [("v15", "X:\\Ex\\", "15.1.2044.4")]


def test_letters_come_from_identity_or_from_content(collected: tuple[MemoryCase, CollectSummary]) -> None:
    """C: by disk signature and offset; X: because only that volume holds the folder that the registry names."""
    volumes = collected[1].host.volumes
    assert [v.letter for v in volumes] == ["C:", "X:"]
    assert "disk signature a1b2c3d4, offset 1048576" in volumes[0].how
    assert volumes[1].how.startswith("by content")


def test_the_zone_has_the_rules_of_each_year(collected: tuple[MemoryCase, CollectSummary]) -> None:
    """2019 had no summer time in this hive, later years have; 28 March 2021, 01:00 UTC is the change."""
    zone = collected[1].host.zone
    assert zone is not None

    def offset(*when: int) -> int:
        return zone.offset_minutes(int(datetime(*when, tzinfo=UTC).timestamp()) * 10**9)  # type: ignore[arg-type,misc]

    assert offset(2019, 7, 1) == 60
    assert (offset(2021, 3, 28, 0, 59), offset(2021, 3, 28, 1, 0)) == (60, 120)
    assert "Time Zones" in zone.how


@pytest.mark.parametrize(
    ("path", "definition"),
    [
        (r"X:\Ex\Logging\ECP\Server\ECPServer20210303-1.LOG", "ExchangeEcpServerLogs"),
        (r"X:\Ex\FrontEnd\owa\logon.aspx", "ExchangeWebFolders"),
        (r"X:\weblogs\W3SVC1\u_ex210303.log", "IisLogs"),
        (r"X:\ev\Security.evtx", "WindowsEventLogs"),
        (r"X:\ev\Archive-Security-1.evtx", "WindowsEventLogs"),
        (r"X:\www\keep.txt", "WebRoots"),
        (r"C:\Windows\System32\config\SYSTEM", "WindowsRegistryHives"),
    ],
)
def test_moved_artefacts_are_found(path: str, definition: str, collected: tuple[MemoryCase, CollectSummary]) -> None:
    """Where the machine says they are, not where they usually are."""
    assert definition in collected[0].item(path).definitions


def test_the_source_record_tells_how_the_image_is_made(collected: tuple[MemoryCase, CollectSummary]) -> None:
    """Scheme, signature, partitions and fingerprint are kept; no path of the examiner's machine is."""
    import msgspec

    record = collected[0].sources["SRC-01"]
    assert (record.scheme, record.disk_signature, len(record.partitions)) == ("mbr", "a1b2c3d4", 2)
    assert b"/tmp" not in msgspec.json.encode(record)


def test_reused_clusters_are_reported_not_recovered(disk: Path, opened: Callable[[Path], Image]) -> None:
    """A deleted archive of which one cluster is in use again gives no item, but an outcome with the count."""
    image, case = opened(disk), MemoryCase()
    data = next(v for v in survey(image, frozenset({"zip"})) if v.tree.deleted)
    file = data.fs.file(data.tree.deleted[0].record)
    assert file is not None
    cluster = file.streams[0].first_cluster
    bitmap = data.fs.file(6)
    assert cluster is not None
    assert bitmap is not None
    _occupy(image, data.volume.offset + (bitmap.streams[0].first_cluster or 0) * data.fs.cluster, cluster)
    collect(image, case, Plan())
    assert not [i for i in case.items if i.state == "recovered"]
    reasons = [m.reason for m in case.not_taken if m.path == r"X:\www\reused.zip"]
    assert reasons == ["clusters reused (1 of its clusters hold other data now)"]


def _occupy(image: Image, bitmap: int, cluster: int) -> None:
    """Set one bit of $Bitmap in what the media gives."""
    whole, at = image.media.read_at, bitmap + cluster // 8

    def read_at(offset: int, length: int) -> bytes:
        data = bytearray(whole(offset, length))
        if offset <= at < offset + len(data):
            data[at - offset] |= 1 << cluster % 8
        return bytes(data)

    image.media.read_at = read_at  # type: ignore[method-assign]
