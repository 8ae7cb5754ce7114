"""Transfer jobs and WMI persistence, on files made by the tests: there are no real ones to try."""

from __future__ import annotations

import struct
from pathlib import Path

from parsers.database import bits, wmi
from parsers.database.ese.catalogue import Row
from shellcase.model import Job
from tests.parsers import queues as made
from tests.parsers.replaying import check_way_back
from tests.parsers.stub import Answer, answer, write_source

BITS = "C:\\ProgramData\\Microsoft\\Network\\Downloader\\qmgr0.dat"
WMI = "C:\\Windows\\System32\\wbem\\Repository\\OBJECTS.DATA"


def _bits(folder: Path, raw: bytes) -> Answer:
    return answer(bits.parse, Job(source=write_source(folder, raw, BITS)))


def _wmi(folder: Path, raw: bytes) -> Answer:
    return answer(wmi.parse, Job(source=write_source(folder, raw, WMI)))


def test_a_transfer_names_both_ends_and_what_runs_afterwards(tmp_path: Path) -> None:
    said = _bits(tmp_path, made.bits())
    first = [e for e in said.events if e.data["job_id"] == "{00000000-0000-0000-0000-000000000001}"]
    assert [(e.act, e.when.text) for e in first] == [
        ("created", "2021-03-03T08:40:00.0000007Z"),
        ("changed", "2021-03-03T08:41:00.0000007Z"),
        ("transferred", "2021-03-03T08:40:00.0000007Z"),
    ]
    assert first[0].command == "C:\\Windows\\System32\\cmd.exe /c whoami"
    assert (first[2].url, first[2].file_path) == ("http://198.51.100.7/a.exe", "C:\\Windows\\Temp\\a.exe")
    assert (first[2].data["received"], first[2].data["size"]) == (1000, 2000)
    assert not said.issues


def test_a_finished_job_behind_the_queue_is_told_as_recovered(tmp_path: Path) -> None:
    said = _bits(tmp_path, made.bits())
    old = [e for e in said.events if e.data.get("name") == "gone"]
    assert {e.origin.state for e in old} == {"recovered"}
    assert (said.ledger.found, said.ledger.parsed, said.ledger.recovered, said.ledger.announced) == (3, 3, 1, 2)


def test_a_job_with_a_broken_text_costs_itself(tmp_path: Path) -> None:
    raw = bytearray(made.bits())
    at = raw.find(made.JOB_MARK) + 16 + 32
    struct.pack_into("<I", raw, at, 0x7FFFFFFF)
    said = _bits(tmp_path, bytes(raw))
    assert (said.ledger.found, said.ledger.failed) == (3, 1)
    assert {str(e.data["job_id"]) for e in said.events} == {
        f"{{00000000-0000-0000-0000-00000000000{n}}}" for n in (2, 3)
    }


def test_a_job_comes_back_from_its_bytes(tmp_path: Path) -> None:
    check_way_back(bits.PARSER, made.queue(made.JOBS[:1]), BITS, tmp_path, [0, 2])


def _row(values: dict[str, object]) -> Row:
    return Row(values, 0, 0, 1, live=True)  # type: ignore[arg-type]


def test_blobs_of_the_database_hold_the_same_job() -> None:
    """A job's blob names its files by number; a file's blob is one transfer."""
    numbers = bytes(range(32))
    blob = made.JOBS[1][: made.JOBS[1].find(made.FILES_MARK)] + made.FILES_MARK + struct.pack("<I", 2) + numbers
    blob += made.FILES_MARK + made.JOBS[1][-54:]
    job = next(bits._row("Jobs", _row({"Id": "{1}", "Blob": made.JOB_MARK + blob})))
    assert job.data["name"] == "two"
    assert len(job.data["file_ids"]) == 2  # type: ignore[arg-type]
    assert job.when.text == "2021-03-03T08:40:00.0000007Z"
    file = next(bits._row("Files", _row({"Id": "{2}", "Blob": made.transfer("C:\\a", "http://h.example/a")})))
    assert file.pivots["url"] == "http://h.example/a"


def test_a_blob_of_another_form_is_told_with_its_texts() -> None:
    blob = b"\xff" * 9 + "http://h.example/odd".encode("utf-16-le") + b"\xff" * 9
    said = next(bits._row("Files", _row({"Id": "{2}", "Blob": blob})))
    assert said.pivots["url"] == "http://h.example/odd"
    assert said.data["raw"] == blob.hex()


def test_wmi_persistence_is_told_piece_by_piece(tmp_path: Path) -> None:
    said = _wmi(tmp_path, made.wmi())
    live = [e for e in said.events if e.origin.state == "live"]
    assert [e.kind.rpartition(".")[2] for e in live] == ["filter", "consumer", "consumer", "binding"]
    assert (live[0].data["name"], live[0].data["query"]) == ("Updater", made.FILTER[2])
    assert (live[1].data["name"], live[1].command) == ("UpdaterConsumer", made.COMMAND[0])
    assert live[2].command == made.SCRIPT[2]
    assert live[3].subject == f"WMI binds {made.BINDING[1]} to {made.BINDING[0]}"
    assert {e.user for e in live} == {"S-1-5-21-1-2-3-500"}
    assert live[0].when.text == "2021-03-03T08:40:00.0000007Z"
    assert "C:\\Wind\u00f6ws" in live[1].data["texts"]  # type: ignore[operator]


def test_a_removed_consumer_is_recovered(tmp_path: Path) -> None:
    said = _wmi(tmp_path, made.wmi())
    assert [(e.command, e.origin.state) for e in said.events if e.origin.state != "live"] == [
        ("C:\\old\\removed.exe -x", "recovered")
    ]
    assert (said.ledger.found, said.ledger.parsed, said.ledger.recovered) == (5, 5, 1)


def test_wmi_instances_come_back_from_their_bytes(tmp_path: Path) -> None:
    check_way_back(wmi.PARSER, made.wmi(), WMI, tmp_path, [0, 2, 4])
