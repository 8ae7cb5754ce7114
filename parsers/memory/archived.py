"""Archives that may hold memory dumps: every member is named, and a dump in a ZIP is told as one on the disk is.

Only the first megabytes of a member are unpacked, enough for header, directory and module list of a dump; what lies
behind them, the memory itself, is never read. Members of a 7z archive are named, not unpacked.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime
from typing import BinaryIO

from parsers import times
from parsers.account import Account
from parsers.memory.dump import Dump, dump_data, dump_moment, looks_like_dump, read_dump
from parsers.memory.sevenzip import MAGIC as SEVEN_MAGIC
from parsers.memory.sevenzip import names
from parsers.memory.zipped import MAGIC as ZIP_MAGIC
from parsers.memory.zipped import Member, beginning, directory
from parsers.walltime import local_moment
from shellcase.model import Event, Issue, Job, Kind, Moment, Origin, ParserOutput, Span

_ENOUGH = 4 << 20  # header, directory, modules and names lie before the memory
_FIRST = 4096
_MOST_UNPACKED = 256 << 20  # of all members of one archive together
_DUMP_NAMES = (".dmp", ".mdmp", ".dump")
NO_TIME = Moment(None, 0, "")

MEMBER = Kind(
    name="archive.member",
    fields={
        "member": "its name in the archive",
        "size": "bytes unpacked",
        "packed": "bytes in the archive",
        "encrypted": "whether a password protects it",
        "method": "how it is packed, by number",
        "crc32": "checksum of its content",
        "archive": "zip or 7z",
        "dump": "yes, by name (a name as dumps have it, content not read), or no",
    },
)


def is_archive(head: bytes) -> bool:
    """ZIP or 7z, by the first bytes."""
    return head.startswith((ZIP_MAGIC, SEVEN_MAGIC))


def parse(job: Job) -> Iterator[ParserOutput]:
    """An event for each member, one more for each dump, issues, and the ledger."""
    account = Account(bytes_seen=job.source.size)
    with job.source.open() as stream:
        head = stream.read(6)
        yield from _seven(job, stream, account) if head == SEVEN_MAGIC else _zip(job, stream, account)
    yield account.close()


def _zip(job: Job, stream: BinaryIO, account: Account) -> Iterator[ParserOutput]:
    found = directory(stream, job.source.size)
    account.found, account.announced = len(found.members), found.announced
    if not found.whole:
        what = "the archive has no directory: members were searched for by their own headers"
        yield Issue(grade="damaged", what=what, offset=0, length=job.source.size, expected="a central directory")
    elif found.announced is not None and found.announced != len(found.members):
        what = "the archive announces other than its directory holds"
        yield Issue(grade="damaged", what=what, expected=str(found.announced), found=str(len(found.members)))
    left = _MOST_UNPACKED
    for member in found.members:
        account.parsed += 1
        start = beginning(stream, member, min(_FIRST, left))
        left -= len(start)
        dump = None
        if looks_like_dump(start):
            whole = beginning(stream, member, min(_ENOUGH, left))
            left -= len(whole)
            dump, _ = read_dump(io.BytesIO(whole), max(member.size, len(whole)))
        event = _member(job, member, "yes" if dump else _by_name(member.name, start))
        account.saw(event.when.ns)
        yield event
        if dump:
            yield _dump(job, member, dump)
    if left <= 0:
        yield Issue(grade="odd", what=f"only {_MOST_UNPACKED} bytes of this archive's members were looked at")


def _by_name(name: str, start: bytes = b"") -> str:
    base = name.replace("/", "\\").rpartition("\\")[2].casefold()
    return "by name" if not start and (base.endswith(_DUMP_NAMES) or "lsass" in base) else "no"


def _when(job: Job, member: Member) -> Moment:
    """Last change: as FILETIME or UTC seconds where an extra field has it, else the local time every ZIP has."""
    if member.filetime:
        return times.filetime_moment(member.filetime, "written")
    if member.unix is not None:
        ns = member.unix * 10**9
        return Moment(ns, 10**9, times.ns_text(ns, 0), means="written")
    day, clock = member.dos >> 16, member.dos & 0xFFFF
    try:
        reading = datetime(  # noqa: DTZ001 - a wall clock
            1980 + (day >> 9), day >> 5 & 15, day & 31, clock >> 11, clock >> 5 & 63, (clock & 31) * 2
        )
    except ValueError:
        return NO_TIME
    return local_moment(reading, reading.isoformat(), job.host.zone, means="written", resolution=2 * 10**9)


def _member(job: Job, member: Member, dump: str) -> Event:
    note = {"yes": ", a memory dump", "by name": ", by its name a memory dump"}.get(dump, "")
    return Event(
        when=_when(job, member),
        act="packed",
        kind="archive.member",
        subject=f"{job.source.path} holds {member.name} ({member.size} bytes{note})",
        origin=_origin(job, member, member.name),
        file_path=f"{job.source.path}\\{member.name}",
        data={
            "member": member.name,
            "size": member.size,
            "packed": member.packed,
            "encrypted": member.encrypted,
            "method": member.method,
            "crc32": f"{member.crc:08x}",
            "archive": "zip",
            "dump": dump,
        },
    )


def _origin(job: Job, member: Member, locator: str, *more: Span) -> Origin:
    return Origin((Span(member.offset, member.length), *more), locator, job.source.state)


def _dump(job: Job, member: Member, dump: Dump) -> Event:
    size = job.source.size
    start = min(member.data, size)
    packed = Span(start, min(30 + 65_535 * 2 + member.packed, size - start), "context")
    image = dump.modules[0] if dump.modules else "an unnamed process"
    return Event(
        when=dump_moment(dump),
        act="dumped",
        kind="memory.dump",
        subject=f"{job.source.path}\\{member.name}: memory of {image}",
        origin=_origin(job, member, member.name, packed),
        ordinal=1,
        process=dump.modules[0] if dump.modules else None,
        file_path=f"{job.source.path}\\{member.name}",
        data=dump_data(dump),
    )


def _seven(job: Job, stream: BinaryIO, account: Account) -> Iterator[ParserOutput]:
    found = names(stream, job.source.size)
    if found.problem:
        account.found += not found.names
        if not found.names:
            account.lost(0, job.source.size)
        what = f"members of this 7z archive cannot all be named: {found.problem}"
        yield Issue(grade="lost", what=what, offset=found.offset, length=found.length)
    account.found += len(found.names)
    for name in found.names:
        account.parsed += 1
        yield Event(
            when=NO_TIME,
            act="packed",
            kind="archive.member",
            subject=f"{job.source.path} holds {name} (7z: named, not unpacked)",
            origin=Origin((Span(found.offset, found.length), Span(0, 32, "context")), name, job.source.state),
            file_path=f"{job.source.path}\\{name}",
            data={"member": name, "archive": "7z", "dump": _by_name(name)},
        )
