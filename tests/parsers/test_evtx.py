"""Event logs: every live record once, with its exact time and its own words, whatever happened to its neighbours."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from fixtures.formats.evtx import Record, write_evtx
from parsers.eventlog.evtx import PARSER
from shellcase.model import Job
from tests.parsers.samples import T0, evtx
from tests.parsers.stub import Answer, FileSource, answer, write_source

PATH = "C:\\Windows\\System32\\winevt\\Logs\\Security.evtx"
CHUNK = 65536

# Records and those nobody can read. Where more is given than MANIFEST.csv has, the peers counted there stop early.
GOLDEN = {
    "plaso/test_data/evtx/System.evtx": (5009, 0),
    "python-evtx/tests/data/system.evtx": (1601, 0),
    "python-evtx/tests/data/dns_log_malformed.evtx": (5, 0),
    "python-evtx/tests/data/issue_38.evtx": (1, 0),
    "rust-evtx/samples/Application_no_crc32.evtx": (17, 0),
    "rust-evtx/samples/security_bad_string_cache.evtx": (2261, 0),
    "rust-evtx/samples/Microsoft-Windows-HelloForBusiness%4Operational.evtx": (6, 0),
    "rust-evtx/samples/sample-with-zero-data-size-event.evtx": (449, 1),
    "velociraptor/artifacts/testdata/files/RDPAuth_LocalSessionManager.evtx": (17, 0),
    "velociraptor/artifacts/testdata/files/TaskScheduler.evtx": (20, 0),
    "velocidex-evtx/testdata/Security_1_record.evtx": (1, 0),
    "evtx-to-mitre-attack/Antivirus/ID1151-Defender health status.evtx": (455, 0),
    "evtx-attack-samples/Command and Control/bits_openvpn.evtx": (1537, 0),
    "evtx-attack-samples/Defense Evasion/DE_1102_security_log_cleared.evtx": (112, 0),
}


def read(raw: bytes, folder: Path, path: str = PATH) -> Answer:
    return answer(PARSER.parse, Job(source=write_source(folder, raw, path)))


def data(row: dict[str, object]) -> dict[str, Any]:
    return dict(json.loads(str(row["data"])))


def live(said: Answer) -> list[dict[str, object]]:
    return [row for row in said.rows if row["state"] == "live"]


def record(**changed: object) -> Record:
    given: dict[str, object] = {
        "time_ns": T0,
        "provider": "Microsoft-Windows-Security-Auditing",
        "event_id": 4688,
        "channel": "Security",
        "computer": "EX01",
    }
    return Record(**{**given, **changed})  # type: ignore[arg-type]  # checked by the class when it runs


def test_the_seventh_digit_of_the_time_is_kept(tmp_path: Path) -> None:
    """The fast reader prints six digits; two events 100 ns apart must not trade places."""
    times = [T0 + n * 100 for n in range(20)]
    said = read(write_evtx([record(time_ns=t, written_ns=t + 31 * 10**9) for t in times]), tmp_path)
    assert [row["ts_text"] for row in said.rows[:2]] == ["2021-03-03T06:49:42.1621239Z", "2021-03-03T06:49:42.1621240Z"]
    assert [row["ts_ns"] for row in said.rows] == [t % 1000 for t in times]
    assert said.ledger.first_ns == times[0]
    assert said.ledger.last_ns == times[-1]


def test_when_it_was_written_is_told_where_it_differs(tmp_path: Path) -> None:
    said = read(write_evtx([record(written_ns=T0 + 31 * 10**9), record()]), tmp_path)
    assert data(said.rows[0])["written"] == "2021-03-03T06:50:13.1621239Z"
    assert "written" not in data(said.rows[1])


def test_values_keep_their_order_and_doubled_names(tmp_path: Path) -> None:
    """A name that an attacker's provider uses twice must not hide the first value."""
    pairs = (("b", "1"), ("a", "2"), ("b", "3"), ("b#2", "4"), ("b", "5"))
    row = read(write_evtx([record(data=pairs)]), tmp_path).rows[0]
    assert list(data(row)["EventData"].values()) == ["1", "2", "3", "4", "5"]
    assert list(data(row)["EventData"])[:2] == ["b", "a"]


