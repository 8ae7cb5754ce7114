r"""Scheduled tasks of the old form (`Windows\Tasks\*.job`, [MS-TSCH] 2.4): program, account, last run, triggers.

`at.exe` writes them as `At1.job` on every Windows that still has it. Times are those of the machine's clock.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct

from parsers.small import DIGEST, NO_TIME, Damage, Part, Said, digest, tell, whole, wide
from parsers.walltime import local_moment, wall
from shellcase.model import Issue, Job, Kind, Moment, Parser, ParserOutput, Value

TASK, TRIGGER = "windows.job.task", "windows.job.trigger"
_FIXED, _TRIGGER = struct.Struct("<HH16sHHHHHHIIIII16s"), struct.Struct("<HHHHHHHHHHIIII6H")
_PRODUCTS = {0x400, 0x500, 0x501, 0x600, 0x601, 0x602, 0x603, 0xA00}
_SORTS = ("once", "daily", "weekly", "monthly by date", "monthly by weekday", "when idle", "at start", "at logon")
_TEXTS = ("program", "parameters", "working_dir", "author", "comment")
_NEVER_RUN = {0x41301: "running", 0x41300: "ready", 0x41303: "has not run", 0x41302: "disabled"}


class OldJob(Struct, frozen=True):
    """The fixed part, the texts, and where triggers begin."""

    product: int
    file_version: int
    exit_code: int
    status: int
    flags: int
    last_run: bytes
    texts: dict[str, str]
    triggers: tuple[int, int]


def read(raw: bytes) -> OldJob:
    """Decode the file up to its triggers. Raises `Damage` or struct.error."""
    if len(raw) < 70:
        raise Damage("this file is too short for a task", "70 bytes", str(len(raw)))
    product, version, _, name_at, triggers, *_, exit_code, status, flags, last = _FIXED.unpack_from(raw)
    if version != 1 or not 70 <= name_at <= len(raw):
        raise Damage("this file is no task of the old form", "file version 1", str(version))
    at, texts = name_at, dict[str, str]()
    for name in _TEXTS:
        (chars,) = struct.unpack_from("<H", raw, at)
        if at + 2 + 2 * chars > len(raw):
            raise Damage(f"the task's {name} reaches behind the end", "", str(chars))
        texts[name] = wide(raw[at + 2 : at + 2 + 2 * chars]).removesuffix("\\x00")
        at += 2 + 2 * chars
    count = struct.unpack_from("<H", raw, triggers)[0] if triggers + 2 <= len(raw) else 0
    return OldJob(product, version, exit_code, status, flags, last, texts, (triggers + 2, count))


def _reading(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime | None:
    return wall(year, month, day, hour, minute, second)


def _last_run(raw: bytes, job: Job) -> Moment:
    year, month, _, day, hour, minute, second, milli = struct.unpack("<8H", raw)
    reading = _reading(year, month, day, hour, minute, second)
    if reading is None:
        return NO_TIME
    text = f"{reading.isoformat()}.{milli:03d}"
    extra = min(milli, 999) * 10**6
    return local_moment(reading, text, job.host.zone, means="last", extra_ns=extra, resolution=10**6)


def _decode(raw: bytes, part: Part, job: Job) -> Iterator[Said | Issue]:
    task = read(raw)
    name = job.source.path.rpartition("\\")[2]
    command = " ".join(filter(None, (task.texts["program"], task.texts["parameters"])))
    base: dict[str, Value] = {"task": name, "record_sha256": digest(raw)}
    when = _last_run(task.last_run, job)
    yield Said(
        when=when,
        act="ran" if when.ns or when.low else "registered",
        kind=TASK,
        subject=f"task {name} runs {command} as {task.texts['author'] or '?'}",
        data={
            **base,
            **task.texts,
            "command": command,
            "exit_code": f"0x{task.exit_code:x}",
            "status": _NEVER_RUN.get(task.status, f"0x{task.status:x}"),
            "flags": f"0x{task.flags:x}",
            "product": f"0x{task.product:x}",
        },
        pivots={"process": task.texts["program"], "command": command, "user": task.texts["author"]},
    )
    at, count = task.triggers
    for number in range(count):
        if at + 48 > len(raw):
            what = "triggers of the task reach behind its end"
            yield Issue(
                grade="damaged", what=what, offset=0, length=part.length, expected=str(count), found=str(number)
            )
            break
        yield _trigger(raw[at : at + 48], name, base, number, job)
        at += 48


def _trigger(raw: bytes, name: str, base: dict[str, Value], number: int, job: Job) -> Said:
    _, _, y, m, d, ey, em, ed, hour, minute, duration, interval, flags, sort, *rest = _TRIGGER.unpack(raw)
    reading = _reading(y, m, d, hour, minute)
    text = f"{y:04d}-{m:02d}-{d:02d}T{hour:02d}:{minute:02d}"
    word = _SORTS[sort] if sort < len(_SORTS) else str(sort)
    return Said(
        when=local_moment(reading, text, job.host.zone, means="first", resolution=60 * 10**9) if reading else NO_TIME,
        act="configured",
        kind=TRIGGER,
        subject=f"task {name} is started {word} from {text} on{f', every {interval} minutes' if interval else ''}",
        data={
            **base,
            "sort": word,
            "duration": duration,
            "interval": interval,
            "end": f"{ey:04d}-{em:02d}-{ed:02d}" if flags & 1 else None,
            "disabled": bool(flags & 4),
            "details": [str(n) for n in rest[:3]],
        },
        locator=f"trigger {number + 1}",
    )


def parse(job: Job) -> Iterator[ParserOutput]:
    """One event for the task (its last run), one for each trigger; the file is the one record."""
    yield from tell(job, whole, _decode, 1 << 20)


def recognises(head: bytes, path: str) -> bool:
    """File version 1 of a known Windows with the name, or the name alone when the head is damaged."""
    product, version = int.from_bytes(head[:2], "little"), int.from_bytes(head[2:4], "little")
    named = path.lower().endswith(".job")
    return bool(head) and named and (version == 1 or product in _PRODUCTS or "\\tasks\\" in path.lower())


_BASE = {"task": "name of the file", **DIGEST}
PARSER = Parser(
    name="windows.job",
    version=1,
    definitions=("ScheduledTasks",),
    yields=(
        Kind(
            name=TASK,
            fields={
                **_BASE,
                "program": "what it runs",
                "parameters": "with what",
                "working_dir": "in which folder",
                "author": "who made it",
                "comment": "description",
                "command": "program and parameters",
                "exit_code": "of the last run",
                "status": "state of the task",
                "flags": "bits of [MS-TSCH] 2.4.1",
                "product": "version of Windows that wrote it",
            },
        ),
        Kind(
            name=TRIGGER,
            fields={
                **_BASE,
                "sort": "once, daily and others",
                "duration": "minutes it is repeated for",
                "interval": "minutes between two starts",
                "end": "last day, null when there is none",
                "disabled": "whether it is switched off",
                "details": "the three numbers of its sort: days, weeks, months",
            },
        ),
    ),
    recognises=recognises,
    parse=parse,
    tier=1,
)
