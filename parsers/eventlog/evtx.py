"""Windows event logs (EVTX): every live record, damaged chunks and all, each with its offset and exact time.

Records are counted by a walk over chunk and record headers (`walk.py`); the fast reader decodes them chunk by chunk
(`decode.py`), python-evtx and dissect.eventlog take what it refuses (`fallback.py`), the rest is lost and said so.
Whole records behind a chunk's free-space mark are older ones: they come with state `slack` and count as recovered,
never as found.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping

from parsers.account import Account
from parsers.eventlog import forwarded
from parsers.eventlog.decode import decode
from parsers.eventlog.fallback import OtherReaders
from parsers.eventlog.frame import CHUNK, FILE_HEADER, FILE_MAGIC, Record
from parsers.eventlog.grid import chunk_of, first_chunk
from parsers.eventlog.record import CMDLET_KIND, COLUMNS, KIND, BadRecordError, row
from parsers.eventlog.walk import Chunk, chunks, split
from parsers.eventlog.window import Read, Window, in_order, windows
from parsers.eventlog.xmltree import Node, from_json
from parsers.rows import Rows
from shellcase.model import EventBatch, Grade, Issue, Job, Kind, Parser, ParserOutput

_SYSTEM: Mapping[str, str] = {
    "EventRecordID": "number inside the event",
    "Level": "1 critical … 4 information",
    "Version": "version of the event's definition",
    "Task": "category",
    "Opcode": "operation code",
    "Keywords": "bit mask as 0x… text",
    "Qualifiers": "upper half of a classic event id",
    "ProcessID": "process that wrote the record",
    "ThreadID": "thread that wrote the record",
    "UserID": "SID in the Security element",
    "Computer": "computer named in the record",
    "ActivityID": "correlation GUID",
    "RelatedActivityID": "correlation GUID of the other side",
    "Guid": "GUID of the provider",
    "EventSourceName": "classic name of the provider",
    "EventData": "object name → value, in the record's order; a name used again gets its place, name#4",
    "EventDataName": "name of the EventData element itself",
    "Data": "list of the values without names, in the record's order",
    "UserData": "object dotted name → value",
    "Binary": "classic binary data as hex",
    "Other": "object dotted name → value of any further part (RenderingInfo of forwarded records)",
    "header_record_id": "number in the record's header; differs from EventRecordID in exported logs",
    "reader": "python-evtx or dissect.eventlog, where the fast reader refused the record",
    "record_crc32": "CRC-32 of the record's bytes, where no checksum of the chunk covers them",
    "written": "FILETIME of the record's header as text, when it is not TimeCreated",
}
_CMDLET: Mapping[str, str] = {
    "Cmdlet": "name of the cmdlet",
    "Parameters": "parameters as logged",
    "Caller": "canonical name of the caller",
    "HostApplication": "what called it",
    "Process": "`<pid> <process>#<application pool>`",
    "Elapsed": "time it took",
    "Error": "error text",
    **_SYSTEM,
}


def parse(job: Job) -> Iterator[ParserOutput]:
    """One event for every record, an issue for everything strange, one ledger."""
    outputs = _parse(job)
    return forwarded.told_apart(outputs, job) if forwarded.is_collected(job.source.path) else outputs


def _parse(job: Job) -> Iterator[ParserOutput]:
    account = Account()
    rows = Rows(COLUMNS, {"act": "logged", "ts_zone": "UTC by format", "ts_means": "instant"})
    shift = 0
    with job.source.open() as stream:
        if job.span is None or job.span.offset == 0:
            head, first = stream.read(FILE_HEADER), first_chunk(stream)
            account.bytes_seen += min(len(head), first)
            shift = 0 if head.startswith(FILE_MAGIC) else (first - FILE_HEADER) % CHUNK  # else told of the header
            yield from _check_head(head)
        for window in windows(chunks(stream, job)):
            for read in window.reads:
                account.bytes_seen += read.chunk.length
                if read.chunk.good_magic and (read.chunk.offset - FILE_HEADER) % CHUNK != shift:
                    shift = (read.chunk.offset - FILE_HEADER) % CHUNK
                    yield _off_grid(read.chunk)
                yield from _check(read.chunk, account)
                yield from _read(read, rows, account)
                del read
            yield from _flush(window, rows, account)
            del window  # before the next one is read: memory is short where many work
    yield account.close()


def _flush(window: Window, rows: Rows, account: Account) -> Iterator[EventBatch]:
    """The rows of a window; those that were read one by one are in `rows`."""
    quick = window.columns
    if quick and len(quick.ns):
        account.saw(int(quick.ns.min()), int(quick.ns.max()))
    yield from in_order(quick, rows.flush(), rows.constant)


def _check_head(head: bytes) -> Iterator[Issue]:
    if not head.startswith(FILE_MAGIC):
        found = head[:8].hex(" ") or "an empty file"
        yield Issue(grade="damaged", what="no EVTX file header", offset=0, expected="ElfFile", found=found)


def _off_grid(chunk: Chunk) -> Issue:
    what, where = "bytes are missing or too many before this chunk", f"chunk at {chunk.offset}"
    expected, found = f"a multiple of {CHUNK} behind the file header", f"byte {chunk.offset}"
    return _issue("odd", what, chunk.offset, chunk.length, where, expected, found)


def _check(chunk: Chunk, account: Account) -> Iterator[Issue]:
    """Compare what the chunk says of itself with what the walk met."""
    if chunk.is_blank:
        return
    where = f"chunk at {chunk.offset}"
    if not chunk.good_magic:
        found = chunk.raw[:8].hex(" ")
        yield _issue("damaged", "no chunk header", chunk.offset, chunk.length, where, "ElfChnk", found)
    headed = sum(gap.headed for gap in chunk.gaps)
    account.found += len(chunk.records) + headed
    if chunk.announced is not None:
        account.announced = (account.announced or 0) + chunk.announced
        if chunk.announced != len(chunk.records):
            met = f"{len(chunk.records)} records"
            what = "chunk header announces another number of records"
            yield _issue("damaged", what, chunk.offset, chunk.length, where, str(chunk.announced), met)
    for part, stored, crc in chunk.checksums_wrong:
        what = f"checksum of {part} is wrong"
        yield _issue("odd", what, chunk.offset, chunk.length, where, f"CRC-32 {stored:08x}", f"{crc:08x}")
    if chunk.mark_wrong:
        what = "the free-space mark is not where the live records end"
        yield _issue("damaged", what, chunk.offset, chunk.length, where, *chunk.ends)
    for odd in [record for record in chunk.records if record.odd]:
        what = f"record header: {odd.odd}"
        yield _issue("damaged", what, chunk.offset + odd.offset, odd.size, where, "two sizes and a signature", "")
    for gap in chunk.gaps:
        account.lost(chunk.offset + gap.offset, gap.length)
        grade: Grade = "lost" if gap.headed else "damaged"
        at = chunk.offset + gap.offset
        yield _issue(grade, "bytes that are no record", at, gap.length, where, "a record header", "other bytes")


def _issue(grade: Grade, what: str, offset: int, length: int, where: str, expected: str, found: str) -> Issue:
    return Issue(grade=grade, what=what, offset=offset, length=length, expected=expected, found=found, locator=where)


def _read(read: Read, rows: Rows, account: Account) -> Iterator[ParserOutput]:
    chunk, others = read.chunk, OtherReaders(read.chunk.raw, read.chunk.records)
    account.parsed += sum(read.done)
    rest = [n for n, done in enumerate(read.done) if not done]
    for record, text in ((chunk.records[n], read.texts[n]) for n in rest):
        if _add(chunk, record, _readings(record, text, others), rows, account):
            account.parsed += 1
            continue
        at = chunk.offset + record.offset
        account.lost(at, record.size)
        where = f"record header {record.number}"
        yield _issue("lost", "record that no reader can decode", at, record.size, where, "BinXML of an event", "")
    if chunk.slack:
        yield from _read_slack(chunk, rows, account)


def _readings(record: Record, text: str | None, others: OtherReaders) -> Iterator[tuple[Node, str]]:
    """The record as each reader in turn gives it, with the reader's name but for the first."""
    tree = from_json(text) if text else None
    if tree:
        yield tree, ""
    yield from others.read(record)


