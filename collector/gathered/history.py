"""Times of files in a collection: from its own $MFT, else from the log of the tool that copied them, else none.

What an archive says of its entries is the time of copying or worse, and never comes here.
"""

from __future__ import annotations

import csv
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from collector import mftrecord as mr
from collector.gathered.bundle import filetime
from collector.gathered.layouts import with_stream
from collector.gathered.shape import Parts
from collector.tree import Tree
from shellcase.model import FileTimes

ReadAt = Callable[[int, int], bytes]
MOST_LOG = 256 << 20
_STEP = 1 << 20
_MOST_ROWS = 2_000_000
_CLOCK = re.compile(r"(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?\s*(Z|[+-]\d\d:?\d\d)?")
_PATHS = ("sourcefile", "ospath", "fullpath", "vfs_path", "path", "original")
_TIMES = (
    ("createdonutc", "created", "btime", "birthtime"),
    ("modifiedonutc", "modified", "mtime"),
    ("changed", "ctime"),
    ("lastaccessedonutc", "lastaccessed", "accessed", "atime"),
)
_HASHES = (
    ("sourcefilesha256", "SHA-256"),
    ("sha256", "SHA-256"),
    ("sourcefilesha1", "SHA-1"),
    ("sha1", "SHA-1"),
    ("md5", "MD5"),
)


class Known(Struct, frozen=True, kw_only=True):
    """What is known of a file beside its bytes. `said`: by what. A time that is not known is 0."""

    said: str
    si: FileTimes | None = None
    names: tuple[mr.Name, ...] = ()
    mft: tuple[int, int] | None = None
    attributes: int = 0
    digest: tuple[str, str] | None = None


Log = dict[str, Known]
"""By full path in lower case, `c:\\windows\\…`."""


def read_log(name: str, raw: bytes) -> Log:
    """The files that a copy log (CSV) or a list of uploads (one JSON object a line) tells of."""
    if name.lower().endswith(".gz"):
        raw, name = _unpacked(raw), name[:-3]
    text = raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "replace")
    rows = _csv(text) if name.lower().endswith(".csv") else _json(text)
    found: Log = {}
    for row in rows:
        if "mapped" in row and row.get("state") != "live":
            continue  # of our own tree: a recovered file, or one of a shadow copy, under the path of the live one
        path = next((str(row[k]) for k in _PATHS if row.get(k)), "")
        known = _known(row, name)
        if path and known:
            found.setdefault(key_of(path), known)
    return found


def _unpacked(raw: bytes) -> bytes:
    """A packed log, as far as it unpacks and no further than any log."""
    stream = zlib.decompressobj(31)
    try:
        return stream.decompress(raw, MOST_LOG)
    except zlib.error:
        return b""


def key_of(path: str) -> str:
    r"""`\\.\C:\$Extend\$UsnJrnl:$J` and `C:/$Extend/$J` as one key."""
    plain = re.sub(r"^\\\\[.?]\\", "", path.replace("/", "\\"))
    parts = tuple(p for p in plain.split("\\") if p)
    if len(parts) < 2:
        return plain.lower()
    above, stream = with_stream(parts)
    return "\\".join(above).lower() + (f":{stream.lower()}" if stream else "")


def _csv(text: str) -> Iterator[Mapping[str, object]]:
    reader = csv.reader(text.splitlines())
    try:
        head = [c.strip().lower() for c in next(reader, [])]
        for _n, row in zip(range(_MOST_ROWS), reader, strict=False):
            yield dict(zip(head, row, strict=False))
    except csv.Error:
        return


def _json(text: str) -> Iterator[Mapping[str, object]]:
    for _n, line in zip(range(_MOST_ROWS), text.splitlines(), strict=False):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            yield {str(k).lower(): v for k, v in row.items()}


def _known(row: Mapping[str, object], name: str) -> Known | None:
    values = [next((t for k in keys if (t := instant(row.get(k)))), 0) for keys in _TIMES]
    digest = next(((kind, str(row[k]).lower()) for k, kind in _HASHES if _is_hex(row.get(k))), None)
    if not any(values) and not digest:
        return None
    return Known(said=name, si=FileTimes(*values) if any(values) else None, digest=digest)


def _is_hex(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"(?i)[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}", value) is not None


def instant(value: object) -> int:
    """An ISO instant (UTC where it names no zone) or Unix nanoseconds as FILETIME; 0 where it is none."""
    if isinstance(value, int) and value > 10**17:
        return (filetime(value // 10**9) or 0) + value % 10**9 // 100
    found = _CLOCK.match(value) if isinstance(value, str) else None
    if not found:
        return 0
    try:
        year, month, day, hour, minute, second = (int(found[n]) for n in range(1, 7))
        when = datetime(year, month, day, hour, minute, second, tzinfo=UTC) - _offset(found[8])
    except (ValueError, OverflowError):
        return 0
    return (filetime(when.timestamp()) or 0) + int((found[7] or "0").ljust(9, "0")[:7])


def _offset(zone: str | None) -> timedelta:
    if not zone or zone == "Z":
        return timedelta(0)
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    return timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)


def from_mft(read_at: ReadAt, size: int, paths: Iterable[tuple[int, Parts]]) -> dict[int, Known]:
    """Records of files by their paths on the volume of this $MFT, under the numbers given with the paths."""
    step = _record_size(read_at)
    tree = Tree(_records(read_at, size, step))
    found: dict[int, Known] = {}
    for number, parts in paths:
        entry = tree.find("\\".join(parts))
        if entry is not None:
            known = _described(_record(read_at, entry.record, step), entry.record)
            found |= {number: known} if known else {}
    return found


def _record_size(read_at: ReadAt) -> int:
    try:
        head = read_at(0, 48)
    except OSError:
        return 1024
    size = int.from_bytes(head[28:32], "little")
    return size if size in (1024, 2048, 4096) else 1024


def _records(read_at: ReadAt, size: int, step: int) -> Iterator[tuple[int, bytes]]:
    for at in range(0, size - size % step, _STEP):
        length = min(_STEP, size - size % step - at)
        try:
            data = read_at(at, length)
        except OSError:
            continue
        for n in range(0, length, step):
            record = mr.fix_up(data[n : n + step])
            if record is not None:
                yield (at + n) // step, record


def _record(read_at: ReadAt, number: int, step: int) -> bytes | None:
    try:
        return mr.fix_up(read_at(number * step, step))
    except OSError:
        return None


def _described(record: bytes | None, number: int) -> Known | None:
    if record is None:
        return None
    head, si, bits, names = mr.header(record), None, 0, list[mr.Name]()
    for attr in mr.attributes(record, head.first, head.used):
        if attr.kind == mr.FILE_NAME and (name := mr.file_name(mr.content(record, attr))):
            names.append(name)
        elif attr.kind == mr.SI and (found := mr.standard_information(mr.content(record, attr))):
            si, bits, _security = found
    return Known(said="$MFT", si=si, names=tuple(names), mft=(number, head.seq), attributes=bits)
