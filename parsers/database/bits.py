"""BITS: what the background transfer service fetched or sent, from where, for whom, and what it ran afterwards.

Up to Windows 8.1 and Server 2016 the queue lies in `qmgr0.dat` and `qmgr1.dat`, which are written in turn; since then
in the ESE database `qmgr.db` (tables Jobs and Files, one blob each). Both are read here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import partial

from parsers import times
from parsers.account import Account
from parsers.database.bitsjob import FILES_MARK, JOB_MARKS, BadJobError, Transfer, begins, read_file, read_job
from parsers.database.bitsjob import Job as Transfers
from parsers.database.ese.catalogue import Database, Row, Table
from parsers.database.ese.telling import NO_TIME, Said, Tell, is_ese, shown, tell
from shellcase.model import Event, Issue, Job, Kind, Moment, Origin, Parser, ParserOutput, Span, Value

_FILE_MARK = bytes.fromhex("13f72bc84099124a9f1a3aaebd894eea")
_QUEUE_MARK = bytes.fromhex("47445f00a9bdba449851c47bb6c07ace")
_MOST_READ = 64 << 20
_MOST_JOB = 4 << 20
_WIDE = re.compile(rb"(?:[\x20-\x7e]\0){4,2048}")
_STARTS = (0, 16, 4, 20, 32, 36)


def _moment(ticks: int, means: str) -> Moment:
    return times.filetime_moment(ticks, means) if ticks else Moment(None, 100, "", means=means)


def _job_said(job: Transfers) -> Iterator[Said]:
    """Events of a job: when it was made and last changed; then its files."""
    texts = job.texts
    command = " ".join(filter(None, (texts.get("program"), texts.get("arguments"))))
    data: dict[str, Value] = {
        "job_id": job.job_id,
        "type": job.type,
        "priority": job.priority,
        "state": job.state,
        **texts,
        "files": len(job.files) or len(job.file_ids),
        "file_ids": list(job.file_ids),
    }
    words = f"transfer job {texts.get('name') or job.job_id} ({job.type}, {job.state})"
    pivots = {"user": texts.get("sid"), "command": command}
    stamps = [("created", job.created, "start"), ("changed", job.modified, "last")]
    for act, ticks, means in [s for s in stamps if s[1]] or [("queued", 0, "instant")]:
        ran = f", runs {command} when done" if command else ""
        yield Said(
            when=_moment(ticks, means),
            act=act,
            kind="windows.bits.job",
            subject=f"{words}{ran}",
            data=data,
            pivots=pivots,
        )
    for transfer in job.files:
        yield _file_said(transfer, job.job_id, _moment(job.created, "start"), texts.get("sid"))


def _file_said(transfer: Transfer, job_id: str, when: Moment, user: str | None) -> Said:
    data: dict[str, Value] = {
        "job_id": job_id,
        "local": transfer.local,
        "remote": transfer.remote,
        "temporary": transfer.temporary,
        "received": transfer.received if transfer.received >= 0 else None,
        "size": transfer.size if transfer.size >= 0 else None,
        "volume": transfer.volume or None,
    }
    return Said(
        when=when,
        act="transferred",
        kind="windows.bits.file",
        subject=f"transfer of {transfer.remote} to {transfer.local}",
        data=data,
        pivots={"url": transfer.remote, "file_path": transfer.local, "user": user},
    )


def parse(job: Job) -> Iterator[ParserOutput]:
    """Events of jobs and files, issues, and the ledger."""
    with job.source.open() as stream:
        head = stream.read(16)
        if is_ese(head):
            yield from tell(job, _plan)
            return
        stream.seek(0)
        raw = stream.read(_MOST_READ)
    yield from _old(job, raw)


def _places(raw: bytes) -> list[int]:
    """Where the marks of jobs end that are followed by a job's numbers: the count nobody decodes for."""
    found = (m.end() for mark in JOB_MARKS for m in re.finditer(re.escape(mark), raw))
    return sorted(at for at in found if begins(raw, at))


def _old(job: Job, raw: bytes) -> Iterator[ParserOutput]:
    account = Account(bytes_seen=len(raw))
    places = _places(raw)
    account.found = len(places)
    queue = raw.find(_QUEUE_MARK)
    closing = raw.find(_QUEUE_MARK, queue + 16) if queue >= 0 else -1
    if queue >= 0:
        account.announced = int.from_bytes(raw[queue + 16 : queue + 20], "little")
    if raw and not raw.startswith(_FILE_MARK):
        yield Issue(grade="odd", what="this queue does not begin with its mark", offset=0, length=min(16, len(raw)))
    live = [at for at in places if closing < 0 or at < closing]
    if account.announced is not None and account.announced != len(live):
        what = "the queue announces other than it holds"
        expected, found = str(account.announced), str(len(live))
        yield Issue(
            grade="odd",
            what=what,
            offset=queue + 16,
            length=min(4, len(raw) - queue - 16),
            expected=expected,
            found=found,
        )
    for number, at in enumerate(places):
        after = places[number + 1] - 16 if number + 1 < len(places) else len(raw)
        end = min(after, at + _MOST_JOB)
        try:
            found_job = read_job(raw[at:end], 0, end - at)
        except BadJobError as error:
            account.lost(at - 16, min(32, len(raw) - at + 16))
            yield Issue(grade="damaged", what="a job cannot be read", offset=at - 16, length=48, found=str(error))
            continue
        account.parsed += 1
        left_over = at not in live
        account.recovered += left_over
        record = raw[at - 16 : at + found_job.length]
        yield from _events(job, found_job, record, at, "recovered" if left_over else job.source.state, account)
        if len(found_job.files) < found_job.announced and not found_job.file_ids:
            what = "files of a job cannot be read"
            expected, found = str(found_job.announced), str(len(found_job.files))
            yield Issue(grade="damaged", what=what, offset=at, length=found_job.length, expected=expected, found=found)
    yield account.close()


