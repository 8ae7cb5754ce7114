"""A Velociraptor server's own files: no two machines may become one."""

from __future__ import annotations

from pathlib import Path

import pytest

from shellcase.errors import UsageError
from tests.collector import gathering as g
from tests.collector.test_gathered import EVTX, PAGE, everything, only, opened

DRIVE = "uploads/auto/C%3A"
NTFS = "uploads/ntfs/%5C%5C.%5CC%3A"
LOG = "Windows/System32/winevt/Logs/Security.evtx"
BESIDE = {"clients/C.1/monitoring/Generic.Client.Stats/2021-03-03.json": b"{}", "config/inventory.json.db": b"{}"}


def flow(client: str, number: str) -> str:
    return f"clients/{client}/collections/{number}"


def test_several_clients_in_one_archive_are_refused_by_name(tmp_path: Path) -> None:
    """Their logs were taken as those of one machine."""
    files = {f"{flow(c, 'F.1')}/{NTFS}/{LOG}": EVTX for c in ("C.1", "C.2")} | BESIDE
    for source in (g.as_zip(files, tmp_path / "s.zip"), g.as_folder(files, tmp_path / "s")):
        with pytest.raises(UsageError, match=r"several collections: clients/C\.1/.*, clients/C\.2/") as refused:
            opened(source).__enter__()
        assert "itself" in refused.value.todo


def test_a_store_with_one_client_keeps_drives_and_paths(tmp_path: Path) -> None:
    files = {f"{flow('C.1', 'F.1')}/{NTFS}/{LOG}": EVTX, **BESIDE}
    with only(g.as_zip(files, tmp_path / "s.zip")) as volume:
        assert volume.volume.name == "C:"
        assert volume.tree.find("\\" + LOG.replace("/", "\\"))


def test_flows_of_one_client_are_one_machine(tmp_path: Path) -> None:
    """What both fetched is taken once, and the second is named as left."""
    page = "inetpub/wwwroot/aspnet_client/a.aspx"
    files = {
        f"server/{flow('C.1', 'F.1')}/{NTFS}/{LOG}": EVTX,
        f"server/{flow('C.1', 'F.2')}/{DRIVE}/{page}": PAGE,
        f"server/{flow('C.1', 'F.2')}/{DRIVE}/{LOG}": EVTX + b"later",
    }
    with opened(g.as_zip(files, tmp_path / "s.zip")) as image:
        found = everything(image)
        assert set(found) == {f"c:\\{p.lower()}".replace("/", "\\") for p in (LOG, page)}
    with only(tmp_path / "s.zip") as volume:
        (entry,) = [e for e in volume.tree.files if e.name == "Security.evtx"]
        file = volume.fs.file(entry.record)
        assert file is not None
        assert file.streams[0].size == len(EVTX)


def test_a_web_folder_called_uploads_is_no_flow(tmp_path: Path) -> None:
    files = {f"{site}/uploads/file/2021/x.aspx": PAGE for site in ("a", "b")} | {"readme/Security.evtx": EVTX}
    with only(g.as_zip(files, tmp_path / "s.zip")) as volume:
        assert volume.volume.name != "C:"
