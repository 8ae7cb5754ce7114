"""A zip archive as a collection."""

from __future__ import annotations

import bz2
import stat
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import structs

from collector.gathered import zipindex as zi
from collector.gathered.bundle import MOST_BYTES, MOST_ENTRIES, Kind, Member, Watch, bomb, named, split
from collector.gathered.unpack import Blocks, Engine, Forward, deflate
from collector.media import Window
from collector.runs import Reader
from shellcase.errors import EvidenceError

_OPEN = 4
_NEW: dict[int, Callable[[], Engine]] = {zi.DEFLATED: deflate, 12: lambda: Blocks(bz2.BZ2Decompressor())}
_METHODS = {9: "Deflate64", 14: "LZMA", 93: "Zstandard", 95: "xz", 97: "WavPack", 98: "PPMd", 99: "AES encryption"}


def is_zip(head: bytes) -> bool:
    """Whether a file begins as a zip, also an empty or a split one."""
    return head.startswith((zi.LOCAL, zi.END, b"PK\7\x08PK\3\4", b"PK00PK\3\4"))


class ZipBundle:
    """The entries of a zip in the order of their bytes. EvidenceError when a password is needed for all of them."""

    kind = "zip archive"

    def __init__(self, reader: Reader, where: str, segments: tuple[Path, ...], fingerprint: str) -> None:
        self._reader, self.segments, self.fingerprint = reader, segments, fingerprint
        try:
            listed, self.problems = zi.entries(reader)
        except OSError as error:
            raise EvidenceError(f"The zip archive cannot be read: {error}", where, "Try another copy.") from error
        self._entries = sorted(listed, key=lambda e: e.at)
        self._refuse_locked(where)
        self.watch = Watch()
        self._starts: dict[int, int] = {}
        self._open: OrderedDict[int, Reader | Forward] = OrderedDict()
        self.members: Sequence[Member] = self._members()

    def _refuse_locked(self, where: str) -> None:
        files = [e for e in self._entries if not e.name.endswith(("/", "\\"))]
        locked = [e for e in files if e.encrypted]
        if locked and len(locked) >= len(files) - 2:
            raise EvidenceError(
                f"The zip archive is encrypted: {locked[0].name} and {len(locked) - 1} more need a password",
                where,
                "Unpack it with the password of the collection (Velociraptor: of its server or its X509 key) and give "
                "the folder.",
            )
        self.problems += named("entries that need a password were not read", [e.name for e in locked])

    def _members(self) -> list[Member]:
        members, total, overlaps, floor = list[Member](), 0, list[str](), 0
        for index, entry in enumerate(self._entries):
            total += bomb(entry.size, entry.packed)
            member = self._member(index, entry, total)
            if entry.at < floor and member.kind == "file":
                overlaps.append(entry.name)
                member = _refused(member, "its bytes are those of another entry too: a bomb")
            floor = max(floor, entry.at + 30 + entry.packed)
            members.append(member)
        self.problems += named("entries that lie over others were not read", overlaps)
        self.problems += named("entries that are not read whole", [f"{m.name} ({m.torn})" for m in members if m.torn])
        if len(members) >= MOST_ENTRIES:
            self.problems.append(f"only the first {MOST_ENTRIES} entries are looked at")
        return members

    def _member(self, index: int, entry: zi.Entry, total: int) -> Member:
        parts, wrong = split(entry.name)
        member = Member(
            name=entry.name,
            parts=parts,
            size=entry.size,
            written=entry.written,
            readable=bomb(entry.size, entry.packed),
            torn=entry.why,
        )
        kind, note = _kind(entry, wrong)
        if kind != "file":
            return structs.replace(member, kind=kind, note=note, torn="")
        if total > MOST_BYTES:
            return _refused(member, f"the archive unpacks to more than the limit of {MOST_BYTES} bytes")
        if member.stored < entry.size:
            why = f"it claims {entry.size} bytes from {entry.packed}: a bomb, only {member.stored} bytes are read"
            return structs.replace(member, torn=why)
        if entry.crc is not None and not entry.why:
            self.watch.stored[index] = ("CRC-32", f"{entry.crc:08x}")
        return member

    def read_at(self, index: int, offset: int, length: int) -> bytes:
        """Bytes of an entry, fewer where the rest is not there; OSError where none are."""
        member, reader = self.members[index], self._reader_of(index)
        want = min(length, member.stored - offset)
        data = reader.read_at(offset, want)
        if want and not data:
            raise OSError(f"{member.name}: the bytes from {offset} are not in the archive")
        self.watch.saw(index, offset, data, member.stored)
        return data

    def _reader_of(self, index: int) -> Reader | Forward:
        found = self._open.get(index)
        if found is None:
            entry = self._entries[index]
            start = self._start(index)
            if entry.method == zi.STORED:
                found = Window(self._reader, start, entry.packed)
            else:
                found = Forward(self._reader, start, entry.packed, _NEW[entry.method])
            self._open[index] = found
            if len(self._open) > _OPEN:
                self._open.popitem(last=False)
        self._open.move_to_end(index)
        return found

    def _start(self, index: int) -> int:
        if index not in self._starts:
            start, said = zi.data_at(self._reader, self._entries[index])
            if said:
                self.watch.blame(index, said)
            self._starts[index] = start
        return self._starts[index]

    def reopened(self) -> None:
        """Forget decompression states."""
        self._open.clear()

    def close(self) -> None:
        """Nothing of its own is open."""


def _kind(entry: zi.Entry, wrong: str) -> tuple[Kind, str]:
    if entry.name.endswith(("/", "\\")):
        return "folder", ""
    if wrong:
        return "refused", wrong
    if entry.encrypted:
        return "refused", "it is encrypted and needs a password"
    if stat.S_ISLNK(entry.mode):
        return "link", ""
    if entry.method not in (zi.STORED, *_NEW):
        return "refused", f"it is packed with {_METHODS.get(entry.method, f'method {entry.method}')}, which is not read"
    return "file", ""


def _refused(member: Member, why: str) -> Member:
    return structs.replace(member, kind="refused", note=why, torn="")
