"""Jobs and files of the background transfer service as both of its queues store them.

Microsoft does not document the layout; it follows the published work of ANSSI (bits_parser) and Mandiant (BitsParser).
A job begins with a mark of 16 bytes, then type, priority, state, its number and five texts (length in characters, with
the zero, then UTF-16). A mark stands before and behind its list of files, times follow.
"""

from __future__ import annotations

import struct
from uuid import UUID

from msgspec import Struct

JOB_MARKS = tuple(
    bytes.fromhex(text)
    for text in (
        "93362035a00c104a84f3b17e7b499cd7",
        "101370c83653b34183e581557f361b87",
        "8c93ea64030f6840b46ff97fe51d4dcd",
        "b346ed3d3b10f944bc2fe8378bd31986",
    )
)
FILES_MARK = bytes.fromhex("36da56776f515a43acac44a248fff34d")
TYPES = ("download", "upload", "upload with reply")
PRIORITIES = ("foreground", "high", "normal", "low")
STATES = (
    "queued",
    "connecting",
    "transferring",
    "suspended",
    "error",
    "transient error",
    "transferred",
    "acknowledged",
    "cancelled",
)
_TEXTS = ("name", "description", "program", "arguments", "sid")
_MOST_TEXT = 8192  # characters of one text
_MOST_FILES = 1024
_EARLY, _LATE = 125_911_584_000_000_000, 157_469_184_000_000_000  # 2000 and 2100 as FILETIME


class BadJobError(ValueError):
    """Bytes that cannot be a job or a file."""


class Transfer(Struct, frozen=True, kw_only=True):
    """One file of a job; sizes are -1 where they are not known yet."""

    local: str
    remote: str
    temporary: str
    received: int
    size: int
    volume: str = ""


class Job(Struct, frozen=True, kw_only=True):
    """One job. Times are FILETIME, 0 where none can be read; `file_ids` name files that lie elsewhere."""

    type: str
    priority: str
    state: str
    job_id: str
    texts: dict[str, str]
    files: tuple[Transfer, ...] = ()
    file_ids: tuple[str, ...] = ()
    announced: int = 0
    created: int = 0
    modified: int = 0
    length: int = 0


def begins(raw: bytes, at: int) -> bool:
    """Whether a job's numbers follow a mark that ends at `at`; the mark behind a job has none."""
    if at + 32 > len(raw):
        return False
    kind, priority, state = struct.unpack_from("<III", raw, at)
    in_range: bool = kind < len(TYPES) and priority < len(PRIORITIES) and state < len(STATES)
    return in_range and any(raw[at + 16 : at + 32])


def _text(raw: bytes, at: int) -> tuple[str, int]:
    size = int.from_bytes(raw[at : at + 4], "little")
    end = at + 4 + 2 * size
    if at + 4 > len(raw) or size > _MOST_TEXT or end > len(raw):
        raise BadJobError(f"a text of {size} characters at {at} of {len(raw)} bytes")
    return raw[at + 4 : end].decode("utf-16-le", "backslashreplace").rstrip("\0"), end


def guid(raw: bytes) -> str:
    """Sixteen bytes as Windows writes a GUID."""
    return "{" + str(UUID(bytes_le=raw)).upper() + "}"


def read_job(raw: bytes, at: int, end: int) -> Job:
    """The job whose numbers begin at `at`; nothing behind `end` is looked at. BadJobError where it is none."""
    if not begins(raw[:end], at):
        raise BadJobError("type, priority or state out of range")
    kind, priority, state = struct.unpack_from("<III", raw, at)
    texts: dict[str, str] = {}
    place = at + 32
    for name in _TEXTS:
        texts[name], place = _text(raw[:end], place)
    job = Job(
        type=TYPES[kind], priority=PRIORITIES[priority], state=STATES[state], job_id=guid(raw[at + 16 : at + 32]),
        texts=texts, length=place - at,
    )  # fmt: skip
    first = raw.find(FILES_MARK, place, end)
    return job if first < 0 else _with_files(job, raw[:end], at, first + 16)


def _with_files(job: Job, raw: bytes, start: int, at: int) -> Job:
    """The job with its files and, behind the second mark, its times."""
    number = int.from_bytes(raw[at : at + 4], "little")
    second = raw.find(FILES_MARK, at + 4)
    stop = second if second >= 0 else len(raw)
    files: list[Transfer] = []
    ids: tuple[str, ...] = ()
    place = at + 4
    if number and stop - place == 16 * number:
        ids = tuple(guid(raw[n : n + 16]) for n in range(place, stop, 16))
    else:
        while place < stop and len(files) < min(number, _MOST_FILES):
            try:
                transfer, place = read_file(raw[:stop], place)
            except BadJobError:
                break
            files.append(transfer)
    created, modified, end = _times(raw, second + 16) if second >= 0 else (0, 0, stop)
    return Job(
        type=job.type, priority=job.priority, state=job.state, job_id=job.job_id, texts=job.texts,
        files=tuple(files), file_ids=ids, announced=number, created=created, modified=modified, length=end - start,
    )  # fmt: skip


def _times(raw: bytes, at: int) -> tuple[int, int, int]:
    """Created and changed, behind four numbers (errors, delays)."""
    if at + 32 > len(raw):
        return 0, 0, len(raw)
    created, modified = struct.unpack_from("<QQ", raw, at + 16)
    good = [t if _EARLY < t < _LATE else 0 for t in (created, modified)]
    return good[0], good[1], at + 32


def read_file(raw: bytes, at: int) -> tuple[Transfer, int]:
    """One file and where the next begins. BadJobError where it is none."""
    local, place = _text(raw, at)
    remote, place = _text(raw, place)
    temporary, place = _text(raw, place)
    if place + 17 > len(raw) or not (local and remote):
        raise BadJobError("a file without names or sizes")
    received, size = struct.unpack_from("<qq", raw, place)
    place += 17
    try:
        _, after = _text(raw, place)
        volume, place = _text(raw, after)
    except BadJobError:
        volume = ""
    return Transfer(local=local, remote=remote, temporary=temporary, received=received, size=size, volume=volume), place
