"""Records that are read many at once become the very rows that they become one by one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fixtures.formats.evtx import Record, write_evtx
from parsers.eventlog import evtx, window
from parsers.eventlog.walk import Chunk
from shellcase.model import Job
from tests.parsers.samples import T0
from tests.parsers.stub import Answer, FileSource, answer, corpora, write_source
from tests.tools import need_shared

PATH = "C:\\Windows\\System32\\winevt\\Logs\\Security.evtx"
SOME = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
REAL = {
    "plaso/test_data/evtx/System.evtx": 0.95,
    "evtx-attack-samples/Command and Control/bits_openvpn.evtx": 0.7,
    "evtx-attack-samples/Command and Control/DE_RDP_Tunnel_5156.evtx": 0.7,
    "rust-evtx/samples/security_bad_string_cache.evtx": 0.9,
    "rust-evtx/samples/sample_with_a_bad_chunk_magic.evtx": 0.0,
    "velociraptor/artifacts/testdata/files/TaskScheduler.evtx": 0.0,
}
"""Real logs, and how many of their records at least are read at once."""

KINDS = (
    ("Microsoft-Windows-Security-Auditing", 4624, ("TargetUserName", "TargetDomainName", "IpAddress", "LogonType")),
    ("Microsoft-Windows-Security-Auditing", 4688, ("SubjectUserName", "SubjectDomainName", "NewProcessName", "x")),
    ("Microsoft-Windows-Sysmon", 1, ("Image", "CommandLine", "Hashes", "User")),
    ("Microsoft-Windows-Bits-Client", 59, ("url", "name", "url", "Hashes")),
    ("Nobody's", 7, (None, None, None, None)),
    ("Nobody's", 8, (None, "CommandLine", "CommandLine", "RemoteName")),
    ("MSExchange CmdletLogs", 1, (None, None, None, None)),
    ("Microsoft-Windows-Windows Defender", 1116, ("Path", "Domain", "Detection User", "Process Name")),
)
WORDS = (
    *("", "-", "LOCAL", "null", "0", "007", "-1", "12345678901234567890123", "true", "a  b", " a", "a\t", "\\", '"'),
    *(
        '\\"',
        "\\u0041",
        "C:\\x\\y.exe",
        "CORP\\anna",
        "SHA256=" + "aB" * 32,
        "https://h/p",
        "é",
        "\u2003x",
        "\x07",
        "😀",
    ),
    *('":"', '{"a":1}', "y" * 400, "file:_C:\\a.aspx", "\ue0fe000\ue0ff", "7310000000000000001", "<a>&b</a>", "\r\n"),
)
VALUES = st.sampled_from(WORDS) | st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=8)


def one_by_one(monkeypatch: pytest.MonkeyPatch, job: Job) -> Answer:
    """The answer when nothing is read at once."""
    with monkeypatch.context() as patched:
        patched.setattr(window, "columns", lambda *_given: None)
        return answer(evtx.PARSER.parse, job)


def at_once(monkeypatch: pytest.MonkeyPatch, job: Job) -> tuple[Answer, int]:
    """The usual answer, and how many rows were not made one by one."""
    reads = list[window.Window]()
    windows = window.windows

    def kept(chunks: Iterator[Chunk]) -> Iterator[window.Window]:
        for one in windows(chunks):
            reads.append(one)
            yield one

    with monkeypatch.context() as patched:
        patched.setattr(evtx, "windows", kept)
        said = answer(evtx.PARSER.parse, job)
    return said, sum(sum(read.done) for one in reads for read in one.reads)


def assert_same(one: Answer, other: Answer) -> None:
    assert one.rows == other.rows
    assert one.issues == other.issues
    assert one.ledger == other.ledger


@pytest.mark.parametrize("name", REAL)
def test_real_logs_are_read_at_once_and_say_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = corpora() / name
    need_shared(file)
    job = Job(source=FileSource(file))
    said, quick = at_once(monkeypatch, job)
    assert quick >= REAL[name] * len(said.rows)
    assert_same(said, one_by_one(monkeypatch, job))


@given(chance=st.data())
@SOME
def test_whatever_the_values_are(chance: st.DataObject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quotes, blanks, words that stand for nothing, and values that look like what the program itself puts in."""
    values = st.lists(VALUES, min_size=4, max_size=4)
    kinds = chance.draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=3))
    records = []
    for n in range(chance.draw(st.integers(3, 40))):
        provider, code, names = kinds[n % len(kinds)]
        time = T0 + n * 100 * chance.draw(st.integers(0, 99))
        record = Record(
            time_ns=time,
            written_ns=time + 10**9 * chance.draw(st.integers(0, 1)),
            provider=provider,
            event_id=code,
            channel="Security",
            computer="EX01",
            data=tuple(zip(names, chance.draw(values), strict=True)),
        )
        records += [record] * chance.draw(st.integers(1, 3))
    job = Job(source=write_source(tmp_path, write_evtx(records), PATH))
    assert_same(answer(evtx.PARSER.parse, job), one_by_one(monkeypatch, job))


def test_a_record_that_is_like_no_other_stands_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = {"time_ns": T0, "channel": "System", "computer": "EX01"}
    many = [Record(**kind, provider="A", event_id=1, data=(("a", str(n)),)) for n in range(20)]  # type: ignore[arg-type]
    many[7] = Record(**kind, provider="B", event_id=2, data=(("b", "alone"),))  # type: ignore[arg-type]
    said, quick = at_once(monkeypatch, Job(source=write_source(tmp_path, write_evtx(many), PATH)))
    assert quick == 19
    assert [row["event_code"] for row in said.rows] == ["1"] * 7 + ["2"] + ["1"] * 12
    offsets = [int(str(row["offset"])) for row in said.rows]
    assert offsets == sorted(offsets)
