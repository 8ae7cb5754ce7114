"""Events of a whole case give themselves again from their own bytes; other bytes do not."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from parsers import named
from shellcase.case import Case
from shellcase.errors import INTEGRITY, OK
from shellcase.model import Issue, Job
from shellcase.replay import Ask, Left, alone, ask_for, differing, read_again, replay
from shellcase.timeline import Timeline

_FEW = 2
_MANY = int(os.environ.get("SHELLCASE_MANY", "12"))
_LEAST = 20  # parsers that have events in EX01
_BYTES = 3  # changed in each event


def _events(case: Case, most: int) -> list[dict[str, Any]]:
    """Of each parser so many events, drawn by lot; where there are fewer, all of them."""
    with closing(Timeline.connect(case.timeline_to_read())) as timeline:
        asked = "SELECT parser, list(event_id ORDER BY event_id) AS ids FROM timeline GROUP BY parser ORDER BY parser"
        by_parser = timeline.query(asked).to_pylist()
        assert len(by_parser) >= _LEAST
        lots = random.Random("again")
        chosen = [i for p in by_parser for i in lots.sample(p["ids"], min(most, len(p["ids"])))]
        wanted = "SELECT * FROM timeline WHERE event_id IN (SELECT unnest(?)) ORDER BY event_id"
        rows: list[dict[str, Any]] = timeline.query(wanted, [chosen]).to_pylist()
    return rows


def _asks(case: Case, most: int, scratch: Path) -> Iterator[Ask]:
    """What is asked for each; events of one artefact share all but themselves."""
    known: dict[tuple[str, str], Ask] = {}
    for event in _events(case, most):
        key = event["artifact_id"], event["parser"]
        ask = known.get(key) or ask_for(case, event, scratch)
        assert ask is not None, event
        known[key] = ask
        yield msgspec.structs.replace(ask, event=event)


def _all_the_same(asks: Iterator[Ask]) -> None:
    for ask in asks:
        said = replay(ask)
        assert said.same, (ask.event["event_id"], ask.event["parser"], said.differs)


def _issues(ask: Ask, job: Job) -> int:
    return sum(isinstance(out, Issue) for out in named(ask.event["parser"]).parse(job))


def _every_change_is_noticed(asks: Iterator[Ask]) -> None:
    """One changed byte of the record, everything else as it was: not the same event, or one issue more."""
    lots, unseen = random.Random("one byte"), list[tuple[str, str, str]]()
    for ask in asks:
        left, job = alone(ask)
        file, sound = left.local_path(), _issues(ask, job)
        for at in _places(left, lots):
            raw = file.read_bytes()
            changed = raw[at] ^ 1 << lots.randrange(8)
            file.write_bytes(raw[:at] + bytes([changed]) + raw[at + 1 :])
            noticed = differing(ask, job) or _issues(ask, job) != sound
            file.write_bytes(raw)
            if not noticed:
                unseen.append((ask.event["event_id"], ask.event["kind"], f"byte {at} changed to {changed:#x}"))
    assert unseen == []


def _places(left: Left, lots: random.Random) -> list[int]:
    records = [s for s in left.spans if s.role == "record" and s.layer == "raw" and s.length]
    spans = [lots.choice(records) for _ in range(_BYTES if records else 0)]
    return [min(s.offset + lots.randrange(s.length), left.size - 1) for s in spans]


def test_a_few_events_of_every_parser_come_again_from_their_bytes_alone(ex01: Case, tmp_path: Path) -> None:
    _all_the_same(_asks(ex01, _FEW, tmp_path))


def test_a_changed_byte_of_a_few_events_of_every_parser_is_noticed(ex01: Case, tmp_path: Path) -> None:
    _every_change_is_noticed(_asks(ex01, _FEW, tmp_path))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_many_events_of_every_parser_come_again_from_their_bytes_alone(ex01: Case, tmp_path: Path) -> None:
    """`SHELLCASE_MANY=400` takes more of each; what each parser has, it then has nearly all."""
    _all_the_same(_asks(ex01, _MANY, tmp_path))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_changed_byte_of_many_events_of_every_parser_is_noticed(ex01: Case, tmp_path: Path) -> None:
    """Three bytes of each event's record, one after another."""
    _every_change_is_noticed(_asks(ex01, _MANY, tmp_path))


def test_an_event_that_its_bytes_do_not_give_is_told(ex01: Case, tmp_path: Path) -> None:
    ask = next(_asks(ex01, 1, tmp_path))
    other = msgspec.structs.replace(ask, event=ask.event | {"subject": "what was never there"})
    said = replay(other)
    assert said.differs == ("subject",)
    assert "DIFFERS in subject" in said.line()


def test_show_reads_an_event_again_in_a_worker(ex01: Case) -> None:
    code, lines = read_again(ex01, _events(ex01, 1)[0]["event_id"])
    assert (code, len(lines)) == (OK, 1), lines
    assert "read again  the same, from " in lines[0]


def test_show_does_not_read_an_object_that_is_not_what_was_collected(ex01: Case, tmp_path: Path) -> None:
    """A byte of the stored object changed: exit code 3, and the event is not judged by it."""
    ask = next(a for a in _asks(ex01, 1, tmp_path) if a.item.stored_as == "raw")
    copied = tmp_path / "case"
    shutil.copytree(ex01.root, copied)
    stored = copied / "data" / "evidence" / str(ask.item.object)
    raw = bytearray(stored.read_bytes())
    raw[0] ^= 1
    stored.unlink()
    stored.write_bytes(raw)
    code, lines = read_again(Case.look(copied), ask.event["event_id"])
    assert (code, len(lines)) == (INTEGRITY, 1)
    assert "not those that were collected" in lines[0]
