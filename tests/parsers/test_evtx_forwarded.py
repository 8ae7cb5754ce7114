"""Records that other computers sent to this one are not told as this one's."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.formats.evtx import Record, write_evtx
from parsers.eventlog.evtx import PARSER
from shellcase.coverage.eventlogs import jumps
from shellcase.ledger import read_ledger
from shellcase.model import HostFacts, Job
from shellcase.timeline import Timeline
from tests.conftest import make_case
from tests.parsers.samples import T0
from tests.parsers.stub import Answer, answer, write_source

_LOGS = "C:\\Windows\\System32\\winevt\\Logs\\"


def _record(computer: str) -> Record:
    return Record(
        time_ns=T0, provider="Microsoft-Windows-Security-Auditing", event_id=4688, channel="Security", computer=computer
    )


def _read(folder: Path, name: str, *computers: str, host: str = "") -> Answer:
    source = write_source(folder, write_evtx([_record(c) for c in computers]), _LOGS + name)
    return answer(PARSER.parse, Job(source=source, host=HostFacts(name=host)))


@pytest.mark.parametrize("name", ["ForwardedEvents.evtx", "Archive-ForwardedEvents-2021-03-05-10-00-00-123.evtx"])
def test_a_forwarded_record_is_told_as_the_senders(name: str, tmp_path: Path) -> None:
    """Its own go under their own channel, the others under that of the computer; one issue says how many."""
    said = _read(tmp_path, name, "DC02.corp.example", "ex01.corp.example", host="EX01")
    assert [r["channel"] for r in said.rows] == ["Security of DC02.corp.example", "Security"]
    assert [(i.grade, i.found) for i in said.issues] == [("odd", "DC02.corp.example: 1")]


def test_a_log_of_its_own_keeps_its_channel_after_the_computer_was_renamed(tmp_path: Path) -> None:
    """A computer has another name before it joins its domain."""
    said = _read(tmp_path, "Security.evtx", "WIN-1A2B3C", "EX01.corp.example", host="EX01")
    assert [r["channel"] for r in said.rows] == ["Security", "Security"]
    assert not said.issues


def test_numbers_of_another_computer_are_no_gap_in_the_own_log(tmp_path: Path) -> None:
    """The log was said to lack 899 records, which is what an intruder leaves who removes some."""
    logs = tmp_path / "found" / "C" / "Windows" / "System32" / "winevt" / "Logs"
    logs.mkdir(parents=True)
    (logs / "ForwardedEvents.evtx").write_bytes(write_evtx([_record("DC02.corp.example")], first_record_id=1))
    (logs / "Security.evtx").write_bytes(write_evtx([_record("EX01.corp.example")], first_record_id=901))
    case, code = make_case(tmp_path / "found", tmp_path / "case", jobs=1)
    timeline = Timeline.connect(case.timeline_folder())
    try:
        assert jumps(timeline).missing == 0
    finally:
        timeline.close()
    assert code == 0
    assert sum(len(e.issues) for e in read_ledger(case)) == 1
