"""Collections without hives: Exchange is found by the folders that only it has, wherever and of whatever version."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.hostfacts import read_host_facts
from collector.survey import survey
from tests.collector import gathering as g
from tests.collector.test_gathered import opened

MICROSOFT = "C/Program Files/Microsoft"


def installs(files: dict[str, bytes], folder: Path) -> set[str]:
    with opened(g.as_folder({**files, "C/Windows/System32/drivers/etc/hosts": b"x"}, folder)) as image:
        return {e.path for e in read_host_facts(image, survey(image)).exchange}


@pytest.mark.parametrize(
    ("file", "root"),
    [
        (f"{MICROSOFT}/Exchange Server/V14/TransportRoles/Logs/MessageTracking/MSGTRK20210303-1.LOG", "V14"),
        (f"{MICROSOFT}/Exchange Server/TransportRoles/Logs/ProtocolLog/RECV20210303-1.LOG", "Exchange Server"),
        ("D/Exch/Logging/ECP/Server/ECPServer20210303-1.LOG", "Exch"),
        ("D/Exch/Logging/CmdletInfra/LocalPowerShell/Cmdlet/x_Cmdlet_2021030306-1.LOG", "Exch"),
        ("D/Exch/Logging/HttpProxy/Owa/HttpProxy_2021030306-1.LOG", "Exch"),
    ],
)  # fmt: skip
def test_an_installation_is_known_by_its_logs(file: str, root: str, tmp_path: Path) -> None:
    """The tracking logs of Exchange 2010 were left where they lay without a word."""
    found = installs({file: b"#Software: Microsoft Exchange Server\r\n"}, tmp_path / "c")
    assert [path.rstrip("\\").rpartition("\\")[2] for path in found] == [root]


def test_folders_of_other_products_are_none(tmp_path: Path) -> None:
    assert (
        installs({"D/App/Logs/a.log": b"x", "D/App/ecp/a.log": b"x", "D/Logging/a.log": b"x"}, tmp_path / "c") == set()
    )
