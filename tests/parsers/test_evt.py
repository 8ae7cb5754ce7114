"""Event logs of Windows 2003: the ring in its right part live, what lies behind it shown as old, damage local."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parsers.eventlog.evt import PARSER
from shellcase.model import Job
from tests.parsers.evt_build import T0, log, record
from tests.parsers.one_byte import check_one_byte
from tests.parsers.replaying import check_way_back
from tests.parsers.stub import Answer, answer, write_source

PATH = "C:\\WINDOWS\\system32\\config\\SecEvent.Evt"
_QUICK = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(raw: bytes, folder: Path, path: str = PATH) -> Answer:
    return answer(PARSER.parse, Job(source=write_source(folder, raw, path)))


def numbers(said: Answer, state: str) -> list[int]:
    return [int(str(e.data["RecordNumber"])) for e in said.events if e.origin.state == state]


def plain(dirty: bool = False) -> bytes:
    return log([record(n, ("alice", "CORP", "x" * n, "3")) for n in range(1, 21)], 8192, dirty=dirty)


def wrapped() -> bytes:
    """Sixty records into room for some twenty, the last of the file going on behind the header."""
    return log([record(n, ("bob", "CORP", "y" * (n % 7), "10")) for n in range(1, 61)], 4096)


def test_every_part_of_a_record_is_told(tmp_path: Path) -> None:
    strings = ("alice", "", "CORP", "\ud800", "ü")
    raw = log([record(7, strings, code=0xC0010210, data=b"\1\2", written=T0)], 4096)
    event = read(raw, tmp_path).events[0]
    assert dict(event.data) | {"record_crc32": ""} == {
        "RecordNumber": "7",
        "EventID": "0xc0010210",
        "Type": "Success audit",
        "Category": "2",
        "Computer": "EX2003",
        "UserID": "S-1-5-21-1-2-3-1001",
        "Binary": "0102",
        "record_crc32": "",
        "Data": ["alice", "", "CORP", "\\x00\\xd8", "ü"],
        "written": "2003-03-03T06:49:42Z",
    }
    assert (event.event_code, event.channel, event.provider) == ("528", "Security", "Security")
    assert (event.when.ns, event.when.text) == ((T0 + 7) * 10**9, "2003-03-03T06:49:49Z")


def test_a_logon_is_told_in_plain_words(tmp_path: Path) -> None:
    event = read(plain(), tmp_path).events[0]
    assert event.subject == "logon type 3 of CORP\\alice from"
    assert event.user == "CORP\\alice"


@pytest.mark.parametrize("dirty", [False, True])
def test_the_cursor_is_believed_and_a_dirty_header_is_not(dirty: bool, tmp_path: Path) -> None:
    """A machine whose plug was pulled has a header from the last clean stop."""
    said = read(plain(dirty), tmp_path)
    assert numbers(said, "live") == list(range(1, 21))
    assert (said.ledger.found, said.ledger.parsed, said.ledger.announced, said.issues) == (20, 20, 20, [])


def test_a_log_that_went_round_gives_its_newest_records_once(tmp_path: Path) -> None:
    said = read(wrapped(), tmp_path)
    live = sorted(numbers(said, "live"))
    assert live == list(range(live[0], 61))
    assert said.ledger.announced == said.ledger.found == len(live) > 10
    assert any(len(e.origin.spans) == 3 for e in said.events), "no record runs over the file's end: a poor sample"
    assert not said.issues


def test_a_cleared_log_gives_its_old_records_as_slack(tmp_path: Path) -> None:
    said = read(log([record(n) for n in range(1, 11)], 8192, cleared=True), tmp_path)
    assert (said.ledger.found, said.ledger.recovered, said.ledger.announced) == (0, 10, 0)
    assert numbers(said, "slack") == list(range(1, 11))


def test_older_records_behind_the_cursor_are_slack(tmp_path: Path) -> None:
    """The log was cleared after thirty records, two new ones lie over the first."""
    old = bytearray(log([record(n) for n in range(1, 31)], 8192, cleared=True))
    new = log([record(n) for n in range(31, 33)], 8192)
    end = 48 + len(record(31)) * 2 + 40
    old[:end] = new[:end]
    said = read(bytes(old), tmp_path)
    assert numbers(said, "live") == [31, 32]
    assert numbers(said, "slack") == list(range(4, 31))


@pytest.mark.parametrize(("at", "value"), [(4, b"LfLf"), (0, b"\0\0\0\0"), (0, b"\x60\0\0\0"), (-4, b"\0\0\0\0")])
def test_one_spoiled_mark_of_a_record_costs_nothing(at: int, value: bytes, tmp_path: Path) -> None:
    raw = bytearray(plain())
    sound = read(bytes(raw), tmp_path).events
    start = sound[9].origin.spans[0].offset if at >= 0 else sound[10].origin.spans[0].offset
    raw[start + at : start + at + 4] = value
    said = read(bytes(raw), tmp_path)
    assert numbers(said, "live") == list(range(1, 21))
    assert [i.what.partition(":")[0] for i in said.issues] == ["record header"]


def test_a_record_without_size_costs_only_itself(tmp_path: Path) -> None:
    raw = bytearray(plain())
    spans = [e.origin.spans[0] for e in read(bytes(raw), tmp_path).events]
    raw[spans[9].offset : spans[9].offset + 4] = raw[spans[10].offset - 4 : spans[10].offset] = b"\xff" * 4
    said = read(bytes(raw), tmp_path)
    assert (said.ledger.found, said.ledger.failed) == (20, 1)
    assert said.ledger.failed_ranges == ((spans[9].offset, spans[9].length),)


def test_a_log_without_header_and_cursor_gives_all_it_has(tmp_path: Path) -> None:
    raw = bytearray(plain())
    place = raw.index(b"\x11" * 4) - 4
    raw[:48] = bytes(48)
    raw[place : place + 40] = bytes(40)
    said = read(bytes(raw), tmp_path)
    assert numbers(said, "live") == list(range(1, 21))
    assert len(said.issues) == 2


@pytest.mark.parametrize("make", [plain, wrapped])
def test_events_lead_back_to_their_bytes(make: Callable[[], bytes], tmp_path: Path) -> None:
    raw = make()
    check_way_back(PARSER, raw, PATH, tmp_path, range(0, len(read(raw, tmp_path).events), 3))


@given(chance=st.data())
@_QUICK
def test_one_changed_byte_of_a_record_costs_no_other(chance: st.DataObject, tmp_path: Path) -> None:
    check_one_byte(PARSER, chance.draw(st.sampled_from([plain(), plain(True), wrapped()])), PATH, tmp_path, chance)


@given(at=st.integers(0, 47), byte=st.integers(0, 255), end=st.booleans())
@_QUICK
def test_one_changed_byte_of_header_or_cursor_costs_no_record(at: int, byte: int, end: bool, tmp_path: Path) -> None:
    raw = bytearray(wrapped())
    sound = read(bytes(raw), tmp_path)
    place = raw.index(b"\x11" * 4) - 4 if end else 0
    raw[place + at % (40 if end else 48)] = byte
    said = read(bytes(raw), tmp_path)
    assert sorted(numbers(said, "live")) == sorted(numbers(sound, "live"))


@given(raw=st.binary(max_size=300), cut=st.integers(0, 8192))
@_QUICK
def test_any_bytes_and_any_cut_end_in_a_ledger(raw: bytes, cut: int, tmp_path: Path) -> None:
    for bad in (plain()[:cut], plain()[:cut] + raw, b"".join([struct.pack("<I4s", 56, b"LfLe"), raw])):
        said = read(bad, tmp_path)
        assert said.ledger.found == said.ledger.parsed + said.ledger.failed
