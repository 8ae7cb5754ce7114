"""Defender: what it logged, detected and locked away; a web shell in quarantine comes back with its words."""

from __future__ import annotations

import hashlib
import io
import struct
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from parsers.defender import content, detection, mplog, quarantine
from shellcase.model import HostFacts, Job
from tests.parsers import samples_defender as made
from tests.parsers.one_byte import BERLIN
from tests.parsers.replaying import check_way_back
from tests.parsers.stub import Answer, answer, write_source
from tests.tools import need_shared


def _job(folder: Path, raw: bytes, path: str) -> Job:
    return Job(source=write_source(folder, raw, path))


def _recovered(folder: Path, raw: bytes) -> Answer:
    job = _job(folder, raw, made.CONTENT_PATH)
    entry = write_source(folder, made.entry(), made.ENTRY_PATH)
    return answer(content.parse, replace(job, companions={"entry": entry}))


def test_a_quarantined_web_shell_is_recovered_with_its_words(tmp_path: Path) -> None:
    """Content, hash, place, threat, and what the script does with which key."""
    said = _recovered(tmp_path, made.content())
    (event,) = said.events
    assert event.sha256 == hashlib.sha256(made.SHELL).hexdigest()
    assert event.file_path == made.PATH
    assert event.when.text == "2021-03-03T08:40:00.0000007Z"
    picked = {
        name: event.data[name]
        for name in ("size", "threat", "sinks", "keys", "runat", "complete", "known_good", "exposed")
    }
    assert picked == {
        "size": len(made.SHELL),
        "threat": made.THREAT,
        "sinks": ["eval"],
        "keys": ["klk"],
        "runat": "server",
        "complete": True,
        "known_good": "no",
        "exposed": True,
    }
    alternate = event.data["alternate"]
    assert isinstance(alternate, list)
    assert "HostUrl=http://203.0.113.9/a.aspx" in alternate[0]
    assert not said.issues


def test_without_its_entry_the_content_is_recovered_all_the_same(tmp_path: Path) -> None:
    said = answer(content.parse, _job(tmp_path, made.content(), made.CONTENT_PATH))
    assert said.events[0].sha256 == hashlib.sha256(made.SHELL).hexdigest()
    assert said.events[0].data["resource_id"] == made.RESOURCE_ID
    assert said.events[0].data["sinks"] == ["eval"]
    assert said.events[0].file_path is None


def test_a_program_in_quarantine_is_no_page(tmp_path: Path) -> None:
    said = _recovered(tmp_path, made.content(b"MZ\0\0" + bytes(range(256))))
    assert "sinks" not in said.events[0].data


def test_content_that_is_cut_off_has_no_hash(tmp_path: Path) -> None:
    """Half a file's hash would be the hash of another file."""
    said = _recovered(tmp_path, made.content()[:100])
    assert said.events[0].sha256 is None
    assert said.events[0].data["complete"] is False
    assert [i.what for i in said.issues] == ["a stream is cut off"]


def test_another_reader_recovers_the_same(tmp_path: Path) -> None:
    """dissect as referee for content and entry."""
    theirs = pytest.importorskip("dissect.target.plugins.os.windows.defender.quarantine")
    streams = dict(theirs.recover_quarantined_file_streams(io.BytesIO(made.content()), "x"))
    assert hashlib.sha256(streams["x"]).hexdigest() == _recovered(tmp_path, made.content()).events[0].sha256
    entry = theirs.QuarantineEntry(io.BytesIO(made.entry()))
    mine = answer(quarantine.parse, _job(tmp_path, made.entry(), made.ENTRY_PATH)).events
    assert [r.detection_path for r in entry.resources] == [e.file_path for e in mine if e.act == "quarantined"]
    assert [r.resource_id for r in entry.resources] == [made.RESOURCE_ID] * 2
    assert entry.detection_name.decode() == mine[0].data["threat"]


def test_an_entry_tells_when_the_file_was_made_and_locked_away(tmp_path: Path) -> None:
    said = answer(quarantine.parse, _job(tmp_path, made.entry(), made.ENTRY_PATH))
    assert Counter(e.act for e in said.events) == {"quarantined": 2, "created": 2, "written": 2}
    assert said.events[1].when.text == "2021-03-03T08:41:00.0000007Z"
    assert (said.ledger.found, said.ledger.announced, said.ledger.parsed) == (2, 2, 2)
    assert not said.issues


def test_an_entry_comes_back_from_its_bytes(tmp_path: Path) -> None:
    check_way_back(quarantine.PARSER, made.entry(), made.ENTRY_PATH, tmp_path, [0, 4])


def test_recovered_content_comes_back_from_its_bytes(tmp_path: Path) -> None:
    check_way_back(content.PARSER, made.content(), made.CONTENT_PATH, tmp_path, [0])


