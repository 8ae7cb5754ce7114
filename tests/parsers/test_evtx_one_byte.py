"""One changed byte of a real event log costs its own record; of a template or a name, records of its chunk."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parsers.eventlog.evtx import PARSER
from shellcase.model import Job
from tests.parsers.stub import Answer, answer, corpora, write_source
from tests.tools import need_shared

PATH = "C:\\Windows\\System32\\winevt\\Logs\\Security.evtx"
CHUNK = 65536
LOGS = (
    "evtx-attack-samples/Credential Access/babyshark_mimikatz_powershell.evtx",
    "evtx-to-mitre-attack/TA0003-Persistence/T1098.xxx-Account manipulation/ID4756-Exchange admin group change.evtx",
    "rust-evtx/samples/Application_no_crc32.evtx",
    "python-evtx/tests/data/issue_38.evtx",
    "velociraptor/artifacts/testdata/files/SecurityTasks.evtx",
)
_MANY = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
_SOUND: dict[str, Answer] = {}
_MORE = settings(_MANY, max_examples=30)


def log(name: str) -> bytes:
    """The header and the first chunk of a real log."""
    file = corpora() / name
    raw = file.read_bytes() if file.is_file() else b""
    need_shared(raw)
    return raw[: 4096 + CHUNK]


def read(raw: bytes, folder: Path) -> Answer:
    return answer(PARSER.parse, Job(source=write_source(folder, raw, PATH)))


def sound_answer(name: str, folder: Path) -> Answer:
    """What the undamaged log says; read once."""
    if name not in _SOUND:
        _SOUND[name] = read(log(name), folder)
    return _SOUND[name]


def shared_places(raw: bytes) -> list[tuple[int, int]]:
    """Names and templates of the chunk by its own tables, and those of old records that the tables have forgotten.

    More than one record rests on these.
    """
    places = list(inline_templates(raw))
    for table, count, head in ((128, 64, 8), (384, 32, 24)):
        for slot in range(count):
            at = struct.unpack_from("<I", raw, 4096 + table + 4 * slot)[0]
            while at:
                place = 4096 + at
                size = struct.unpack_from("<I", raw, place + 20)[0] if head == 24 else raw[place + 6] * 2 + 2
                before = 10 if head == 24 else 0  # the instance that names the template
                places.append((place - before, place + head + size))
                at = struct.unpack_from("<I", raw, place)[0]
    return places


def inline_templates(raw: bytes) -> Iterator[tuple[int, int]]:
    """Instances of a template whose definition follows at once, each up to the definition's end."""
    for at in range(4096 + 512, len(raw) - 34):
        if raw[at] == 0x0C and struct.unpack_from("<I", raw, at + 6)[0] == at + 10 - 4096:
            yield at, at + 34 + struct.unpack_from("<I", raw, at + 30)[0]


@pytest.mark.parametrize("name", LOGS)
@given(chance=st.data())
@_MANY
def test_any_byte_of_the_chunk(name: str, chance: st.DataObject, tmp_path: Path) -> None:
    raw, sound = log(name), sound_answer(name, tmp_path)
    rows = {int(str(row["offset"])): row for row in sound.rows}
    ends = [at + int(str(row["length"])) for at, row in rows.items()]
    inside = chance.draw(st.sampled_from([(4096, 4608), *zip(rows, ends, strict=True)]))
    at = chance.draw(st.integers(inside[0], inside[1] - 1))
    byte = chance.draw(st.integers(0, 255).filter(lambda b: b != raw[at]))
    said = read(raw[:at] + bytes([byte]) + raw[at + 1 :], tmp_path)
    after = {int(str(row["offset"])): row for row in said.rows}
    assert said.ledger.found == said.ledger.parsed + said.ledger.failed
    assert at < 4608 or after != rows or said.issues != sound.issues, "the change left no trace"
    if not any(low <= at < high for low, high in shared_places(raw)):
        own = [start for start, end in zip(rows, ends, strict=True) if start <= at < end]
        assert [start for start in rows if start not in own and after.get(start) != rows[start]] == []


@given(chance=st.data())
@_MORE
def test_records_of_other_chunks_stay_as_they_are(chance: st.DataObject, tmp_path: Path) -> None:
    """Chunks are read many at once; whatever one of them says, the others say what they said."""
    file = corpora() / "plaso/test_data/evtx/System.evtx"
    need_shared(file)
    raw = file.read_bytes()[: 4096 + 3 * CHUNK]
    before = {row["offset"]: row for row in read(raw, tmp_path).rows}
    low, high = 4096 + CHUNK, 4096 + 2 * CHUNK
    at = low + chance.draw(st.integers(0, CHUNK - 1))
    new = chance.draw(st.binary(min_size=1, max_size=600))[: high - at]
    said = read(raw[:at] + new + raw[at + len(new) :], tmp_path)
    after = {row["offset"]: row for row in said.rows}
    assert said.ledger.found == said.ledger.parsed + said.ledger.failed
    others = [offset for offset in before if not low <= int(str(offset)) < high]
    assert [offset for offset in others if after.get(offset) != before[offset]] == []
    assert len(others) > len(before) / 2
