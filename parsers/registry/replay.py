"""Bring a hive up to date from its transaction logs, as Windows does when it loads the hive again.

Logs are taken in the order of their numbers, entries below the hive's own number are left out, and the chain ends at
the first entry that is damaged or does not carry the next number. What was left out is told.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from parsers.registry.cells import FIRST_BIN, Header, header
from parsers.registry.logfile import Entry, Log, checksum, header_holds, read_log
from shellcase.model import Issue, Job

_ROOM = 1 << 24  # a hive does not grow by more than its logs hold, but for padding


@dataclass(slots=True)
class Replayed:
    """A hive with its logs applied. `pages` are (start, end, file of the log), sorted and apart, where it changed."""

    raw: bytes
    pages: list[tuple[int, int, str]] = field(default_factory=list)
    entries: int = 0
    issues: list[Issue] = field(default_factory=list)

    def source(self, offset: int, length: int) -> str | None:
        """The log that some bytes come from, None where they are the hive's own."""
        at = bisect_right(self.pages, (offset + length - 1, 1 << 62, ""))
        return self.pages[at - 1][2] if at and self.pages[at - 1][1] > offset else None


def replay(raw: bytes, job: Job) -> Replayed:
    """The hive of a job as Windows would load it; `issues` tell what was applied, left out or damaged."""
    out = Replayed(raw)
    head, whole = header(raw), header_holds(raw)
    logs = sorted(_logs(job), key=lambda log: log.first)
    if head.valid and not whole:
        out.issues.append(_odd_header(raw))
    elif not head.valid:
        out.issues.append(_no_header(raw))
    dirty = not whole or head.first != head.second
    if dirty and any(log.sound and log.entries for log in logs):
        _apply_all(out, logs, head.second if whole else 0, whole)
    if head.valid or whole:
        out.issues += _left_over(head, dirty, logs, out)
    return out


def _logs(job: Job) -> Iterator[Log]:
    for role in ("log", "log1", "log2"):
        source = job.companions.get(role)
        if source is not None:
            with source.open() as stream:
                raw = stream.read()
            if any(raw[:512]):
                yield read_log(role, source.path, raw)


def _apply_all(out: Replayed, logs: list[Log], least: int, whole: bool) -> None:
    """Apply what follows on the hive's number; `whole` False takes the header from the newest sound log."""
    sound = [log for log in logs if log.sound and log.entries]
    body = bytearray(out.raw)
    if not whole:
        body[:FIRST_BIN] = body[:FIRST_BIN].ljust(FIRST_BIN, b"\0")
        body[:508] = sound[-1].raw[:508]
    touched: dict[int, tuple[int, str]] = {}
    expected: int | None = None
    room = len(body) + sum(len(log.raw) for log in sound) + _ROOM
    for log in sound:
        for entry in log.entries:
            if entry.sequence < (least if expected is None else expected):
                continue
            wrong = _wrong(entry, expected, room, log)
            if wrong:
                out.issues.append(_stopped(log, entry, wrong))
                break
            if expected is None and log.head.kind == 6 and least and entry.sequence > least:
                out.issues.append(_gap(log, least, entry.sequence))
            _apply(body, log, entry, touched)
            expected = entry.sequence + 1
            out.entries += 1
    if expected is None:
        return
    struct.pack_into("<II", body, 4, expected, expected)
    struct.pack_into("<I", body, 28, 0)
    struct.pack_into("<I", body, 508, checksum(bytes(body[:512])))
    out.raw = bytes(body)
    out.pages = _apart(touched)
    out.issues.append(_done(out, logs, len(touched)))


def _wrong(entry: Entry, expected: int | None, room: int, log: Log) -> str:
    """Why an entry cannot be applied; empty when it can."""
    if not entry.whole:
        return "its check sums or lengths do not hold"
    if expected is not None and entry.sequence != expected:
        return f"its number is {entry.sequence}, the next is {expected}"
    last = max((page.to + page.size for page in entry.pages), default=0)
    if entry.bins + FIRST_BIN > room or last > max(entry.bins + FIRST_BIN, 0):
        return "it leads out of the hive"
    return ""


