"""A big artefact in parts gives what it gives whole: the same events, the same issues, the same account."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parsers import lines
from parsers.eventlog import evtx
from parsers.exchange import ecp_server, httpproxy
from parsers.exchange.csvline import safe_cut
from parsers.iis import w3c
from shellcase.model import Job, Ledger, Parser, Source, Span, merge_ledgers
from tests.parsers import samples
from tests.parsers.stub import Answer, answer, write_source

IIS = "C:\\inetpub\\logs\\LogFiles\\W3SVC1\\u_ex210303.log"
PROXY = "C:\\Logging\\HttpProxy\\Ecp\\HttpProxy_2021030306-1.LOG"
ECP = "C:\\Logging\\ECP\\Server\\ECPServer20210303-1.LOG"
_SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

_IIS_LINES = st.sampled_from([
    b"#Fields: date time cs-method cs-uri-stem c-ip sc-status\r\n",
    b"#Fields: time cs-uri-stem sc-status cs-username c-ip\r\n",
    b"#Fields: date date\r\n",
    b"\0\0#Fields: date time cs-uri-stem\r\n",
    b"#Date: 2021-03-02 00:00:00\r\n",
    b"2021-03-03 06:49:42 POST /owa/x 10.0.0.1 200\r\n",
    b"06:49:42 /owa/y 200 Jane Doe 10.0.0.1\r\n",
    b"2021-03-03 06:49:43 /z\r\n",
    b"nothing #Fields: time\r\n",
    b"\r\n",
    b"\xff\0\r\n",
])  # fmt: skip
_STAMP = b"2021-03-03T06:49:42.162Z"
_PROXY_LINES = st.sampled_from([
    b"#Fields: DateTime,RequestId,UrlStem,HttpStatus\r\n",
    b"DateTime,UrlStem,RequestId\r\n",
    b"#Date: 2021-03-03T00:00:00Z\r\n",
    _STAMP + b",id-1,/owa,200\r\n",
    _STAMP + b',"a ""quoted"" id",/owa,200\r\n',
    _STAMP + b",/ecp,id-2\r\n",
    _STAMP + b',"two\r\n' + _STAMP + b'",/owa,200\r\n',
    _STAMP + b',"forged\r\n#Fields: DateTime,Other\r\n",/owa,200\r\n',
    _STAMP + b',"lone,/owa,200\r\n',
    _STAMP + b",short\r\n",
    b"\r\n",
])  # fmt: skip


def together(parser: Parser, source: Source, spans: list[Span]) -> Answer:
    """What the parts say, one after the other, with one account."""
    parts = [answer(parser.parse, Job(source=source, span=s)) for s in spans]
    whole = Answer([], [], [], [merge_ledgers([p.ledger for p in parts])])
    for part in parts:
        whole.events.extend(part.events)
        whole.rows.extend(part.rows)
        whole.issues.extend(part.issues)
    return whole


def same(parser: Parser, raw: bytes, path: str, cuts: list[int], folder: Path) -> None:
    """Parse whole and in parts, compare everything."""
    source = write_source(folder, raw, path)
    places = sorted({0, *(c for c in cuts if 0 < c < len(raw)), len(raw)})
    spans = [Span(a, b - a) for a, b in pairwise(places)] or [Span(0, 0)]
    parts, whole = together(parser, source, spans), answer(parser.parse, Job(source=source))
    key = lambda row: (row["offset"], row.get("ordinal") or 0, str(row))  # noqa: E731
    assert sorted(parts.rows, key=key) == sorted(whole.rows, key=key)
    assert sorted(map(repr, parts.issues)) == sorted(map(repr, whole.issues))
    assert parts.ledger == whole.ledger


def line_starts(raw: bytes) -> list[int]:
    return [n + 1 for n, byte in enumerate(raw) if byte == 10]


@given(parts=st.lists(_IIS_LINES, max_size=24), chance=st.randoms(use_true_random=False))
@_SETTINGS
def test_an_iis_log_cut_at_any_lines(parts: list[bytes], chance: random.Random, tmp_path: Path) -> None:
    """Changed, doubtful and lost headers before, at and behind a cut."""
    raw = b"".join(parts)
    starts = line_starts(raw)
    same(w3c.PARSER, raw, IIS, chance.sample(starts, min(len(starts), chance.randrange(5))), tmp_path)


@pytest.mark.parametrize(("parser", "path"), [(httpproxy.PARSER, PROXY), (ecp_server.PARSER, ECP)])
@given(parts=st.lists(_PROXY_LINES, max_size=24), chance=st.randoms(use_true_random=False))
@_SETTINGS
def test_a_log_of_exchange_cut_anywhere(
    parser: Parser, path: str, parts: list[bytes], chance: random.Random, tmp_path: Path
) -> None:
    """Rows over several lines, lone quotes and forged headers inside of quotes about the cuts."""
    raw = b"".join(parts)
    if parser is ecp_server.PARSER:
        raw = raw.replace(b"DateTime,", b"TimeStamp,")
    with write_source(tmp_path, raw, path).open() as stream:
        cuts = [safe_cut(stream, chance.randrange(len(raw)), len(raw)) for _ in range(3) if raw]
    same(parser, raw, path, cuts, tmp_path)


def test_no_cut_falls_into_a_row_of_several_lines(tmp_path: Path) -> None:
    row = _STAMP + b',"two\r\nlines",/owa,200\r\n'
    raw = b"#Fields: DateTime,RequestId,UrlStem,HttpStatus\r\n" + row * 50
    with write_source(tmp_path, raw, PROXY).open() as stream:
        found = {safe_cut(stream, at, len(raw)) for at in range(len(raw))}
    assert found <= {n for n in line_starts(raw) if raw.startswith(_STAMP, n)} | {len(raw)}
    assert len(found) == 51


@pytest.mark.parametrize(
    ("parser", "path", "line"),
    [
        (w3c.PARSER, IIS, b"2021-03-03 06:49:42 POST /owa/x 10.0.0.1 200\r\n"),
        (httpproxy.PARSER, PROXY, _STAMP + b",i,/,200\r\n"),
    ],
)
def test_a_big_log_is_cut_into_parts(
    parser: Parser, path: str, line: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the bytes alone; together the parts are the file."""
    monkeypatch.setattr(lines, "SPAN", 1000)
    head = b"#Fields: date time cs-method cs-uri-stem c-ip sc-status\r\n" if parser is w3c.PARSER else b""
    raw = (head or b"#Fields: DateTime,RequestId,UrlStem,HttpStatus\r\n") + line * 400
    assert parser.split
    spans = parser.split(write_source(tmp_path, raw, path))
    assert 10 < len(spans) <= lines.MOST_SPANS
    same(parser, raw, path, [s.offset for s in spans], tmp_path)


