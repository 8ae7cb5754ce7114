"""What one changed byte may cost: the event it lies in, no other."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

from shellcase.model import HostFacts, Job, Parser, Span
from shellcase.zones import SystemTime, Zone, ZoneRule
from tests.parsers.stub import Answer, answer, write_source

BERLIN = Zone(
    key="W. Europe Standard Time",
    how="test",
    default=ZoneRule(-60, 0, -60, SystemTime(10, 0, 5, 3, 0), SystemTime(3, 0, 5, 2, 0)),
)
_NOT_TOLD = {"locator", "offset", "length"}
Told = tuple[tuple[Span, ...], dict[str, object]]


def read(parser: Parser, raw: bytes, path: str, folder: Path, zone: Zone | None = BERLIN) -> Answer:
    return answer(parser.parse, Job(source=write_source(folder, raw, path), host=HostFacts(zone=zone)))


def told(said: Answer) -> list[Told]:
    """Each event with the bytes it rests on, records first, and all it says but for where it lies."""
    found: list[Told] = []
    for row in said.rows:
        span = Span(int(str(row["offset"])), int(str(row["length"])))
        found.append(((span,), {k: v for k, v in row.items() if k not in _NOT_TOLD}))
    for event in said.events:
        spans = tuple(sorted(event.origin.spans, key=lambda s: s.role != "record"))
        words = {name: getattr(event, name) for name in event.__struct_fields__ if name != "origin"}
        found.append((spans, words))
    return found


def touched(spans: tuple[Span, ...], at: int) -> bool:
    """Whether a byte lies in one of the spans."""
    return any(s.offset <= at < s.offset + s.length for s in spans)


def check_one_byte(parser: Parser, raw: bytes, path: str, folder: Path, chance: st.DataObject) -> None:
    """Change a byte of a record: that record tells something else or there is an issue, all others tell the same."""
    sound = told(read(parser, raw, path, folder))
    spans, _ = chance.draw(st.sampled_from(sound))
    record = spans[0]
    at = chance.draw(st.integers(record.offset, record.offset + record.length - 1))
    byte = chance.draw(st.integers(0, 255).filter(lambda b: b != raw[at]))
    said = read(parser, raw[:at] + bytes([byte]) + raw[at + 1 :], path, folder)
    assert said.ledger.found == said.ledger.parsed + said.ledger.failed
    after = told(said)
    untouched = [t for t in sound if not touched(t[0], at)]
    assert [t for t in untouched if t not in after] == [], "the change cost another record too"
    changed = [t for t in sound if t[0][0] == record]
    assert changed != [t for t in after if t[0][0] == record] or said.issues, "the change left no trace"
