r"""Index of a folder ($I30, its index allocation): names in it, and in the slack of its pages names that were in it.

An entry keeps the four times of the $FILE_NAME. When a file is deleted or renamed the entries behind move up, and what
stood last stays in the slack until something is written over it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

from parsers.ntfs.filename import FIELDS, FileName, dated, file_name, index_entry
from parsers.ntfs.filetime import moment
from parsers.ntfs.fixups import HEAD, PAGE, mend, touched
from parsers.small import DIGEST, Damage, Part, Said, digest, tell
from shellcase.model import Issue, Job, Kind, Parser, ParserOutput, Span

ENTRY = "ntfs.index.entry"
_MOST = 128 << 20
_LETTERS = ("B", "M", "C", "A")
_LEAST = 16 + 66 + 2
_STREAM = (":$i30", ":$index_allocation", ":$i30:$index_allocation")


@dataclass(slots=True)
class _Index:
    """All pages, mended, with the sector ends that do not fit, and what most names give as their folder."""

    raw: bytearray
    torn: list[int] = field(default_factory=list)
    folder: tuple[int, int] | None = None


def _pages(raw: bytes) -> list[int]:
    """Pages that were ever written."""
    return [p for p in range(0, len(raw) - PAGE + 1, PAGE) if any(raw[p : p + HEAD])]


def _walk(index: _Index) -> Iterator[Part]:
    """Entries in use by their lengths, then what lies behind the last one."""
    for page in _pages(bytes(index.raw)):
        mend(index.raw, page, index.torn)
        end = yield from _live(index, page)
        yield from _slack(index, page, end)
    rest = len(index.raw) % PAGE
    if rest and any(index.raw[-rest:]):
        yield Part(len(index.raw) - rest, rest, "rest", "a whole page", True)


def _bounds(index: _Index, page: int) -> tuple[int, int]:
    """Where entries begin and where the head says that they end."""
    head = index.raw[page : page + HEAD]
    first, used = int.from_bytes(head[24:28], "little") + 24, int.from_bytes(head[28:32], "little") + 24
    first = first if HEAD <= first < PAGE and not first % 8 else HEAD
    return page + first, page + (used if first <= used <= PAGE else PAGE)


def _live(index: _Index, page: int) -> Generator[Part, None, int]:
    """Entries up to the one that ends the list. One that is damaged ends where the next whole one begins."""
    at, used = _bounds(index, page)
    damage = None
    while at + 16 <= min(used, page + PAGE):
        length, last = _step(index, at, page + PAGE)
        if length and damage is not None:
            yield Part(damage, at - damage, f"byte {damage}", "entries of an index", True)
            damage = None
        if last and length:
            return at + length
        if length:
            yield Part(at, length, f"entry at {at}", "live")
        elif damage is None:
            damage = at
        at += length or 8
    if damage is not None and damage < used:
        yield Part(damage, used - damage, f"byte {damage}", "entries of an index", True)
    return used


def _step(index: _Index, at: int, end: int) -> tuple[int, bool]:
    """Length of the entry at a place by its own header, 0 where none can be, and whether it ends the list."""
    raw = index.raw
    length, key = (int.from_bytes(raw[at + n : at + n + 2], "little") for n in (8, 10))
    flags = int.from_bytes(raw[at + 12 : at + 16], "little")
    if length % 8 or at + length > end or flags > 3:
        return 0, False
    if flags & 2:
        return (length, True) if length in (16, 24) and not key else (0, False)
    if length < _LEAST:  # so that the length of the name lies before the end of the page
        return 0, False
    fits = key == 66 + 2 * raw[at + 80] and 16 + key <= length <= 16 + key + 7 + 8 * (flags & 1)
    return (length, False) if fits else (0, False)


def _slack(index: _Index, page: int, at: int) -> Iterator[Part]:
    """Leftovers: whole entries, or names whose entry's head was written over."""
    at = (at + 7) & ~7
    while at + 68 <= page + PAGE:
        piece = bytes(index.raw[at : page + PAGE])
        entry = index_entry(piece)
        name = None if entry else file_name(piece)
        if entry and dated(entry[1]):
            yield Part(at, entry[2], f"slack at {at}", "slack")
            at += entry[2]
        elif name and dated(name) and name.parent[1] and name.parent[0] < 1 << 32 and name.name.isprintable():
            yield Part(at, 66 + 2 * len(name.name), f"slack at {at}", "name")
            at += (66 + 2 * len(name.name) + 7) & ~7
        else:
            at += 8