def test_unnamed_values_stay_a_list_in_order(tmp_path: Path) -> None:
    values = ("first", "", "third", "first")
    row = read(write_evtx([record(data=tuple((None, v) for v in values))]), tmp_path).rows[0]
    assert data(row)["Data"] == list(values)


def test_an_exchange_cmdlet_is_its_own_kind(tmp_path: Path) -> None:
    """The shell's code and the file system path sit in the parameters."""
    values = [
        "Set-OabVirtualDirectory",
        '-ExternalUrl "http://f/<script>" -Identity "OAB"',
        "corp/Users/Administrator",
        *("S-1", "S-1", "Remote-ManagementShell-Unknown", "4011 w3wp#MSExchangeECPAppPool", "", "12", "00:00:00.1"),
    ]
    pairs = tuple((None, value) for value in values)
    logged = record(provider="MSExchange CmdletLogs", channel="MSExchange Management", event_id=1, data=pairs)
    row = read(write_evtx([logged]), tmp_path).rows[0]
    assert row["kind"] == "exchange.management.cmdlet"
    assert row["command"] == f"{values[0]} {values[1]}"
    assert row["user"] == values[2]
    assert data(row)["Process"] == "4011 w3wp#MSExchangeECPAppPool"
    assert data(row)["Data"] == values


def test_well_known_fields_fill_the_pivots(tmp_path: Path) -> None:
    logon = (("TargetUserName", "anna"), ("TargetDomainName", "CORP"), ("LogonType", "3"), ("IpAddress", "10.1.2.3"))
    started = (("SubjectUserName", "EX01$"), ("SubjectDomainName", "CORP"), ("TargetUserName", "-"))
    process = (*started, ("NewProcessName", "C:\\x.exe"), ("CommandLine", "x -ma lsass"))
    rows = read(write_evtx([record(event_id=4624, data=logon), record(data=process)]), tmp_path).rows
    assert (rows[0]["user"], rows[0]["src_ip"]) == ("CORP\\anna", "10.1.2.3")
    assert rows[0]["subject"] == "logon type 3 of CORP\\anna from 10.1.2.3"
    assert (rows[1]["user"], rows[1]["process"], rows[1]["command"]) == ("CORP\\EX01$", "C:\\x.exe", "x -ma lsass")
    assert (rows[1]["event_code"], rows[1]["channel"]) == ("4688", "Security")


def test_a_spoiled_record_costs_only_itself(tmp_path: Path) -> None:
    """The tenth of forty records is overwritten: 39 come, and the issue says where the tenth was."""
    raw = bytearray(evtx())
    at = _offsets(raw)[9]
    raw[at + 24 : at + 60] = b"\xff" * 36
    said = read(bytes(raw), tmp_path)
    assert (said.ledger.found, said.ledger.parsed, said.ledger.failed) == (40, 39, 1)
    assert [issue.offset for issue in said.issues if issue.grade == "lost"] == [at]
    assert said.ledger.failed_ranges[0][0] == at


@pytest.mark.parametrize(
    ("at", "value", "what"),
    [
        (0, b"**\1\0", "its signature is wrong"),
        (4, bytes(4), "its size is wrong"),
        (4, b"\xff\xff\0\0", "its size is wrong"),
        (4, b"\x60\0\0\0", "its size is wrong"),
        (-4, bytes(4), "its second size is wrong"),
    ],
)
def test_one_spoiled_mark_of_a_record_costs_nothing(at: int, value: bytes, what: str, tmp_path: Path) -> None:
    """Other readers stop the chunk where a size makes no sense; two of three marks still tell the record."""
    raw = bytearray(evtx())
    starts = _offsets(raw)
    place = (starts[9] if at >= 0 else starts[10]) + at
    raw[place : place + 4] = value
    said = read(bytes(raw), tmp_path)
    assert (said.ledger.parsed, said.ledger.failed, said.ledger.announced) == (40, 0, 40)
    assert [i.offset for i in said.issues if i.what == f"record header: {what}"] == [starts[9]]