def _read_slack(chunk: Chunk, rows: Rows, account: Account) -> Iterator[EventBatch | Issue]:
    others, done = OtherReaders(chunk.raw, chunk.slack), 0
    for record, text in zip(chunk.slack, decode(chunk.raw, chunk.slack), strict=True):
        done += _add(chunk, record, _readings(record, text, others), rows, account, "slack")
    account.recovered += done
    found = f"{len(chunk.slack)} records, {done} readable"
    first = chunk.slack[0].offset
    what = "old records behind the chunk's free-space mark"
    where = f"chunk at {chunk.offset}"
    yield _issue("odd", what, chunk.offset + first, max(0, chunk.length - first), where, "free space", found)


def _add(
    chunk: Chunk,
    record: Record,
    readings: Iterator[tuple[Node, str]],
    rows: Rows,
    account: Account,
    state: str = "live",
) -> bool:
    """Take the first reading that is an event; whether there was one."""
    bare = "" if chunk.checked and state == "live" else _crc(chunk, record)
    for tree, reader in readings:
        extra = {name: text for name, text in (("reader", reader), ("record_crc32", bare)) if text}
        try:
            ns, cells = row(tree, record, chunk.raw, chunk.offset + record.offset, state, extra)
        except BadRecordError:
            continue
        rows.add(cells)
        if state == "live":
            account.saw(ns)
        return True
    return False


def _crc(chunk: Chunk, record: Record) -> str:
    return f"{zlib.crc32(chunk.raw[record.offset : record.offset + record.size]):08x}"


def recognises(first: bytes, path: str) -> bool:
    """The file magic, or the name of an event log whose header is damaged."""
    return first.startswith(FILE_MAGIC) or path.lower().endswith(".evtx")


PARSER = Parser(
    name="windows.evtx",
    version=2,
    definitions=("WindowsEventLogs", "EventLogsElsewhere"),
    yields=(Kind(name=KIND, fields=_SYSTEM), Kind(name=CMDLET_KIND, fields=_CMDLET)),
    recognises=recognises,
    context=chunk_of,
    parse=parse,
    split=split,
    tier=1,
)