def _apply(body: bytearray, log: Log, entry: Entry, touched: dict[int, tuple[int, str]]) -> None:
    """Write the pages of one entry; the hive grows to the size the entry says, it is never cut."""
    size = entry.bins + FIRST_BIN
    if size > len(body):
        body.extend(bytes(size - len(body)))
    for page in entry.pages:
        body[page.to : page.to + page.size] = log.raw[page.at : page.at + page.size]
        for at in range(page.to, page.to + page.size, 512):
            touched[at] = (min(at + 512, page.to + page.size), log.path)
    struct.pack_into("<I", body, 40, entry.bins)


def _apart(touched: dict[int, tuple[int, str]]) -> list[tuple[int, int, str]]:
    """Sectors that follow each other from one log, as one run."""
    runs: list[tuple[int, int, str]] = []
    for start, (end, path) in sorted(touched.items()):
        if runs and runs[-1][1] == start and runs[-1][2] == path:
            runs[-1] = (runs[-1][0], end, path)
        else:
            runs.append((start, end, path))
    return runs


def _done(out: Replayed, logs: list[Log], sectors: int) -> Issue:
    names = ", ".join(sorted({path for _, _, path in out.pages}))
    return Issue(
        grade="odd",
        what="the hive was not closed cleanly; it is told as it is after its transaction logs",
        found=f"{out.entries} entries applied, {sectors} sectors of 512 bytes from {names}",
        locator="+".join(log.role for log in logs if log.sound and log.entries),
    )


def _stopped(log: Log, entry: Entry, wrong: str) -> Issue:
    found = f"{wrong} (entry at byte {entry.at}, {entry.size} bytes)"
    return Issue(
        grade="damaged",
        what="a transaction log is applied only up to an entry that does not fit",
        expected="entries in a row, with right check sums",
        found=f"{found} in {log.path}",
        locator=log.role,
    )


def _gap(log: Log, least: int, first: int) -> Issue:
    return Issue(
        grade="odd",
        what="the transaction log starts later than the hive ends; changes between them may be missing",
        expected=str(least),
        found=f"{first} in {log.path}",
        locator=log.role,
    )


def _left_over(head: Header, dirty: bool, logs: list[Log], out: Replayed) -> Iterator[Issue]:
    """Logs that hold more than the hive and were not applied, and a hive that needs one and has none."""
    least = head.second + (not dirty)
    spoilt = [log for log in logs if not log.sound and log.head.first >= least]
    newer = [log for log in logs if log.sound and not dirty and log.entries and log.entries[-1].sequence >= least]
    for log in spoilt + newer:
        why = "its header is damaged" if not log.sound else "it is newer than the hive, which was closed cleanly"
        yield Issue(
            grade="odd" if log.sound else "damaged",
            what=f"transaction log not replayed: {why}",
            expected=f"sequence number below {least}",
            found=f"{max([log.head.first, *(e.sequence for e in log.entries)])} in {log.path}",
            locator=log.role,
        )
    if dirty and not out.entries and not spoilt:
        yield Issue(
            grade="odd",
            what="the hive was not closed cleanly and no newer transaction log lies beside it",
            offset=4,
            length=8,
            expected=str(head.first),
            found=str(head.second),
        )


def _no_header(raw: bytes) -> Issue:
    what = "the header of this hive is not readable"
    return Issue(grade="damaged", what=what, offset=0, expected="regf", found=raw[:4].hex())


def _odd_header(raw: bytes) -> Issue:
    return Issue(
        grade="damaged",
        what="the check sum of the hive's header does not hold",
        offset=0,
        length=min(len(raw), 512),
        expected=f"{checksum(raw.ljust(512, bytes(1))):08x}",
        found=raw[508:512][::-1].hex(),
    )
