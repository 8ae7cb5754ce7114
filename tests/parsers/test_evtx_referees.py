"""Event records as four readers tell them: none contradicts another on a real log but where it is known."""

from __future__ import annotations

import csv
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.formats.evtx import Record, V, write_evtx
from parsers.eventlog.decode import decode
from parsers.eventlog.evtx import PARSER
from parsers.eventlog.frame import Record as Header
from parsers.eventlog.referee import compare
from parsers.referee import Difference, referee_of
from shellcase.model import Job
from tests.parsers.samples import T0, evtx
from tests.parsers.stub import FileSource, answer, corpora, write_source

PATH = "C:\\Windows\\System32\\winevt\\Logs\\Security.evtx"
BIG = 200_000  # python-evtx reads some forty kilobytes a second

# Referee, field → files where it is known to say something else, and why.
KNOWN = {
    ("dissect.eventlog", "values"): {
        "ID1116-1117-Defender threat detected.evtx",  # leaves &amp; as it is
        "dns_log_malformed.evtx",  # decodes bytes that are no text in another way
    },
    ("python-evtx", "values"): {"dns_log_malformed.evtx"},  # prints binary data in base64
}
UNREAD = {
    "python-evtx": {
        "ID1116-1117-Defender threat detected.evtx",
        "WinDefender_Events_1117_1116_AtomicRedTeam.evtx",
        "Microsoft-Windows-CAPI2_Operational_EventID70.evtx",
        "dns_log_malformed.evtx",
    },
    "dissect.eventlog": {"dns_log_malformed.evtx"},
    "libevtx": {"dns_log_malformed.evtx", "Microsoft-Windows-HelloForBusiness%4Operational.evtx"},
}


def logs() -> Iterator[dict[str, str]]:
    with (corpora() / "MANIFEST.csv").open(encoding="utf-8", newline="") as stream:
        yield from (row for row in csv.DictReader(stream) if row["kind"].startswith("evtx"))


def test_no_reader_contradicts_another_on_a_real_log(shared_dir: Path) -> None:
    small = [row["path"] for row in logs() if int(row["size"]) < BIG]
    assert len(small) > 30
    for path in small:
        for found in compare(FileSource(shared_dir / "corpora" / path)):
            name = path.rpartition("/")[2]
            if found.unread:
                assert name in UNREAD.get(found.referee, ()), (name, found)
            else:
                assert name in KNOWN.get((found.referee, found.what), ()), (name, found)


@pytest.mark.parametrize("what", ["time", "provider", "values"])
def test_a_reader_that_says_something_else_is_named(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own answer is spoilt in one place: all three must notice, at that record."""
    change = {"time": ("06:49:4", "06:48:4"), "provider": ("Auditing", "Editing"), "values": ("CommandLine 0", "x")}

    def spoilt(raw: bytes, records: list[Header]) -> list[str | None]:
        texts = decode(raw, records)
        return [str(texts[0]).replace(*change[what]), *texts[1:]]

    monkeypatch.setattr("parsers.eventlog.referee.decode", spoilt)
    found = list(compare(write_source(tmp_path, evtx(), PATH)))
    assert [(f.what, f.offset) for f in found] == [(what, 4096 + 512)] * len({f.referee for f in found})
    assert {f.referee for f in found} >= {"python-evtx", "dissect.eventlog"}


def test_records_of_one_number_are_told_apart(tmp_path: Path) -> None:
    """An attacker's tool writes numbers twice; libevtx gives no places, only an order."""
    made = [Record(time_ns=T0, provider="P", event_id=n, channel="C", computer="H") for n in range(1, 4)]
    raw = bytearray(write_evtx(made))
    at = 4096 + 512
    for _record in made:
        struct.pack_into("<Q", raw, at + 8, 1)
        at += struct.unpack_from("<I", raw, at + 4)[0]
    source = write_source(tmp_path, bytes(raw), PATH)
    said = answer(PARSER.parse, Job(source=source))
    assert [row["event_code"] for row in said.rows] == ["1", "2", "3"]
    assert said.ledger.failed == 0
    assert not [f for f in compare(source) if f.referee == "dissect.eventlog"]


def test_only_parsers_with_referees_have_some() -> None:
    assert referee_of("windows.evtx") is compare
    assert referee_of("web.page") is None


def test_no_difference_is_taken_for_another() -> None:
    assert Difference("r", 1, "time", "a", "b") != Difference("r", 1, "time", "a", "b", unread=True)


def test_bytes_are_the_same_in_base64_and_in_hexadecimal(tmp_path: Path) -> None:
    """An address in a record of the DNS client: python-evtx prints it in base64, we in hexadecimal."""
    address = V("binary", bytes.fromhex("020000357f00000100000000000000"))
    made = Record(
        time_ns=T0, provider="P", event_id=1014, channel="C", computer="H", data=(("QueryName", "wpad"), ("A", address))
    )
    source = write_source(tmp_path, write_evtx([made]), PATH)
    assert ':"020000357f' in str(answer(PARSER.parse, Job(source=source)).rows[0]["data"]).lower()
    assert list(compare(source)) == []