@pytest.mark.parametrize(
    ("name", "threat", "path", "acts"),
    [
        (
            "6AFE33A0-19BA-4FFF-892F-B700539D7D63",
            "Virus:DOS/EICAR_Test_File",
            "C:\\Users\\testuser\\Downloads\\eicar_com.zip",
            ["changed", "detected", "remediated"],
        ),
        (
            "FC380697-A68D-4C94-B67F-9B6449039463",
            "PUA:Win32/EICAR_Test_File",
            "C:\\Users\\testuser\\Downloads\\PotentiallyUnwanted.exe",
            ["changed", "detected"],
        ),
    ],
)
def test_a_real_detection_is_told(name: str, threat: str, path: str, acts: list[str], tmp_path: Path) -> None:
    raw = made.detection(name)
    need_shared(raw)
    said = answer(detection.parse, _job(tmp_path, raw, made.DETECTION_PATH))
    assert [e.act for e in said.events] == acts
    assert {(e.data["threat"], e.file_path, e.user) for e in said.events} == {(threat, path, "FRYPTOP\\testuser")}
    assert said.events[0].url is not None
    assert (said.ledger.found, said.ledger.parsed) == (1, 1)
    assert not said.issues


def test_a_hash_belongs_to_the_file_it_stands_beside(tmp_path: Path) -> None:
    """The archive has no hash in the history; that of the file inside must not become its own."""
    raw = made.detection()
    need_shared(raw)
    said = answer(detection.parse, _job(tmp_path, raw, made.DETECTION_PATH))
    assert said.events[0].sha256 is None
    assert str(said.events[0].data["ThreatTrackingSha256"]).startswith("275a021b")


def test_a_detection_comes_back_from_its_bytes(tmp_path: Path) -> None:
    raw = made.detection()
    need_shared(raw)
    check_way_back(detection.PARSER, raw, made.DETECTION_PATH, tmp_path, [1])


def test_a_changed_byte_anywhere_in_a_detection_shows(tmp_path: Path) -> None:
    raw = made.detection()
    need_shared(raw)
    sound = answer(detection.parse, _job(tmp_path, raw, made.DETECTION_PATH))
    for at in range(0, len(raw), 37):
        spoiled = bytearray(raw)
        spoiled[at] ^= 0x20
        said = answer(detection.parse, _job(tmp_path, bytes(spoiled), made.DETECTION_PATH))
        assert said.events != sound.events or said.issues, f"byte {at}"


def test_every_line_of_the_log_is_told_by_its_family(tmp_path: Path) -> None:
    said = answer(mplog.parse, _job(tmp_path, made.mplog(), made.MPLOG_PATH))
    families = Counter(str(row["data"]).partition('"family":"')[2].partition('"')[0] for row in said.rows)
    assert len(said.rows) == len(made.MPLOG) == said.ledger.found == said.ledger.parsed
    assert families == {
        "": 3,
        "other": 1,
        "detection": 2,
        "sdn": 1,
        "exclusion": 1,
        "process": 1,
        "filter": 1,
        "report": 1,
        "original_name": 1,
        "setting": 1,
    }
    assert said.ledger.raw_lines == 3


def test_the_log_fills_what_people_search_by(tmp_path: Path) -> None:
    rows = answer(mplog.parse, _job(tmp_path, made.mplog(), made.MPLOG_PATH)).rows
    by = {str(row["ts_text"])[11:19]: row for row in rows}
    assert by["06:55:01"]["file_path"] == made.PATH
    assert by["06:56:00"]["sha256"] == "b2" * 32
    assert by["06:56:00"]["file_path"] == "C:\\Windows\\Temp\\p.exe"
    assert by["06:58:00"]["process"] == "procdump64.exe"
    assert by["06:59:00"]["command"] == "C:\\Windows\\System32\\cmd.exe /c whoami"
    assert str(by["06:59:10"]["ts"]) == "2021-03-03 04:59:10+00:00"


def test_local_times_of_the_log_go_through_the_servers_zone(tmp_path: Path) -> None:
    """Without the zone there is no instant, only bounds."""
    job = _job(tmp_path, made.mplog(), made.MPLOG_PATH)
    row = next(r for r in answer(mplog.parse, job).rows if r["ts_text"] == "03-03-2021 07:55:00")
    assert row["ts"] is None
    assert row["ts_low"] is not None
    host = replace(job, host=HostFacts(zone=BERLIN))
    row = next(r for r in answer(mplog.parse, host).rows if r["ts_text"] == "03-03-2021 07:55:00")
    assert str(row["ts"]).startswith("2021-03-03 06:55:00")


def test_the_head_of_a_stream_is_known_without_its_folder() -> None:
    assert content.recognises(made.content()[:4096], "C:\\x\\A")
    assert not content.recognises(struct.pack("<IIQI", 1, 0, 5, 0) + b"hello", "C:\\x\\A")
    assert quarantine.recognises(made.entry()[:4096], "C:\\x\\A")
