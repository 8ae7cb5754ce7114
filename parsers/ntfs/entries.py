"""Entries of one block put into words: path, state, size, attributes, streams; ready for `rows.batch`.

A DOS name that repeats the times and the folder of the long name beside it makes no rows of its own; it is kept as
`short_name`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from msgspec import json

from parsers.crc import crc
from parsers.ntfs.filetime import Ticks, valid
from parsers.ntfs.records import DATA, GOOD, NAMES, STAMPS, Attributes, Block, Ints
from parsers.ntfs.rows import Lines
from parsers.ntfs.survey import Survey
from parsers.ntfs.tables import Names, Streams, join_names, join_streams, names, owners, stamps, streams
from parsers.ntfs.tree import ROOT, Paths

_DOS = 2
_SECOND = np.uint64(10**7)
_ATTRIBUTES = (
    "READONLY", "HIDDEN", "SYSTEM", "", "DIRECTORY", "ARCHIVE", "DEVICE", "NORMAL", "TEMPORARY", "SPARSE_FILE",
    "REPARSE_POINT", "COMPRESSED", "OFFLINE", "NOT_CONTENT_INDEXED", "ENCRYPTED",
)  # fmt: skip


@lru_cache(4096)
def attribute_text(flags: int) -> str:
    """`HIDDEN|SYSTEM` for the low bits of a file's attributes."""
    return "|".join(name for bit, name in enumerate(_ATTRIBUTES) if name and flags >> bit & 1)


def quote(text: str) -> str:
    """A JSON string."""
    return json.encode(text).decode()


@dataclass(slots=True)
class _Told:
    """What is said of one entry before it becomes JSON."""

    seq: int
    in_use: bool
    crc: str
    flags: int = 0
    size: int | None = None
    resident: bool | None = None
    streams: tuple[str, ...] = ()
    short: str = ""
    content: str = ""
    zone: str = ""
    signs: tuple[str, ...] = ()

    def members(self, entry: int) -> str:
        """The members of the JSON object, each followed by a comma."""
        live, size = "true" if self.in_use else "false", "null" if self.size is None else self.size
        inside = "null" if self.resident is None else "true" if self.resident else "false"
        texts = (("short_name", self.short), ("content", self.content), ("zone_identifier", self.zone))
        more = "".join(f'"{name}":{quote(text)},' for name, text in texts if text)
        more += f'"timestomp":[{",".join(map(quote, self.signs))}],' if self.signs else ""
        named = f"[{','.join(map(quote, self.streams))}]" if self.streams else "[]"
        return (
            f'"record":{entry},"seq":{self.seq},"in_use":{live},"size":{size},"resident":{inside},'
            f'"attributes":"{attribute_text(self.flags)}","streams":{named},{more}"crc":"{self.crc}",'
        )


def lines(block: Block, attrs: dict[int, Attributes], known: Survey, paths: Paths) -> Lines:
    """All sets of times of the base records of a block."""
    owner = owners(block)
    found = _names(block, attrs[NAMES], known)
    repeats = _repeats(found)
    told = _told(block, owner)
    _add_streams(told, block, attrs[DATA], known)
    for row in np.flatnonzero(repeats).tolist():
        told[int(found.owner[row])].short = found.text[row]
    si_entry, si_times = _stamps(told, block, attrs[STAMPS], owner)
    _signs(told, si_entry, si_times, found)
    bare = _bare(told, si_entry, found)
    named = found.take(np.flatnonzero(~repeats))
    slot = 4 * (1 + _nth(found.owner)[~repeats])
    entry = np.concatenate([si_entry, bare, named.owner])
    fn = np.repeat([0, 1], [len(si_entry) + len(bare), len(named.owner)])
    times = np.concatenate([si_times, np.zeros((len(bare), 4), np.uint64), named.times])
    slots = np.concatenate([np.zeros(len(entry) - len(slot), np.int64), slot])
    return _spell(told, entry, fn, slots, times, named, known, paths)


def _told(block: Block, owner: Ints) -> dict[int, _Told]:
    """One record of facts for each base record of the block that is whole."""
    own = np.arange(block.first, block.first + len(owner))
    rows = np.flatnonzero((block.grade == GOOD) & (owner == own))
    seq = block.column(16, "<u2")[rows].tolist()
    flags = block.column(22, "<u2")[rows].tolist()
    sums = [crc(block.raw[row].data) for row in rows.tolist()]
    entries = (rows + block.first).tolist()
    facts = zip(entries, seq, flags, sums, strict=True)
    return {e: _Told(s, bool(f & 1), c, 0x10 * bool(f & 2)) for e, s, f, c in facts}


def _late(owner: Ints, block: Block) -> Ints:
    """Rows of a table sorted by owner that speak for entries of this block."""
    return np.arange(*np.searchsorted(owner, [block.first, block.first + len(block.raw)]))


