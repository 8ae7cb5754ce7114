"""The byte account of a ledger: read as records, failed, and what lies between; no byte twice, none outside."""

from __future__ import annotations

from itertools import pairwise

from shellcase.model import Parser
from tests.parsers.stub import Answer

PARTLY = ("memory.dump", "exchange.binary")
"""Parsers that follow a file's own pointers and leave the rest of it alone."""
BOTH = {
    "ntfs.mft": "an entry whose attributes break off has failed; what stood before the break is told all the same",
    "ntfs.logfile": "a damaged length reaches over the records behind it, which are found again by their own forms",
    "windows.srum": "a damaged tag gives a row a length that reaches into the row behind it",
    "windows.ual": "as windows.srum",
}
"""Parsers where bytes may be counted as read and as failed, and why."""
_LINES = (
    "iis.w3c",
    "iis.httperr",
    "iis.native",
    "iis.ncsa",
    "exchange.httpproxy",
    "exchange.ecp",
    "exchange.oabgenerator",
    "exchange.textlog",
    "exchange.agent",
)
_HEADERS = (b"#", b"DateTime,RequestId,")
Range = tuple[int, int]


def joined(ranges: list[Range]) -> list[Range]:
    """(start, end) pairs in order, those that touch or overlap made one."""
    found: list[Range] = []
    for start, end in sorted(ranges):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def records(said: Answer) -> list[Range]:
    """Bytes of the artefact itself that live events were read from."""
    rows = [(int(str(r["offset"])), int(str(r["length"]))) for r in said.rows if r.get("state") in (None, "live")]
    live = [event.origin for event in said.events if event.origin.state == "live"]
    spans = [(s.offset, s.length) for o in live for s in o.spans if s.role == "record" and s.layer == "raw"]
    return joined([(offset, offset + length) for offset, length in {*rows, *spans} if length])


def between(size: int, taken: list[Range]) -> list[Range]:
    """What is left of `size` bytes: headers, free space, what belongs to no record."""
    edges = [(0, 0), *joined(taken), (size, size)]
    return [(a[1], b[0]) for a, b in pairwise(edges) if a[1] < b[0]]


def check_account(parser: Parser, said: Answer, raw: bytes) -> None:
    """Parsed, failed and the rest add up to the size, with no byte counted twice."""
    seen = said.ledger.bytes_seen
    assert seen == len(raw) or (parser.name in PARTLY and seen < len(raw)), f"{seen} bytes seen of {len(raw)}"
    failed = sorted((offset, offset + length) for offset, length in said.ledger.failed_ranges if length)
    assert parser.name in BOTH or joined(failed) == failed or all(a[1] <= b[0] for a, b in pairwise(failed)), (
        "failed ranges overlap"
    )
    parsed = records(said)
    both = [(a, b) for a in parsed for b in failed if a[0] < b[1] and b[0] < a[1]] if len(failed) < 1000 else []
    assert not both or parser.name in BOTH, f"bytes are counted as parsed and as failed: {both[:3]}"
    rest = between(len(raw), parsed + failed)
    assert sum(end - start for start, end in joined(parsed + failed) + rest) == len(raw)
    if parser.name.startswith(_LINES) and not failed:
        left = [
            line for start, end in rest for line in raw[start:end].split(b"\n") if line.strip(b"\r\0 \t\xef\xbb\xbf")
        ]
        unread = [line for line in left if not line.lstrip(b"\xef\xbb\xbf\0").startswith(_HEADERS)]
        assert not unread or said.ledger.found == 0, f"lines in no range: {unread[:2]}"