def test_a_record_without_any_size_costs_only_itself(tmp_path: Path) -> None:
    raw = bytearray(evtx())
    starts = _offsets(raw)
    raw[starts[9] + 4 : starts[9] + 8] = raw[starts[10] - 4 : starts[10]] = b"\xff" * 4
    said = read(bytes(raw), tmp_path)
    assert (said.ledger.parsed, said.ledger.failed) == (39, 1)
    assert said.ledger.failed_ranges == ((starts[9], starts[10] - starts[9]),)


def test_a_string_table_that_runs_in_a_circle_does_not_hold_the_parser(tmp_path: Path) -> None:
    """Seen to hold the fast reader for ever."""
    raw = bytearray(evtx())
    for bucket in range(64):
        at = 4096 + 128 + 4 * bucket
        offset = struct.unpack_from("<I", raw, at)[0]
        if offset:
            struct.pack_into("<I", raw, 4096 + offset, offset)
    assert read(bytes(raw), tmp_path).ledger.parsed == 40


def test_a_lost_file_header_and_chunk_magic_lose_no_record(tmp_path: Path) -> None:
    raw = bytearray(evtx())
    raw[:8] = raw[4096:4104] = bytes(8)
    said = read(bytes(raw), tmp_path)
    assert said.ledger.parsed == 40
    assert {"no EVTX file header", "no chunk header"} <= {issue.what for issue in said.issues}


def test_stale_records_behind_the_mark_are_no_live_ones(tmp_path: Path) -> None:
    """After the mark is set back by ten records, thirty count and ten are shown as slack."""
    raw = bytearray(evtx())
    last = _offsets(raw)[30] - 4096
    struct.pack_into("<I", raw, 4096 + 48, last)
    struct.pack_into("<Q", raw, 4096 + 16, 30)
    said = read(bytes(raw), tmp_path)
    assert (said.ledger.found, said.ledger.parsed, said.ledger.recovered) == (30, 30, 10)
    assert [row["state"] for row in said.rows].count("slack") == 10


def test_spans_together_give_every_record_once(tmp_path: Path) -> None:
    raw = write_evtx([record(time_ns=T0 + n * 10**7, data=(("x", "y" * 400),)) for n in range(300)])
    whole = read(raw, tmp_path)
    source = write_source(tmp_path, raw, PATH)
    cut = 4096 + CHUNK
    from shellcase.model import Span

    spans = (Span(0, cut), Span(cut, len(raw) - cut))
    parts = [answer(PARSER.parse, Job(source=source, span=span)) for span in spans]
    assert [row["offset"] for part in parts for row in part.rows] == [row["offset"] for row in whole.rows]
    assert sum(part.ledger.bytes_seen for part in parts) == len(raw)


@pytest.mark.parametrize("name", GOLDEN)
def test_real_logs_give_the_known_number_of_records(name: str, shared_dir: Path) -> None:
    said = answer(PARSER.parse, Job(source=FileSource(shared_dir / "corpora" / name)))
    assert (len(live(said)), said.ledger.failed) == GOLDEN[name]


def _offsets(raw: bytes | bytearray) -> list[int]:
    """Where the records of the first chunk lie in the file."""
    found, at = [], 4096 + 512
    while raw[at : at + 4] == b"**\0\0":
        found.append(at)
        at += struct.unpack_from("<I", raw, at + 4)[0]
    return found


@pytest.mark.parametrize(
    ("name", "first", "every"),
    [
        ("python-evtx/tests/data/issue_38.evtx", "2017-06-23T06:17:48.1238507Z", 31),
        ("velociraptor/artifacts/testdata/files/TaskScheduler.evtx", "2021-01-27T03:42:46.1084303Z", 49),
    ],
)
def test_the_slower_readers_get_old_records_out_of_slack(name: str, first: str, every: int, shared_dir: Path) -> None:
    """Their templates are written over; number, event id and time are still there, and nobody lost the exact time."""
    said = answer(PARSER.parse, Job(source=FileSource(shared_dir / "corpora" / name)))
    slow = [row for row in said.rows if data(row).get("reader") == "python-evtx"]
    assert {row["state"] for row in slow} == {"slack"}
    assert slow[0]["ts_text"] == first
    assert all(data(row)["EventRecordID"] == data(row)["header_record_id"] for row in slow)
    assert said.ledger.recovered == every