def _decode(index: _Index, part: Part, job: Job) -> Iterator[Said | Issue]:
    if touched(index.torn, part.offset, part.length):
        raise Damage("the fix-up of this index entry does not fit: it was torn or overwritten")
    raw = bytes(index.raw[part.offset : part.offset + part.length])
    entry = index_entry(raw) if part.of != "name" else None
    name = entry[1] if entry else file_name(raw) if part.of == "name" else None
    file = entry[0] if entry else (None, None)
    if name is None:
        raise Damage("this index entry holds no name")
    yield from _said(name, file, part, raw, job)


def _said(name: FileName, file: tuple[int | None, int | None], part: Part, raw: bytes, job: Job) -> Iterator[Said]:
    path = f"{_folder(job.source.path, name)}\\{name.name}"
    state = "live" if part.of == "live" else "slack"
    page = part.offset // PAGE * PAGE
    for tick in dict.fromkeys(name.times):
        macb = "".join(letter if t == tick else "." for letter, t in zip(_LETTERS, name.times, strict=True))
        shown = "".join(macb[n] for n in (1, 3, 2, 0))
        yield Said(
            when=moment(tick),
            act=shown,
            kind=ENTRY,
            subject=f"{path}: {'in the slack of' if state == 'slack' else 'in'} its folder's index ({shown})",
            data={
                "record": file[0],
                "seq": file[1],
                "macb": shown,
                "whole": part.of != "name",
                **name.data(),
                "record_sha256": digest(raw),
            },
            pivots={"file_path": path},
            context=(Span(page, HEAD, "context"),),
            state=state,
        )


def _folder(path: str, name: FileName) -> str:
    """The folder whose index it is, by the stream's path; else by the number in the name."""
    for end in sorted(_STREAM, key=len, reverse=True):
        if path.lower().endswith(end):
            return path[: -len(end)].rstrip("\\")
    return f"{path.partition(chr(92))[0]}\\<folder {name.parent[0]}-{name.parent[1]}>"


def parse(job: Job) -> Iterator[ParserOutput]:
    """One event for each distinct time of each entry, live or in slack; issues; one ledger."""
    held: list[_Index] = []

    def walk(raw: bytes) -> list[Part]:
        held.append(_Index(bytearray(raw)))
        return list(_walk(held[0]))

    def decode(raw: bytes, part: Part, job: Job) -> Iterator[Said | Issue]:
        yield from _decode(held[0], part, job)

    yield from tell(job, walk, decode, _MOST)


def recognises(head: bytes, path: str) -> bool:
    """INDX with the fix-ups of a page, or the stream's name."""
    marked = head[:4] == b"INDX" and head[6:8] == b"\x09\0"
    return bool(head) and (marked or path.lower().endswith(_STREAM))


PARSER = Parser(
    name="ntfs.index",
    version=1,
    definitions=("NtfsFolderIndexes",),
    yields=(
        Kind(
            name=ENTRY,
            fields={
                "record": "$MFT entry of the file, null where only the name is left",
                "seq": "its sequence number",
                "macb": "which of modified, accessed, record changed, born fell on this instant",
                "whole": "whether the whole entry is there",
                **FIELDS,
                **DIGEST,
            },
        ),
    ),
    recognises=recognises,
    parse=parse,
    tier=1,
)
