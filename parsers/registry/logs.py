"""Transaction logs beside a hive: whether they hold changes that the hive does not have. They are not replayed."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from parsers.registry.cells import Header, header
from shellcase.model import Issue, Job, Source

_ENTRIES = 512  # where the entries of a new log start
_NEW = 6
_MOST_ENTRIES = 1 << 16


def log_issues(raw: bytes, job: Job) -> Iterator[Issue]:
    """What is odd about the header of a hive and its logs."""
    head = header(raw)
    if not head.valid:
        yield Issue(
            grade="damaged",
            what="the header of this hive is not readable",
            offset=0,
            expected="regf",
            found=raw[:4].hex(),
        )
        return
    dirty = head.first != head.second
    newer = [(role, source, newest) for role, source, newest in _logs(job) if newest >= head.second + (not dirty)]
    for role, source, newest in newer:
        yield Issue(
            grade="odd",
            what="transaction log not replayed: it is newer than the hive",
            expected=f"sequence number below {head.second + (not dirty)}",
            found=f"{newest} in {source.path}",
            locator=role,
        )
    if dirty and not newer:
        yield Issue(
            grade="odd",
            what="the hive was not closed cleanly and no newer transaction log lies beside it",
            offset=4,
            length=8,
            expected=str(head.first),
            found=str(head.second),
        )


def _logs(job: Job) -> Iterator[tuple[str, Source, int]]:
    for role in ("log1", "log2"):
        source = job.companions.get(role)
        if source is not None:
            with source.open() as stream:
                raw = stream.read()
            newest = _newest(raw, header(raw))
            if newest is not None:
                yield role, source, newest


def _newest(raw: bytes, head: Header) -> int | None:
    """The highest sequence number in a log; None for an empty or foreign one."""
    if not head.valid:
        return None
    if head.kind != _NEW:
        return head.first if len(raw) > _ENTRIES else None
    newest, at = None, _ENTRIES
    for _ in range(_MOST_ENTRIES):
        if raw[at : at + 4] != b"HvLE" or at + 16 > len(raw):
            break
        size, _, sequence = struct.unpack_from("<III", raw, at + 4)
        newest = sequence if newest is None else max(newest, sequence)
        if size < _ENTRIES or size % _ENTRIES:
            break
        at += size
    return newest
