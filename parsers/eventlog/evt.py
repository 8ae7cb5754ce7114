"""Event logs of Windows NT to 2003 (EVT): live records of the ring and, marked, older ones that still lie in the file.

Sound records are counted by a walk over sizes and signatures (`evtwalk.py`); what is live is told by the ring's cursor
(`evtcursor.py`). What a record holds: `evtrecord.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from parsers.account import Account
from parsers.eventlog.evtcursor import Ring, survey
from parsers.eventlog.evtrecord import read_record
from parsers.eventlog.evtwalk import CURSOR, FILE_MAGIC, HEADER, Frame, Piece
from shellcase.model import Event, Grade, Issue, Job, Kind, Origin, Parser, ParserOutput, Span

KIND = Kind(
    name="windows.evt.record",
    fields={
        "RecordNumber": "number of the record in its log",
        "EventID": "the whole 32 bits of the id as hex; event_code is its lower half",
        "Type": "Error, Warning, Information, Success audit or Failure audit",
        "Category": "category number of the source",
        "Computer": "computer that wrote the record",
        "UserID": "SID of the record",
        "Data": "list of the strings, in the record's order",
        "Binary": "binary data as hex",
        "written": "when the log service wrote it, where that is not when it was generated",
        "record_crc32": "CRC-32 of the record's bytes; the format has no checksum of its own",
    },
)


def parse(job: Job) -> Iterator[ParserOutput]:
    """One event for every record of the ring and every stale one, an issue for everything strange, one ledger."""
    account = Account(bytes_seen=job.source.size)
    with job.source.open() as stream:
        frame = Frame(stream, job.source.size)
        ring = survey(frame)
        account.announced = ring.announced
        yield from _check_head(frame, ring)
        for piece in frame.pieces(ring.skip):
            yield from _read(frame, piece, ring, account, job.source.path)
    if account.announced is not None and account.announced != account.found:
        what = "the log announces another number of records"
        yield Issue(grade="damaged", what=what, expected=str(account.announced), found=f"{account.found} records")
    yield account.close()


def _check_head(frame: Frame, ring: Ring) -> Iterator[Issue]:
    head = frame.bytes_at(0, HEADER)
    if not head.startswith(FILE_MAGIC) or len(head) < HEADER:
        found = head[:8].hex(" ") or "an empty file"
        yield Issue(grade="damaged", what="no EVT file header", offset=0, expected="30 00 00 00 LfLe", found=found)
    if not ring.known:
        what = "neither cursor nor header tell which records are live: all count as live"
        yield Issue(grade="damaged", what=what, offset=0, expected="a cursor record")


def _read(frame: Frame, piece: Piece, ring: Ring, account: Account, path: str) -> Iterator[Event | Issue]:
    live = ring.holds(piece.offset)
    if piece.what == "record":
        if piece.odd:
            yield _issue("damaged", f"record header: {piece.odd}", piece, "two sizes and a signature")
        event, complete = read_record(frame.record_bytes(piece), _origin(piece, ring, live=live), path)
        if not complete:
            yield _issue("damaged", "record whose parts run over its end", piece, "parts inside of the record")
        yield event
        if live:
            account.found, account.parsed = account.found + 1, account.parsed + 1
            account.saw(event.when.ns)
        else:
            account.recovered += 1
    elif live and piece.what in {"gap", "headed"} and _used(frame, piece):
        headed = piece.what == "headed"
        account.found += headed
        account.lost(piece.offset, piece.length)
        yield _issue("lost" if headed else "damaged", "bytes that are no record", piece, "a record header")


def _issue(grade: Grade, what: str, piece: Piece, expected: str) -> Issue:
    length = piece.length - piece.wrapped
    where = f"record {piece.number}"
    return Issue(grade=grade, what=what, offset=piece.offset, length=length, expected=expected, locator=where)


def _origin(piece: Piece, ring: Ring, *, live: bool) -> Origin:
    spans = [Span(piece.offset, piece.length - piece.wrapped)]
    if piece.wrapped:
        spans.append(Span(HEADER, piece.wrapped))
    spans.append(Span(0, HEADER, "context") if ring.place is None else Span(ring.place, CURSOR, "context"))
    return Origin(tuple(spans), f"record {piece.number}", "live" if live else "slack")


def _used(frame: Frame, piece: Piece) -> bool:
    """Whether there is anything but zeros and filler, looked at in small blocks."""
    return any(
        frame.bytes_at(at, min(1 << 16, piece.offset + piece.length - at)).strip(b"\0\x27")
        for at in range(piece.offset, piece.offset + piece.length, 1 << 16)
    )


def recognises(first: bytes, path: str) -> bool:
    """The file magic, or the name of a log whose header is damaged."""
    return first.startswith(FILE_MAGIC) or path.lower().endswith(".evt")


PARSER = Parser(
    name="windows.evt",
    version=1,
    definitions=("WindowsEventLogs", "EventLogsElsewhere"),
    yields=(KIND,),
    recognises=recognises,
    parse=parse,
    tier=1,
)
