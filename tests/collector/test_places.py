"""Exchange on machines that no longer say where it lies: hives gone, or only the data volume at hand."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from collector.collect import CollectSummary, Plan, collect
from collector.image import open_source
from fixtures.disk.raw import build_raw
from fixtures.plan import Create, DiskPlan
from tests.collector import machine
from tests.collector.fakes import MemoryCase
from tests.tools import need_disk_builder

pytestmark = pytest.mark.real

_SYSTEM, _SOFTWARE, _IIS = (
    rf"\Windows\System32\{x}" for x in (r"config\SYSTEM", r"config\SOFTWARE", r"inetsrv\config\applicationHost.config")
)
_MORE = {
    r"\Ex\Logging\HttpProxy\Owa\HttpProxy_2021030306-1.LOG": b"DateTime,RequestId\r\n",
    r"\Ex\FrontEnd\HttpProxy\owa\auth\x.aspx": b"<%@ Page %>",
    r"\ev\Application.evtx": b"ElfFile\0" + bytes(100),
    r"\backup\2020\a\old.EVTX": b"ElfFile\0" + bytes(200),
    r"\2003.evt": b"\x30\0\0\0LfLe" + bytes(200),
}
_WANTED = {
    r"\Ex\Logging\HttpProxy\Owa\HttpProxy_2021030306-1.LOG": "ExchangeHttpProxyLogs",
    r"\Ex\Logging\ECP\Server\ECPServer20210303-1.LOG": "ExchangeEcpServerLogs",
    r"\Ex\FrontEnd\HttpProxy\owa\auth\x.aspx": "ExchangeWebFolders",
    r"\weblogs\W3SVC1\u_ex210303.log": "IisLogs",
    r"\ev\Archive-Security-1.evtx": "WindowsEventLogs",
}


def _plan(lost: tuple[str, ...], changed: dict[str, bytes]) -> DiskPlan:
    plan = machine.plan()
    kept = [
        replace(s, data=changed.get(s.path, s.data)) if isinstance(s, Create) else s
        for s in plan.steps
        if not (isinstance(s, Create) and s.path in lost)
    ]
    more = [
        Create(t=machine.BORN + (60 + n) * machine.SECOND, volume="D", path=p, data=d)
        for n, (p, d) in enumerate(_MORE.items())
    ]
    return replace(plan, steps=(*kept, *more))


@pytest.fixture
def collected(tmp_path: Path) -> Callable[..., tuple[MemoryCase, CollectSummary]]:
    """Build a machine without some files, or with other bytes in them, and collect it."""
    need_disk_builder()

    def start(
        *lost: str, changed: dict[str, bytes] | None = None, profile: str = "exchange"
    ) -> tuple[MemoryCase, CollectSummary]:
        raw = build_raw(_plan(lost, changed or {}), tmp_path / "disk.raw", tmp_path / "work").raw
        case = MemoryCase()
        with closing(open_source(raw)) as image:
            return case, collect(image, case, Plan(profile=profile))

    return start


def _taken(case: MemoryCase, prefix: str) -> dict[str, str]:
    return {
        path: definition
        for path, definition in _WANTED.items()
        if any(i.path == prefix + path and definition in i.definitions for i in case.items)
    }


def test_without_any_hive_or_configuration_the_folders_tell(
    collected: Callable[..., tuple[MemoryCase, CollectSummary]],
) -> None:
    """Nothing names a letter either; every log and page is still taken, and the notes say how it was found."""
    case, summary = collected(_SYSTEM, _SOFTWARE, _IIS)
    assert _taken(case, "vol2") == _WANTED
    assert [e.path for e in summary.host.exchange] == ["vol2\\Ex\\"]
    assert any("found by its folders" in note for note in summary.host.notes)


def test_a_software_hive_of_zeros_leaves_the_configuration_of_the_web_server(
    collected: Callable[..., tuple[MemoryCase, CollectSummary]],
) -> None:
    """A virtual directory below FrontEnd names installation and letter; logs that nobody can expand are found."""
    front = (
        b'<configuration><system.applicationHost><sites><site name="a" id="1"><logFile directory="%Lost%" />'
        b'<application path="/owa"><virtualDirectory path="/" physicalPath="X:\\Ex\\FrontEnd\\HttpProxy\\owa" />'
        b"</application></site></sites></system.applicationHost></configuration>"
    )
    case, summary = collected(changed={_SOFTWARE: bytes(8192), _IIS: front})
    assert [(e.key, e.path) for e in summary.host.exchange] == [("IIS configuration", "X:\\Ex\\")]
    assert _taken(case, "X:") == _WANTED


def test_configured_places_are_not_searched_for(
    collected: Callable[..., tuple[MemoryCase, CollectSummary]],
) -> None:
    """Where the hives tell, nothing is added: a copy of the logs would count requests twice."""
    _case, summary = collected()
    assert [e.key for e in summary.host.exchange] == ["v15"]
    assert [s.id for s in summary.host.sites] == [1]


@pytest.mark.parametrize("profile", ["exchange", "full"])
def test_event_logs_in_any_folder_are_taken_by_the_full_profile(
    collected: Callable[..., tuple[MemoryCase, CollectSummary]], profile: str
) -> None:
    """Exported or left by an earlier system; the usual profile looks where the system and its registry say."""
    case, _summary = collected(profile=profile)
    elsewhere = {i.path for i in case.items if "EventLogsElsewhere" in i.definitions}
    assert elsewhere >= ({r"X:\backup\2020\a\old.EVTX", r"X:\2003.evt"} if profile == "full" else set())
    assert bool(elsewhere) == (profile == "full")
    [moved] = [i for i in case.items if i.path == r"X:\ev\Archive-Security-1.evtx"]
    assert "WindowsEventLogs" in moved.definitions