def _names(block: Block, attrs: Attributes, known: Survey) -> Names:
    """Names of the block's base records, those in extension records included, sorted by owner."""
    here = names(block, attrs, owners(block))
    every = join_names(
        [here.take(np.flatnonzero(here.owner == here.home)), known.names.take(_late(known.names.owner, block))]
    )
    return every.take(np.argsort(every.owner, kind="stable"))


def _repeats(table: Names) -> npt.NDArray[np.bool_]:
    """DOS names beside a long name of the same entry with the same folder and times."""
    out = np.zeros(len(table.owner), np.bool_)
    for step in (1, -1):
        near = np.roll(table.owner, step) == table.owner
        near &= (np.roll(table.times, step, axis=0) == table.times).all(axis=1)
        near &= (np.roll(table.parent, step) == table.parent) & (np.roll(table.space, step) != _DOS)
        out |= near & (table.space == _DOS)
    return out


def _nth(owner: Ints) -> Ints:
    """0, 1, 2 … within each run of the same owner."""
    starts = np.flatnonzero(np.append(True, owner[1:] != owner[:-1])) if len(owner) else np.empty(0, np.int64)
    return np.arange(len(owner)) - np.repeat(starts, np.diff(np.append(starts, len(owner))))


def _add_streams(told: dict[int, _Told], block: Block, attrs: Attributes, known: Survey) -> None:
    here = streams(block, attrs, owners(block))
    late = known.streams.take(_late(known.streams.owner, block))
    every: Streams = join_streams([here.take(np.flatnonzero(here.owner == here.home)), late])
    for i, (owner, size, inside) in enumerate(
        zip(every.owner.tolist(), every.size.tolist(), every.resident.tolist(), strict=True)
    ):
        one = told.get(owner)
        if one and every.text[i]:
            one.streams = (*one.streams, every.text[i])
            one.zone = every.content[i] or one.zone
        elif one:
            one.size, one.resident, one.content = size, inside, every.content[i]


def _stamps(told: dict[int, _Told], block: Block, attrs: Attributes, owner: Ints) -> tuple[Ints, Ticks]:
    """Entries with $STANDARD_INFORMATION and their times; the first one of an entry counts."""
    table = stamps(block, attrs, owner)
    _, first = np.unique(table.owner, return_index=True)
    first = first[(table.owner == table.home)[first]]
    for entry, flags in zip(table.owner[first].tolist(), table.flags[first].tolist(), strict=True):
        told[entry].flags |= flags
    return table.owner[first], table.times[first]


def _signs(told: dict[int, _Told], entry: Ints, times: Ticks, found: Names) -> None:
    """Signs that somebody set the times: programs can set those of $STANDARD_INFORMATION, those of names hardly.

    Unpacking, copying and installing set times too, so these are signs and no proof.
    """
    if not len(found.owner) or not len(entry):
        return
    owner, starts = np.unique(found.owner, return_index=True)
    born = np.minimum.reduceat(found.times[:, 0], starts)
    place = np.minimum(np.searchsorted(owner, entry), len(owner) - 1)
    named = (owner[place] == entry) & valid(born[place]) & valid(times).all(axis=1)
    before = named & (times[:, 0] < born[place])
    round_ = named & (times[:, :2] % _SECOND == 0).all(axis=1) & (born[place] % _SECOND != 0)
    for signs, which in (("SI born before FN", before), ("SI born and modified in whole seconds", round_)):
        for number in entry[which].tolist():
            told[number].signs += (signs,)


def _bare(told: dict[int, _Told], si_entry: Ints, found: Names) -> Ints:
    """Entries in use that have neither times nor name: still something to show."""
    dated = {*si_entry.tolist(), *found.owner.tolist()}
    return np.array([e for e, t in told.items() if t.in_use and e not in dated], np.int64)


def _spell(
    told: dict[int, _Told], entry: Ints, fn: Ints, slot: Ints, times: Ticks, named: Names, known: Survey, paths: Paths
) -> Lines:
    """Paths and JSON of each line."""
    entries, tree, plain = entry.tolist(), known.tree, len(entry) - len(named.owner)
    members = {e: told[e].members(e) for e in dict.fromkeys(entries)}
    texts = [tree.name[e] or "" for e in entries[:plain]] + named.text
    refs = tree.parent[entry[:plain]].tolist() + named.parent.tolist()
    path, tail = [], []
    for e, text, ref in zip(entries, texts, refs, strict=True):
        up, up_seq = ref & 0xFFFF_FFFF_FFFF, ref >> 48
        path.append(_path(paths, e, told[e].seq, text, up, up_seq))
        tail.append(f'"parent":"{up}-{up_seq}","name":{quote(text)}}}')
    where = [f"entry {e}-{told[e].seq}" for e in entries]
    gone = np.array([not told[e].in_use for e in entries], np.int64)
    return Lines(entry, fn, slot, gone, times, path, where, [members[e] for e in entries], tail)


def _path(paths: Paths, entry: int, seq: int, name: str, up: int, up_seq: int) -> str:
    if entry == ROOT:
        return paths.drive + "\\"
    return paths.of(name, up, up_seq) if name else f"{paths.drive}\\<unnamed {entry}-{seq}>"
