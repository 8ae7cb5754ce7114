"""Facts of the machine, from hives and configuration of real machines."""

from __future__ import annotations

import lzma
import struct
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector import letters
from collector.environment import expand, normal
from collector.hives import Hive
from collector.iisconfig import read_sites
from collector.timezone import read_zone


@pytest.fixture(scope="module")
def system(shared_dir: Path) -> Hive:
    """The SYSTEM hive of a Windows 7 machine in the eastern United States."""
    path = shared_dir / "corpora" / "regipy" / "regipy_tests" / "data" / "SYSTEM.xz"
    return Hive("SYSTEM", lzma.decompress(path.read_bytes()))


def test_the_zone_of_a_real_hive_changes_clocks_when_that_zone_does(system: Hive) -> None:
    """14 March 2021, 07:00 UTC: from five hours behind to four. The hive's own dates, no zone database."""
    zone, how = read_zone(system, Hive("SOFTWARE", None), "ControlSet001")
    assert zone is not None
    assert zone.key == "Eastern Standard Time"
    assert "TimeZoneInformation itself" in how
    change = int(datetime(2021, 3, 14, 7, tzinfo=UTC).timestamp()) * 10**9
    assert (zone.offset_minutes(change - 1), zone.offset_minutes(change)) == (-300, -240)


def test_drive_letters_of_a_real_hive(system: Hive) -> None:
    """C: is a disk signature and an offset of 1 MiB."""
    found = letters.mounted(system)
    assert [name for name in found if len(name) == 2] == ["A:", "C:", "D:", "E:"]
    assert sum(name.startswith("volume{") for name in found) == 7
    assert found["C:"] in [raw for name, raw in found.items() if name.startswith("volume{")]
    assert struct.unpack_from("<Q", found["C:"], 4)[0] == 1 << 20


def test_a_corrupt_hive_gives_notes_not_crashes(shared_dir: Path) -> None:
    """Values that are still there are read; what is gone is None."""
    path = shared_dir / "corpora" / "regipy" / "regipy_tests" / "data" / "corrupted_system_hive.xz"
    hive = Hive("SYSTEM", lzma.decompress(path.read_bytes()))
    assert hive.number("Select", "Current") == 1
    assert hive.value("No\\Such\\Key", "x") is None


@pytest.mark.parametrize("raw", [None, b"", b"regf", b"regf" + bytes(5000), b"no hive at all" * 400])
def test_what_is_no_hive_is_noted(raw: bytes | None) -> None:
    """The facts stay empty and the note says which hive."""
    hive = Hive("SOFTWARE", raw)
    assert hive.text("Microsoft\\Cryptography", "MachineGuid") == ""
    assert hive.subkeys("Microsoft") == []
    assert "SOFTWARE" in hive.notes[0]


def test_sites_of_a_real_exchange_server(shared_dir: Path) -> None:
    """Two sites, their log folders expanded with the evidence's drive, their virtual directories."""
    tests = shared_dir / "corpora" / "css-exchange" / "Diagnostics" / "HealthChecker" / "Tests"
    path = tests / "DataCollection" / "E16" / "Exchange" / "IIS" / "applicationHost.config"
    sites, notes = read_sites(path.read_bytes(), {"systemdrive": "Q:"})
    assert notes == []
    assert [(s.id, s.name) for s in sites] == [(1, "Default Web Site"), (2, "Exchange Back End")]
    assert sites[0].log_directory == "Q:\\inetpub\\logs\\LogFiles\\W3SVC1"
    assert dict(sites[0].roots)["/EWS"].endswith("\\FrontEnd\\HttpProxy\\EWS")


@pytest.mark.parametrize(
    "raw",
    [
        b"<configuration><sites>",
        b"\xff\xfe\x00",
        b'<!DOCTYPE a [<!ENTITY b "c">]><configuration>&b;</configuration>',
        b"<configuration/>",
    ],
)
def test_a_hostile_or_broken_configuration_is_a_note(raw: bytes) -> None:
    """No entity is expanded, nothing is raised."""
    sites, notes = read_sites(raw, {})
    assert sites == ()
    assert notes[0].startswith("applicationHost.config:")


def test_variables_that_name_themselves_end() -> None:
    """A hostile environment cannot make the expansion run on."""
    assert len(expand("%a%", {"a": "%a%%a%"})) <= 4096
    assert expand("%Nope%\\x", {}) == "%Nope%\\x"


def test_paths_get_one_spelling() -> None:
    """Slashes, doubled backslashes, device prefixes and quotes."""
    assert normal('"\\\\?\\C:/inetpub\\\\wwwroot\\"') == "C:\\inetpub\\wwwroot"