def _spoil(chance: random.Random) -> Callable[[bytearray], None]:
    """A kind of damage to one chunk of a log."""

    def magic(chunk: bytearray) -> None:
        chunk[:8] = bytes(8)

    def last_record(chunk: bytearray) -> None:
        at = struct.unpack_from("<I", chunk, 44)[0]
        chunk[at + 24 : at + 60] = b"\xff" * 36

    def free_space(chunk: bytearray) -> None:
        struct.pack_into("<I", chunk, 48, 2048)

    def noise(chunk: bytearray) -> None:
        at = chance.randrange(len(chunk) - 600)
        chunk[at : at + 512] = chance.randbytes(512)

    return chance.choice([magic, last_record, free_space, noise])


def test_an_event_log_cut_between_any_chunks_damaged_ones_too(tmp_path: Path) -> None:
    """Also where the damage lies right at the cut, and where the last chunk is cut short."""
    one = samples.evtx()
    chunk = one[4096 : 4096 + 65536].ljust(65536, b"\0")
    for seed in range(8):
        chance = random.Random(seed)
        chunks = [bytearray(chunk) for _ in range(6)]
        for spoilt in chance.sample(chunks, 3):
            _spoil(chance)(spoilt)
        raw = (one[:4096] + b"".join(chunks))[: len(one[:4096]) + 6 * 65536 - chance.choice([0, 5000, 65000])]
        cuts = [4096 + 65536 * n for n in chance.sample(range(6), 3)]
        same(evtx.PARSER, raw, "C:\\Windows\\System32\\winevt\\Logs\\Security.evtx", cuts, tmp_path)


def test_accounts_of_parts_add_up() -> None:
    """The ledger of the parts keeps the failed ranges in order and the outermost instants."""
    a = Ledger(bytes_seen=10, found=3, parsed=2, failed=1, failed_ranges=((4, 2),), first_ns=5, last_ns=9)
    b = Ledger(bytes_seen=6, found=1, parsed=1, first_ns=2, last_ns=3)
    assert merge_ledgers([a, b]) == Ledger(
        bytes_seen=16, found=4, parsed=3, failed=1, failed_ranges=((4, 2),), first_ns=2, last_ns=9
    )
