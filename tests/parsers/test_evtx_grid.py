"""Event logs whose chunks are not where they should be: carved ones, and copies that lack or repeat some bytes."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from fixtures.formats.evtx import Record, write_evtx
from parsers.eventlog import evtx, walk
from parsers.eventlog.frame import CHUNK, CHUNK_HEADER, FILE_HEADER
from parsers.eventlog.grid import chunk_of, header_checksum, sound_header
from shellcase.model import Job
from tests.parsers.samples import T0
from tests.parsers.stub import Answer, answer, corpora, write_source

PATH = "C:\\Windows\\System32\\winevt\\Logs\\System.evtx"
AT = FILE_HEADER + 3 * CHUNK


@pytest.fixture(scope="module")
def log() -> bytes:
    """The first ten chunks of a real log."""
    return (corpora() / "plaso/test_data/evtx/System.evtx").read_bytes()[: FILE_HEADER + 10 * CHUNK]


def read(raw: bytes, folder: Path) -> Answer:
    return answer(evtx.PARSER.parse, Job(source=write_source(folder, raw, PATH)))


def bare(said: Answer) -> list[dict[str, object]]:
    """The rows without where they lie."""
    return [{k: v for k, v in row.items() if k not in ("offset", "locator")} for row in said.rows]


NOISE = random.Random(7).randbytes(3000)
CHANGES: dict[str, tuple[Callable[[bytes], bytes], int]] = {
    "no file header": (lambda raw: raw[FILE_HEADER:], 1),
    "zeros before a chunk": (lambda raw: raw[:AT] + bytes(1000) + raw[AT:], 1),
    "other bytes before a chunk": (lambda raw: raw[:AT] + NOISE + raw[AT:], 2),
    "a sector too many in the file header": (lambda raw: raw[:FILE_HEADER] + bytes(512) + raw[FILE_HEADER:], 1),
    "only 512 bytes of the file header": (lambda raw: raw[:512] + raw[FILE_HEADER:], 1),
    "every chunk apart": (
        lambda raw: (
            raw[:FILE_HEADER] + b"".join(bytes(512) + raw[n : n + CHUNK] for n in range(FILE_HEADER, len(raw), CHUNK))
        ),
        10,
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_no_record_is_lost_where_only_the_grid_is(change: str, log: bytes, tmp_path: Path) -> None:
    """A chunk's header has a checksum: it is known wherever it lies. That bytes are missing or too many is told."""
    harm, told = CHANGES[change]
    whole, said = read(log, tmp_path), read(harm(log), tmp_path)
    assert bare(said) == bare(whole)
    assert (said.ledger.found, said.ledger.failed) == (whole.ledger.found, 0)
    assert said.ledger.bytes_seen == len(harm(log))
    new = [i.what for i in said.issues if "old records" not in i.what]
    assert len(new) == told
    assert any("missing or too many" in what or "no EVTX file header" in what for what in new)


def test_bytes_that_are_lost_inside_a_chunk_cost_that_chunk(log: bytes, tmp_path: Path) -> None:
    """All that follow are read; of the torn one what is before the tear."""
    whole, said = read(log, tmp_path), read(log[: AT + 30_000] + log[AT + 30_512 :], tmp_path)
    before = [r for r in whole.rows if isinstance(r["offset"], int) and r["offset"] < AT + CHUNK]
    torn = [r for r in before if isinstance(r["offset"], int) and r["offset"] >= AT]
    lost = len(whole.rows) - len(said.rows)
    assert 0 < lost < len(torn)
    assert said.ledger.found == said.ledger.parsed + said.ledger.failed
    after = len(whole.rows) - len(before)
    assert bare(said)[-after:] == bare(whole)[-after:]


def test_what_an_event_says_is_no_chunk(log: bytes, tmp_path: Path) -> None:
    """Whoever can have an event written could put a sound chunk header into it, to hide what comes behind."""
    head = log[AT : AT + CHUNK_HEADER]
    assert sound_header(head)
    events = [
        Record(time_ns=T0, provider="p", event_id=1, channel="System", computer="EX01", data=(("x", text),))
        for text in ("a" * 600, "b", "c")
    ]
    raw = bytearray(write_evtx(events))
    at = raw.index("a".encode("utf-16-le") * 600)
    raw[at : at + CHUNK_HEADER] = head
    (free,) = struct.unpack_from("<I", raw, FILE_HEADER + 48)
    struct.pack_into("<I", raw, FILE_HEADER + 52, zlib.crc32(raw[FILE_HEADER + CHUNK_HEADER : FILE_HEADER + free]))
    struct.pack_into("<I", raw, FILE_HEADER + 124, header_checksum(bytes(raw), FILE_HEADER))
    said = read(bytes(raw), tmp_path)
    assert said.ledger.found == 3
    assert [row["offset"] for row in said.rows][-2:] == [
        row["offset"] for row in read(write_evtx(events), tmp_path).rows
    ][-2:]
    assert said.issues == []


def test_a_log_whose_grid_does_not_hold_is_not_cut(log: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut at the usual places its parts would begin inside chunks."""
    monkeypatch.setattr(walk, "SPAN_CHUNKS", 2)
    assert len(evtx.PARSER.split(write_source(tmp_path, log, PATH))) == 5  # type: ignore[misc]
    shifted = CHANGES["zeros before a chunk"][0](log)
    assert len(evtx.PARSER.split(write_source(tmp_path, shifted, PATH))) == 1  # type: ignore[misc]


@pytest.mark.parametrize("change", CHANGES)
def test_a_record_off_the_grid_is_read_again_from_its_chunk_alone(change: str, log: bytes, tmp_path: Path) -> None:
    """What `show` does: the record's chunk and the file's header, zeros everywhere else."""
    raw = CHANGES[change][0](log)
    for row in read(raw, tmp_path).rows[::500]:
        at = row["offset"]
        assert isinstance(at, int)
        left = bytearray(len(raw))
        for span in chunk_of(write_source(tmp_path, raw, PATH), at):
            left[span.offset : span.offset + span.length] = raw[span.offset : span.offset + span.length]
        assert row in read(bytes(left), tmp_path).rows
