"""Every real event log at hand: as many records as its manifest says, good and bad, and words for what they hold."""

from __future__ import annotations

import csv
import json
import re
import struct
from pathlib import Path

import pytest

from parsers.eventlog.evtx import PARSER
from parsers.eventlog.frame import CHUNK
from parsers.eventlog.subjects import SUBJECTS
from shellcase.model import Job
from tests.parsers.stub import Answer, FileSource, answer

# Records and those nobody can read, where the manifest's peers stop early: docs/decisions/0006-evtx-counts.md.
MORE = {
    "rust-evtx/samples/sample-with-zero-data-size-event.evtx": (449, 1),
    "rust-evtx/samples/sample_with_a_bad_chunk_magic.evtx": (301, 83),
}
Real = dict[str, tuple[Answer, tuple[int, int]]]


@pytest.fixture(scope="module")
def real(shared_dir: Path) -> Real:
    """What every log says, and the records and errors its manifest expects."""
    corpora = shared_dir / "corpora"
    with (corpora / "MANIFEST.csv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["kind"].startswith("evtx")]
    told = {row["path"]: json.loads(row["expectation"]) for row in rows}
    return {
        path: (answer(PARSER.parse, Job(source=FileSource(corpora / path))), (want["records"], want["record_errors"]))
        for path, want in told.items()
    }


def test_counts_of_good_and_bad_records_equal_the_manifest(real: Real) -> None:
    assert len(real) > 50
    for path, (said, expected) in real.items():
        live = sum(row["state"] == "live" for row in said.rows)
        assert (live, said.ledger.failed) == MORE.get(path, expected), path
        assert said.ledger.found == live + said.ledger.failed


def test_where_more_is_told_than_the_manifest_says_it_is_more(real: Real) -> None:
    assert all(MORE[path][0] > real[path][1][0] for path in MORE)


def test_every_live_record_has_its_exact_time(real: Real) -> None:
    for path, (said, _expected) in real.items():
        times = {row["ts_resolution_ns"] for row in said.rows if row["ts"] and row["state"] == "live"}
        assert times <= {100}, path


def test_every_slot_of_a_template_is_a_field_that_such_records_have(real: Real) -> None:
    """A slot that no record fills would leave a hole in the sentence."""
    met: dict[tuple[str, str], set[str]] = {}
    for said, _expected in real.values():
        for event in said.rows:
            if event["state"] == "live":
                data = json.loads(str(event["data"]))
                places = range(len(data.get("Data", ())))
                names = {*data.get("EventData", ()), *data.get("UserData", ()), *map(str, places)}
                names |= {f"param{place + 1}" for place in places}
                met.setdefault((str(event["provider"]), str(event["event_code"])), set()).update(names)
    checked = 0
    for (provider, code), names in met.items():
        slots = set(re.findall(r"\{([^{}]+)\}", SUBJECTS.get(provider, {}).get(code, "")))
        checked += bool(slots)
        assert slots <= names, (provider, code, slots - names, sorted(names))
    assert checked > 40


def test_the_records_that_nobody_can_read_lack_their_template(shared_dir: Path) -> None:
    """All 83 name a definition in their chunk, and zeros stand there; a sound chunk has it at that very place."""
    name = "rust-evtx/samples/sample_with_a_bad_chunk_magic.evtx"
    raw = (shared_dir / "corpora" / name).read_bytes()
    said = answer(PARSER.parse, Job(source=FileSource(shared_dir / "corpora" / name)))
    lost = [issue.offset or 0 for issue in said.issues if issue.what == "record that no reader can decode"]
    assert len(lost) == MORE[name][1]
    for at in lost:
        begin, template, place = struct.unpack_from("<6sII", raw, at + 24)
        chunk = at - (at - 4096) % CHUNK
        assert begin.hex() == "0f0101000c01"
        assert not any(raw[chunk + place : chunk + place + 24])
        assert struct.unpack_from("<I", raw, 4096 + place + 4) == (template,)