def _events(job: Job, found: Transfers, record: bytes, at: int, state: str, account: Account) -> Iterator[Event]:
    digest = hashlib.sha256(record).hexdigest()
    for ordinal, said in enumerate(_job_said(found)):
        if state == job.source.state:
            account.saw(said.when.ns)
        yield Event(
            when=said.when,
            act=said.act,
            kind=said.kind,
            subject=said.subject[:300],
            origin=Origin((Span(at - 16, found.length + 16),), found.job_id, state),
            ordinal=ordinal,
            data={**said.data, "digest": digest},
            user=said.pivots.get("user") or None,
            command=said.pivots.get("command") or None,
            file_path=said.pivots.get("file_path") or None,
            url=said.pivots.get("url") or None,
        )


def _plan(_: Database, table: Table) -> Tell | None:
    return partial(_row, table.name) if table.name in ("Jobs", "Files") else None


def _row(table: str, row: Row) -> Iterator[Said]:
    """A row of the database; a blob of another form is told with the texts in it."""
    blob = next((v for v in row.values.values() if isinstance(v, bytes)), b"")
    number = shown(row.values.get("Id"))
    said = list(_jobs_in(blob) if table == "Jobs" else _files_in(blob, str(number)))
    if said:
        yield from said
        return
    texts = [m[0].decode("utf-16-le") for m in _WIDE.finditer(blob)]
    kind = "windows.bits.job" if table == "Jobs" else "windows.bits.file"
    data: dict[str, Value] = {"id": number, "texts": texts[:64], "raw": shown(blob)}
    url = next((t for t in texts if re.match(r"(?i)(?:https?|ftp|smb|\\\\)", t)), None)
    subject = f"transfer {table.lower()[:-1]} {number}, not taken apart: {url or '; '.join(texts)}"
    yield Said(when=NO_TIME, act="queued", kind=kind, subject=subject, data=data, pivots={"url": url})


def _jobs_in(blob: bytes) -> Iterator[Said]:
    for at in [*_places(blob), *(start for start in _STARTS if begins(blob, start))]:
        try:
            yield from _job_said(read_job(blob, at, len(blob)))
        except BadJobError:
            continue
        return


def _files_in(blob: bytes, number: str) -> Iterator[Said]:
    mark = blob.find(FILES_MARK)
    for at in ([mark + 16, mark + 20] if mark >= 0 else []) + list(_STARTS):
        try:
            transfer, _ = read_file(blob, at)
        except BadJobError:
            continue
        said = _file_said(transfer, "", NO_TIME, None)
        yield Said(
            when=said.when,
            act=said.act,
            kind=said.kind,
            subject=said.subject,
            data={**said.data, "id": number},
            pivots=said.pivots,
        )
        return


def recognises(head: bytes, path: str) -> bool:
    """A queue by its mark; the database by its magic and name."""
    name = path.rpartition("\\")[2].upper()
    if head.startswith(_FILE_MARK):
        return True
    return (name == "QMGR.DB" and is_ese(head)) or (name in ("QMGR0.DAT", "QMGR1.DAT") and bool(head.strip(b"\0")))


_JOB_FIELDS = {
    "job_id": "number of the job",
    "type": "download, upload or upload with reply",
    "priority": "foreground, high, normal or low",
    "state": "where the job stands",
    "name": "its name",
    "description": "its description",
    "program": "program run when it is done",
    "arguments": "arguments of that program",
    "sid": "whose job it is",
    "files": "number of its files",
    "file_ids": "numbers of its files in the database",
}
_FILE_FIELDS = {
    "job_id": "number of the job",
    "local": "path on this machine",
    "remote": "address on the other",
    "temporary": "path while it is fetched",
    "received": "bytes so far",
    "size": "bytes in all",
    "volume": "volume of the local path",
}
_ROW = {
    "digest": "SHA-256 of the job's bytes",
    "id": "number of the row",
    "texts": "texts in a blob of another form",
    "raw": "its bytes as hexadecimal",
}

PARSER = Parser(
    name="windows.bits",
    version=1,
    definitions=("BitsQueue",),
    yields=(
        Kind(name="windows.bits.job", fields=_JOB_FIELDS | _ROW),
        Kind(name="windows.bits.file", fields=_FILE_FIELDS | _ROW),
    ),
    recognises=recognises,
    parse=parse,
    tier=2,
)
