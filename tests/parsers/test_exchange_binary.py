"""Versions of Exchange's programs: the numbers Windows shows, what they are called, and no trouble with damage."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parsers.exchange.binary import PARSER, known_build
from tests.parsers.one_byte import check_one_byte, read
from tests.parsers.pe_build import program

PATH = "C:\\Program Files\\Microsoft\\Exchange Server\\V15\\bin\\ExSetup.exe"
_QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("wide", [True, False])
def test_a_program_tells_its_build_as_pefile_reads_it(wide: bool, tmp_path: Path) -> None:
    pefile = pytest.importorskip("pefile")
    raw = program((15, 1, 2176, 2), wide=wide)
    fixed = pefile.PE(data=raw).VS_FIXEDFILEINFO[0]
    numbers = (
        fixed.FileVersionMS >> 16,
        fixed.FileVersionMS & 0xFFFF,
        fixed.FileVersionLS >> 16,
        fixed.FileVersionLS & 0xFFFF,
    )
    event = read(PARSER, raw, PATH, tmp_path).events[0]
    assert event.data["version"] == ".".join(map(str, numbers))
    table = pefile.PE(data=raw).FileInfo[0][0].StringTable[0].entries
    assert {k: v for k, v in event.data.items() if k[0] == "@"} == {
        f"@{k.decode()}": v.decode() for k, v in table.items()
    }
    assert event.subject == "ExSetup.exe is version 15.1.2176.2, Exchange 2016 CU19"


def test_real_programs_tell_what_pefile_reads(tmp_path: Path) -> None:
    """The launchers that pip carries: real linkers' resources, with a VarFileInfo behind the strings."""
    pefile = pytest.importorskip("pefile")
    pip = pytest.importorskip("pip")
    files = sorted(Path(str(pip.__file__)).parent.glob("_vendor/distlib/*.exe"))
    if not files:
        pytest.skip("this pip carries no launchers")
    for file in files:
        table = pefile.PE(str(file)).FileInfo[0][0].StringTable[0].entries
        event = read(PARSER, file.read_bytes(), PATH, tmp_path).events[0]
        shown = {k: v for k, v in event.data.items() if k[0] == "@"}
        assert shown == {f"@{k.decode()}": v.decode() for k, v in table.items()}


@pytest.mark.parametrize(
    ("version", "update", "fixed"),
    [
        ((15, 1, 2176, 2), "CU19", "no"),
        ((15, 1, 2176, 9), "CU19", "yes"),
        ((15, 1, 2375, 7), "CU22", "yes"),
        ((15, 2, 858, 5), "CU9", "yes"),
        ((15, 2, 721, 2), "CU7", "no"),
        ((15, 0, 1497, 12), "CU23", "yes"),
        ((15, 1, 225, 42), None, "unknown"),
        ((15, 2, 1544, 4), None, "yes"),
    ],
)
def test_a_build_is_named_and_its_march_update_known(
    version: tuple[int, int, int, int], update: str | None, fixed: str
) -> None:
    found = known_build(version)
    assert (found.get("update"), found["march_2021"]) == (update, fixed)


def test_a_program_without_a_version_is_a_failed_record_with_a_reason(tmp_path: Path) -> None:
    said = read(PARSER, program()[:0x200], PATH, tmp_path)
    assert (said.events, said.ledger.found, said.ledger.failed) == ([], 1, 1)
    assert said.issues[0].found == "no version resource"


@given(raw=st.binary(max_size=400), at=st.integers(0, 1600))
@_QUICK
def test_no_bytes_put_into_a_program_upset_the_reader(raw: bytes, at: int, tmp_path: Path) -> None:
    whole = program()
    said = read(PARSER, (whole[:at] + raw + whole[at + len(raw) :])[: len(whole)], PATH, tmp_path)
    assert said.ledger.found == said.ledger.parsed + said.ledger.failed
    assert said.ledger.bytes_seen <= 1 << 18


@given(chance=st.data())
@_QUICK
def test_one_changed_byte_of_the_resource_shows(chance: st.DataObject, tmp_path: Path) -> None:
    check_one_byte(PARSER, program(), PATH, tmp_path, chance)
