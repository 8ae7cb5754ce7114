"""Every file of the corpora whose manifest says what it holds: we say the same, or another test says why not.

The answers are other people's: plaso's own tests, dissect, Sleuth Kit, libscca, the authors' counts.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from parsers import load
from shellcase.model import Job
from tests.parsers.stub import Answer, FileSource, answer, corpora

ELSEWHERE = {
    "evtx": "test_evtx_corpora.py",
    "evtx-corrupt": "test_evtx_corpora.py",
    "hive": "test_registry.py",
    "hive-corrupt": "test_registry.py",
    "hive-log": "test_registry.py: logs are replayed into their hives, none is a hive by itself",
    "prefetch": "test_prefetch.py",
    "image-ntfs": "collector/test_unread.py",
    "image-other": "collector/test_unread.py",
    "doc": "no evidence",
}
"""Kinds of files whose answers other tests hold against ours."""

OTHERWISE = {
    "dfir-orc/tests/OrcLibTest/usn_journal/winxp.7z": "test_mft.py and test_usn.py unpack it",
    "plaso/test_data/powershell_transcript.txt": "plaso counts sessions, we count lines: test_traces.py",
    "plaso/test_data/powershell_transcript_ger.txt": "plaso counts sessions, we count lines: test_traces.py",
    "plaso/test_data/NeroInfoTool.lnk": "plaso counts shell items too, we count the link: test_lnk.py",
    "plaso/test_data/unpaired_surrogate.lnk": "as above",
    "plaso/test_data/wintask.job": "plaso counts run and trigger, we count the job; its events are counted below",
}


def _expected() -> Iterator[tuple[str, str, dict[str, Any]]]:
    with (corpora() / "MANIFEST.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            if row["expectation"] and row["kind"] not in ELSEWHERE:
                yield row["path"], row["kind"], json.loads(row["expectation"])


def _said(path: str) -> Answer:
    """What the one parser that recognises a file says of it, found where it was found."""
    file = corpora() / path
    where = "C:\\" + path.replace("/", "\\")
    [parser] = [p for p in load() if p.recognises(file.read_bytes()[: 1 << 16], where)]
    return answer(parser.parse, Job(source=FileSource(file, where)))


CASES = list(_expected()) if (corpora() / "MANIFEST.csv").is_file() else []


def test_nothing_of_the_manifest_is_left_out(shared_dir: Path) -> None:
    """A new file of a new kind must be given a check."""
    assert (shared_dir / "corpora").samefile(corpora())
    assert len(CASES) > 45
    known = {"exchange-log", "iis-log", "usn", "minidump", "defender", "task", "lnk", "other", "golden/other"}
    assert {kind for _p, kind, _e in CASES} <= known
    assert OTHERWISE.keys() <= {path for path, _k, _e in CASES}


@pytest.mark.parametrize(("path", "expected"), [(p, e) for p, _k, e in CASES if "data_rows" in e])
def test_every_row_of_a_text_log_is_an_event(path: str, expected: dict[str, Any]) -> None:
    said = _said(path)
    assert said.ledger.found == said.ledger.parsed == len(said.rows) == expected["data_rows"]
    assert (said.ledger.failed, said.ledger.raw_lines, said.issues) == (0, 0, [])


@pytest.mark.parametrize(("path", "expected"), [(p, e) for p, k, e in CASES if k == "usn"])
def test_every_record_of_a_journal_is_an_event(path: str, expected: dict[str, Any]) -> None:
    said = _said(path)
    assert said.ledger.found == said.ledger.parsed == len(said.rows) == expected["records"]
    for ns, text in ((said.ledger.first_ns, expected["first"]), (said.ledger.last_ns, expected["last"])):
        assert ns is not None
        assert abs(ns - datetime.fromisoformat(text).timestamp() * 1e9) < 2_000  # the manifest has microseconds


@pytest.mark.parametrize(("path", "expected"), [(p, e) for p, k, e in CASES if k == "minidump"])
def test_a_dump_is_described_as_others_describe_it(path: str, expected: dict[str, Any]) -> None:
    """Streams, modules, the first one, the process and the build; a broken directory is damage and no end."""
    [event] = _said(path).events
    told = {name: event.data[name] for name in ("streams", "modules", "module0", "pid")}
    wanted = {name: expected.get(name, 0 if name == "modules" else None) for name in told}
    assert told == wanted
    assert event.data["os_build"] in {expected.get("os"), None} or "platform" not in expected


@pytest.mark.parametrize(
    ("path", "count"),
    [
        (p, sum(n for _t, n, _w in e["plaso_event_data"]))
        for p, k, e in CASES
        if k in {"defender", "other", "golden/other"} and p not in OTHERWISE
    ],
)
def test_plaso_s_counts_are_ours(path: str, count: int) -> None:
    said = _said(path)
    assert (said.ledger.found, said.ledger.parsed, said.ledger.failed) == (count, count, 0)


def test_a_job_s_run_and_trigger_are_events() -> None:
    """As many as plaso tells, of one record."""
    path, expected = next((p, e) for p, k, e in CASES if k == "task")
    assert len(_said(path).events) == expected["plaso_event_data"][0][1]
