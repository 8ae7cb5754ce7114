r"""The recycle bin: `$I…` files (versions 1 and 2) and the `INFO2` of Windows XP say what was deleted, when, by whom.

The `$R…` file of the same name holds the bytes. The folder it lies in is named after the user's SID.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from parsers.small import DIGEST, Damage, Part, Said, digest, odd, tell, whole, wide
from parsers.times import filetime_moment
from shellcase.model import Issue, Job, Kind, Parser, ParserOutput, Span, Value

DELETED = "windows.recycle.deleted"
_SID = re.compile(r"[\\/](S-1-[0-9-]{3,180})[\\/]", re.IGNORECASE)
_NAME = re.compile(r"[\\/]\$I([0-9A-Z]{6}[^\\/:]*)\Z", re.IGNORECASE)
_INFO2 = re.compile(r"[\\/]INFO2\Z", re.IGNORECASE)
_SIZES = (280, 800)
_MOST_CHARS = 32_767


def _said(job: Job, path: str, ticks: int, size: int, more: dict[str, Value], locator: str) -> Said:
    sid = _SID.search(job.source.path)
    return Said(
        when=filetime_moment(ticks),
        act="deleted",
        kind=DELETED,
        subject=f"{path} ({size} bytes) was moved to the recycle bin",
        data={"path": path, "size": size, "sid": sid[1].upper() if sid else None, **more},
        pivots={"file_path": path, "user": sid[1].upper() if sid else None},
        locator=locator,
        context=(Span(0, 20, "context"),) if more["version"] == 0 else (),
    )


def _single(raw: bytes, part: Part, job: Job) -> Iterator[Said | Issue]:
    version, size, ticks = struct.unpack_from("<QQQ", raw)
    if version == 1:
        at, length = 24, 520
    elif version == 2:
        at, length = 28, 2 * min(struct.unpack_from("<I", raw, 24)[0], _MOST_CHARS)
    else:
        raise Damage("recycled file of a version that is not known", "1 or 2", str(version))
    text, _, rest = wide(raw[at : at + length]).partition("\\x00")
    name = _NAME.search(job.source.path)
    more: dict[str, Value] = {
        "version": version,
        "content": f"$R{name[1]}" if name else None,
        "record_sha256": digest(raw),
    }
    if rest.replace("\\x00", ""):
        more["rest"] = rest.replace("\\x00", " ").strip()
    yield _said(job, text, ticks, size, more, part.locator)
    behind = raw[at + length :]
    if len(raw) < at + length or behind:
        yield odd("recycled file has another length than it says", part, str(at + length), f"{len(raw)} bytes")


def _step(raw: bytes) -> int:
    size = int.from_bytes(raw[12:14], "little")
    return size if size in _SIZES else 800 if (len(raw) - 20) % 800 == 0 else 280


def _records(raw: bytes) -> list[Part]:
    step = _step(raw)
    parts = [Part(at, step, f"record {n + 1}") for n, at in enumerate(range(20, len(raw) - step + 1, step))]
    end = 20 + len(parts) * step
    if len(raw) > end or len(raw) < 20:
        end = min(end, len(raw)) if len(raw) >= 20 else 0
        parts.append(Part(end, len(raw) - end, "rest", f"records of {step} bytes", True))
    return parts


def _record(raw: bytes, part: Part, job: Job) -> Iterator[Said | Issue]:
    record = raw[part.offset : part.offset + part.length]
    index, drive, ticks, size = struct.unpack_from("<IIQI", record, 260)
    narrow = record[:260].rstrip(b"\0")
    gone = not record[0]
    short = (b"?" + narrow[1:] if gone else narrow).decode("cp1252", "backslashreplace").replace("\0", "\\x00")
    long = wide(record[280:800]).rstrip("\0")
    while long.endswith("\\x00"):
        long = long[:-4]
    letter = chr(ord("A") + drive) if drive < 26 else "?"
    more: dict[str, Value] = {
        "version": 0,
        "index": index,
        "content": f"D{letter}{index}",
        "short_path": short,
        "gone": gone,
        "drive": drive,
        "record_sha256": digest(record),
    }
    yield _said(job, long or short, ticks, size, more, part.locator)


def parse(job: Job) -> Iterator[ParserOutput]:
    """One event for each file that was recycled."""
    old = _INFO2.search(job.source.path) is not None
    yield from tell(job, _walk_old if old else whole, _record if old else _single, 64 << 20 if old else 1 << 17)


def _walk_old(raw: bytes) -> list[Part]:
    return _records(raw) if raw else []


def recognises(head: bytes, path: str) -> bool:
    """By the names Windows gives them; their bytes have no mark of their own."""
    return bool(head) and (_NAME.search(path) is not None or _INFO2.search(path) is not None)


PARSER = Parser(
    name="windows.recycle",
    version=1,
    definitions=("RecycleBin",),
    yields=(
        Kind(
            name=DELETED,
            fields={
                "path": "where the file was",
                "size": "its bytes",
                "sid": "account whose recycle bin it is",
                "version": "1 before Windows 10, 2 since, 0 for INFO2",
                "content": "name of the file that holds its bytes",
                "index": "number in INFO2",
                "short_path": "path in the machine's code page (INFO2)",
                "gone": "whether it has left the bin (INFO2)",
                "drive": "number of the drive, 2 is C (INFO2)",
                "rest": "what stands behind the end of the path",
                **DIGEST,
            },
        ),
    ),
    recognises=recognises,
    parse=parse,
)
