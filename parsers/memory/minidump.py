"""Process memory dumps (minidumps), loose or in an archive: of which process, when, by what.

Their memory is never read. A stored copy may hold zeros instead of memory; nothing here minds.
"""

from __future__ import annotations

from collections.abc import Iterator

from parsers.crc import CRC
from parsers.memory import archived
from parsers.memory.dump import Dump, dump_data, dump_moment, looks_like_dump, read_dump
from shellcase.model import Event, Issue, Job, Kind, Ledger, Origin, Parser, ParserOutput


def parse(job: Job) -> Iterator[ParserOutput]:
    """One event for the dump, issues for what is missing or wiped, and the ledger; archives member by member."""
    with job.source.open() as stream:
        if archived.is_archive(stream.read(8)):
            yield from archived.parse(job)
            return
        dump, seen = read_dump(stream, job.source.size)
    if dump is None:
        yield Issue(grade="lost", what="no directory of streams can be read in this memory dump", offset=0)
        yield Ledger(bytes_seen=seen, found=1, failed=1, failed_ranges=((0, job.source.size),))
        return
    yield from _issues(dump)
    event = _event(job, dump)
    yield event
    yield Ledger(bytes_seen=seen, found=1, parsed=1, first_ns=event.when.ns, last_ns=event.when.ns)


def _issues(dump: Dump) -> Iterator[Issue]:
    if dump.wiped:
        yield Issue(grade="odd", what="a memory dump whose signature was wiped", offset=0, length=4, expected="MDMP")
    if not dump.taken:
        yield Issue(grade="odd", what="the dump does not say when it was taken", offset=20, length=4, found="0")
    for problem in dump.problems:
        yield Issue(grade="damaged", what=problem)


def _event(job: Job, dump: Dump) -> Event:
    image = dump.modules[0] if dump.modules else "an unnamed process"
    who = f" (process {dump.pid})" if dump.pid is not None else ""
    return Event(
        when=dump_moment(dump),
        act="dumped",
        kind="memory.dump",
        subject=f"{job.source.path}: memory of {image}{who}",
        origin=Origin(dump.read, "structure", job.source.state),
        process=dump.modules[0] if dump.modules else None,
        file_path=job.source.path,
        data=dump_data(dump),
    )


def recognises(head: bytes, path: str) -> bool:
    """A dump by its signature or structure; archives, which may hold one."""
    return looks_like_dump(head) or archived.is_archive(head)


PARSER = Parser(
    name="memory.dump",
    version=2,
    definitions=(
        "MemoryDumpFiles",
        "DeletedFiles",
        "StagedArchives",
        "DroppedScripts",
        "WebRoots",
        "ExchangeWebFolders",
    ),
    yields=(
        archived.MEMBER,
        Kind(
            name="memory.dump",
            fields={
                "is_lsass": "whether it is the memory of lsass.exe",
                "module0": "path of the first module, the process image",
                "modules": "number of modules",
                "pid": "process id",
                "process_created": "when the process was started",
                "os_build": "version of Windows",
                "flags": "what the tool asked to be dumped",
                "streams": "number of streams",
                "signature": "ok or wiped",
                "comment": "what the tool noted",
                "crc": CRC,
            },
        ),
    ),
    recognises=recognises,
    parse=parse,
    tier=1,
)
