"""Shortcuts and jump lists: what real links say, that every entry of a list is told, and what damage costs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parsers.execution import jumplist, lnk
from shellcase.model import Job
from tests.parsers import execution_build as build
from tests.parsers.one_byte import check_one_byte
from tests.parsers.replaying import check_way_back
from tests.parsers.stub import Answer, answer, corpora, write_source
from tests.tools import need_shared

RECENT = "C:\\Users\\ann\\AppData\\Roaming\\Microsoft\\Windows\\Recent\\"
AUTOMATIC = RECENT + "AutomaticDestinations\\9b9cdc69c1c24e2b.automaticDestinations-ms"
CUSTOM = RECENT + "CustomDestinations\\28c8b86deab549a1.customDestinations-ms"
PATHS = ["C:\\Users\\ann\\Desktop\\notes.txt", "D:\\dump\\lsass.dmp", "C:\\inetpub\\wwwroot\\x.aspx"]
_QUICK = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _real(name: str) -> bytes:
    file = corpora() / "plaso/test_data" / name
    need_shared(file.is_file())
    return file.read_bytes()


def _link(folder: Path, raw: bytes, path: str = "C:\\Users\\ann\\Recent\\a.lnk") -> Answer:
    return answer(lnk.parse, Job(source=write_source(folder, raw, path)))


@pytest.mark.parametrize(("name", "steps", "times"), [("NeroInfoTool.lnk", 5, 2), ("unpaired_surrogate.lnk", 2, 3)])
def test_real_links_tell_the_target_the_tracker_and_each_step(
    name: str, steps: int, times: int, tmp_path: Path
) -> None:
    """plaso counts 7 and 4 events for them: one for the link, one for the tracker, one for each step with times."""
    said = _link(tmp_path, _real(name))
    kinds = [e.kind for e in said.events]
    assert kinds.count(lnk.TRACKER) == 1
    assert len({str(e.data["name"]) for e in said.events if e.kind == lnk.ITEM}) == steps
    assert kinds.count(lnk.TARGET) == times
    assert (said.ledger.found, said.ledger.parsed, said.issues) == (1, 1, [])


def test_a_real_link_tells_arguments_machine_and_network_card(tmp_path: Path) -> None:
    events = _link(tmp_path, _real("NeroInfoTool.lnk")).events
    target = next(e for e in events if e.kind == lnk.TARGET)
    assert target.data["arguments"] == "-ScParameter=30002  "
    assert target.file_path == "C:\\Program Files (x86)\\Nero\\Nero 9\\Nero InfoTool\\InfoTool.exe"
    assert target.data["volume_serial"] == "70ECFA33"
    tracker = next(e for e in events if e.kind == lnk.TRACKER)
    assert (tracker.data["machine"], tracker.data["mac"]) == ("win-3qmdjgkf3g9", "70:5a:b6:16:a5:f3")
    assert tracker.when.text == "2010-01-29T21:02:17.8401717Z"


def test_a_name_that_is_no_character_is_kept(tmp_path: Path) -> None:
    target = next(e for e in _link(tmp_path, _real("unpaired_surrogate.lnk")).events if e.kind == lnk.TARGET)
    assert str(target.file_path).endswith("unicode_U+0000d800_\\ud800.exe")


def test_a_link_that_breaks_off_still_tells_its_times(tmp_path: Path) -> None:
    said = _link(tmp_path, build.link("C:\\x.exe", "-a")[:90])
    assert said.events[0].data["times"] == ["created", "written"]
    assert [i.grade for i in said.issues] == ["damaged"]


@pytest.mark.parametrize("version", [1, 3, 4])
def test_every_entry_and_link_of_an_automatic_list_is_told(version: int, tmp_path: Path) -> None:
    source = write_source(tmp_path, build.automatic(PATHS, version), AUTOMATIC)
    said = answer(jumplist.parse, Job(source=source))
    entries = [e for e in said.events if e.kind == jumplist.ENTRY]
    assert [e.file_path for e in entries] == PATHS
    assert [e.data["opened"] for e in entries] == [None if version == 1 else 3] * 3
    assert {(e.user, e.data["application"]) for e in entries} == {("ann", "Notepad")}
    assert {e.file_path for e in said.events if e.kind == jumplist.TARGET} == set(PATHS)
    assert (said.ledger.found, said.ledger.announced, said.ledger.failed, said.issues) == (6, 6, 0, [])


def test_a_list_with_many_entries_lies_in_sectors_of_its_own(tmp_path: Path) -> None:
    """From 4096 bytes on a stream is not in the mini stream."""
    paths = [f"C:\\work\\{n}.txt" for n in range(40)]
    said = answer(jumplist.parse, Job(source=write_source(tmp_path, build.automatic(paths), AUTOMATIC)))
    assert [e.file_path for e in said.events if e.kind == jumplist.ENTRY] == paths
    assert said.ledger.found == 80


def test_every_link_of_a_custom_list_is_told(tmp_path: Path) -> None:
    said = answer(jumplist.parse, Job(source=write_source(tmp_path, build.custom(PATHS), CUSTOM)))
    assert {e.file_path for e in said.events if e.kind == jumplist.TARGET} == set(PATHS)
    assert (said.ledger.found, said.ledger.failed, said.issues) == (3, 0, [])


def test_an_entry_that_the_head_does_not_know_is_an_issue(tmp_path: Path) -> None:
    raw = bytearray(build.automatic(PATHS))
    at = raw.index(b"\x04\0\0\0\x03\0\0\0\0\0\0\0")
    raw[at + 4] = 9
    said = answer(jumplist.parse, Job(source=write_source(tmp_path, bytes(raw), AUTOMATIC)))
    assert ("9", "3") in {(i.expected, i.found) for i in said.issues}
    assert said.ledger.found == 6


def test_events_of_a_jump_list_lead_back_to_their_bytes(tmp_path: Path) -> None:
    check_way_back(jumplist.PARSER, build.automatic(PATHS), AUTOMATIC, tmp_path, range(0, 12, 2))
    check_way_back(jumplist.PARSER, build.custom(PATHS), CUSTOM, tmp_path, range(4))


@given(data=st.data())
@_QUICK
def test_one_changed_byte_costs_one_record(data: st.DataObject, tmp_path: Path) -> None:
    raw, path = data.draw(st.sampled_from([(build.automatic(PATHS), AUTOMATIC), (build.custom(PATHS), CUSTOM)]))
    check_one_byte(jumplist.PARSER, raw, path, tmp_path, data)
    check_one_byte(lnk.PARSER, build.link(PATHS[0], "-x"), "C:\\a.lnk", tmp_path, data)
