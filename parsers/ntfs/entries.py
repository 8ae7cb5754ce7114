"""Entries of one block put into words: path, state, size, attributes, streams; ready for `rows.batch`.

A DOS name that repeats the times and the folder of the long name beside it makes no rows of its own; it is kept as
`short_name`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from parsers.ntfs.filetime import Ticks, valid
from parsers.ntfs.records import DATA, GOOD, NAMES, STAMPS, Attributes, Block, Ints
from parsers.ntfs.rows import Lines
from parsers.ntfs.survey import Survey
from parsers.ntfs.tables import (
    ENTRY,
    SEQ_SHIFT,
    Names,
    Streams,
    join_names,
    join_streams,
    names,
    owners,
    stamps,
    streams,
)
from parsers.ntfs.texts import Bools, by_number, digits, join, put, quote, quoted, word, yes
from parsers.ntfs.tree import LONGEST, ROOT, Paths

Flags = npt.NDArray[np.uint32]
_DOS = 2
_LONGEST_NAME = 16 * 256  # characters of a name and of the backslash before it, escapes counted
_NO_DATA = 2
_INSIDE = pa.array([f',"resident":{inside},"attributes":"' for inside in ("false", "true", "null")])
_HEX = np.array([f"{n:02x}" for n in range(256)], "S2")
_SECOND = np.uint64(10**7)
_ATTRIBUTES = (
    "READONLY", "HIDDEN", "SYSTEM", "", "DIRECTORY", "ARCHIVE", "DEVICE", "NORMAL", "TEMPORARY", "SPARSE_FILE",
    "REPARSE_POINT", "COMPRESSED", "OFFLINE", "NOT_CONTENT_INDEXED", "ENCRYPTED",
)  # fmt: skip


@lru_cache(4096)
def attribute_text(flags: int) -> str:
    """`HIDDEN|SYSTEM` for the low bits of a file's attributes."""
    return "|".join(name for bit, name in enumerate(_ATTRIBUTES) if name and flags >> bit & 1)


@dataclass(slots=True)
class _Facts:
    """What is said of the entries of a block, by row; what few of them have lies in dictionaries."""

    block: Block
    known: Bools  # base records that are whole
    seq: Ints
    in_use: Bools
    flags: Flags
    size: Ints
    resident: npt.NDArray[np.int8]  # an index of `_INSIDE`
    streams: dict[int, list[str]] = field(default_factory=dict)
    zone: dict[int, str] = field(default_factory=dict)
    content: dict[int, str] = field(default_factory=dict)
    short: dict[int, str] = field(default_factory=dict)
    signs: dict[int, list[str]] = field(default_factory=dict)

    def members(self, rows: Ints) -> pa.StringArray:
        """The members of the JSON object of each of these rows, each followed by a comma."""
        flags = self.flags[rows] & np.uint32(0x7FFF)
        named = {flag: attribute_text(flag) for flag in np.unique(flags).tolist()}
        null = self.resident[rows] == _NO_DATA
        return join(
            word('"record":'),
            digits(rows + self.block.first),
            word(',"seq":'),
            digits(self.seq[rows]),
            word(',"in_use":'),
            yes(self.in_use[rows]),
            word(',"size":'),
            pa.array(self.size[rows], mask=null).cast(pa.string()).fill_null("null"),
            _INSIDE.take(pa.array(self.resident[rows])),
            by_number(flags, named),
            word('","streams":'),
            self._rare(rows),
            word('"crc":"'),
            self._crc(rows),
            word('",'),
        )

    def _rare(self, rows: Ints) -> pa.StringArray:
        """Names of streams, and the members that few entries have."""
        rare = np.array(sorted({*self.streams, *self.zone, *self.content, *self.short, *self.signs}), np.int64)
        texts = [self._told(row) for row in rare.tolist()]
        place = np.zeros(len(self.seq), np.int64)
        place[rare] = np.arange(1, len(rare) + 1)
        return pa.array(["[],", *texts], pa.string()).take(pa.array(place[rows]))

    def _told(self, row: int) -> str:
        texts = (("short_name", self.short), ("content", self.content), ("zone_identifier", self.zone))
        more = "".join(f'"{name}":{quote(by_row[row])},' for name, by_row in texts if by_row.get(row))
        signs = self.signs.get(row)
        more += f'"timestomp":[{",".join(map(quote, signs))}],' if signs else ""
        return f"[{','.join(map(quote, self.streams.get(row, ())))}],{more}"

    def _crc(self, rows: Ints) -> pa.StringArray:
        raw, size = self.block.raw.reshape(-1).data, self.block.size
        sums = np.array([crc32(raw[at : at + size]) for at in (rows * size).tolist()], ">u4")
        text = _HEX[sums.view(np.uint8)].tobytes()
        bounds = np.arange(len(rows) + 1, dtype=np.int32) * 8
        return pa.StringArray.from_buffers(len(rows), pa.py_buffer(bounds), pa.py_buffer(text))


def lines(block: Block, attrs: dict[int, Attributes], known: Survey, paths: Paths) -> Lines:
    """All sets of times of the base records of a block."""
    owner = owners(block)
    facts = _facts(block, owner)
    found = _names(block, attrs[NAMES], known)
    found = found.take(np.flatnonzero(facts.known[found.owner - block.first]))
    repeats = _repeats(found)
    _add_streams(facts, block, attrs[DATA], known)
    for row in np.flatnonzero(repeats).tolist():
        facts.short[int(found.owner[row]) - block.first] = found.text[row].as_py()
    si_entry, si_times = _stamps(facts, block, attrs[STAMPS], owner)
    _signs(facts, si_entry, si_times, found)
    bare = _bare(facts, si_entry, found)
    named = found.take(np.flatnonzero(~repeats))
    slot = 4 * (1 + _nth(found.owner)[~repeats])
    entry = np.concatenate([si_entry, bare, named.owner])
    fn = np.repeat([0, 1], [len(si_entry) + len(bare), len(named.owner)])
    times = np.concatenate([si_times, np.zeros((len(bare), 4), np.uint64), named.times])
    slots = np.concatenate([np.zeros(len(entry) - len(slot), np.int64), slot])
    return _spell(facts, entry, fn, slots, times, named, known, paths)


def _facts(block: Block, owner: Ints) -> _Facts:
    """Facts of the base records of the block that are whole, as far as their headers tell them."""
    whole = (block.grade == GOOD) & (owner == np.arange(block.first, block.first + len(owner)))
    bits = block.column(22, "<u2").astype(np.uint32)
    return _Facts(
        block=block,
        known=whole,
        seq=block.column(16, "<u2").astype(np.int64),
        in_use=bits & 1 == 1,
        flags=np.where(bits & 2, np.uint32(0x10), np.uint32(0)),
        size=np.zeros(len(owner), np.int64),
        resident=np.full(len(owner), _NO_DATA, np.int8),
    )


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


def _add_streams(facts: _Facts, block: Block, attrs: Attributes, known: Survey) -> None:
    here = streams(block, attrs, owners(block))
    late = known.streams.take(_late(known.streams.owner, block))
    every: Streams = join_streams([here.take(np.flatnonzero(here.owner == here.home)), late])
    rows = every.owner - block.first
    good = facts.known[rows]
    has_name = np.array([bool(text) for text in every.text], np.bool_)
    main = np.flatnonzero(good & ~has_name)
    main = main[_last(rows[main])]
    facts.size[rows[main]], facts.resident[rows[main]] = every.size[main], every.resident[main]
    for i in [i for i in main.tolist() if every.content[i]]:
        facts.content[int(rows[i])] = every.content[i]
    for i in np.flatnonzero(good & has_name).tolist():
        row = int(rows[i])
        facts.streams.setdefault(row, []).append(every.text[i])
        if every.content[i]:
            facts.zone[row] = every.content[i]


def _last(rows: Ints) -> Ints:
    """Where each row stands for the last time."""
    return len(rows) - 1 - np.unique(rows[::-1], return_index=True)[1]


def _stamps(facts: _Facts, block: Block, attrs: Attributes, owner: Ints) -> tuple[Ints, Ticks]:
    """Entries with $STANDARD_INFORMATION and their times; the first one of an entry counts."""
    table = stamps(block, attrs, owner)
    own = np.flatnonzero(table.owner == table.home)  # one in another record is none of NTFS
    first = own[np.unique(table.owner[own], return_index=True)[1]]
    facts.flags[table.owner[first] - block.first] |= table.flags[first]
    return table.owner[first], table.times[first]


def _signs(facts: _Facts, entry: Ints, times: Ticks, found: Names) -> None:
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
            facts.signs.setdefault(number - facts.block.first, []).append(signs)


def _bare(facts: _Facts, si_entry: Ints, found: Names) -> Ints:
    """Entries in use that have neither times nor name: still something to show."""
    left = facts.known & facts.in_use
    left[np.concatenate([si_entry, found.owner]) - facts.block.first] = False
    return np.flatnonzero(left) + facts.block.first


def _spell(
    facts: _Facts, entry: Ints, fn: Ints, slot: Ints, times: Ticks, named: Names, known: Survey, paths: Paths
) -> Lines:
    """Paths and JSON of each line."""
    tree, plain = known.tree, entry[: len(entry) - len(named.owner)]
    name = pa.concat_arrays([tree.names(plain), named.text])
    refs = np.concatenate([tree.parent[plain], named.parent])
    up, seq = digits(refs & ENTRY), digits(refs >> SEQ_SHIFT)
    rows, place = np.unique(entry - facts.block.first, return_inverse=True)
    lives = pa.array(place)
    where = join(word("entry "), digits(rows + facts.block.first), word("-"), digits(facts.seq[rows])).take(lives)
    return Lines(
        entry=entry,
        fn=fn,
        slot=slot,
        gone=(~facts.in_use[entry - facts.block.first]).astype(np.int64),
        times=times,
        path=_paths(paths, entry, facts.seq[entry - facts.block.first], name, refs),
        locator=where,
        about=facts.members(rows).take(lives),
        name=join(word('"parent":"'), up, word("-"), seq, word('","name":"'), quoted(name), word('"}')),
    )


def _paths(paths: Paths, entry: Ints, seq: Ints, name: pa.StringArray, refs: Ticks) -> pa.StringArray:
    """The path of each line. Folders are looked up once; what is not simply a name in a folder, one by one."""
    bare = np.diff(np.frombuffer(name.buffers()[1] or bytes(4), np.int32)[: len(name) + 1]) == 0
    inside = np.flatnonzero(~bare & (entry != ROOT))
    folders, first, place = np.unique(refs[inside], return_index=True, return_inverse=True)
    above = [""] * len(folders)
    for n in np.argsort(first).tolist():  # in the order of the lines: where a loop is cut depends on who asks first
        above[n] = paths.folder(int(folders[n]) & 0xFFFF_FFFF_FFFF, int(folders[n]) >> 48)
    far = np.array([len(text) > LONGEST - _LONGEST_NAME for text in above], np.bool_)[place]
    folder = np.zeros(len(entry), np.int64)
    folder[inside] = place + 1
    plain = join(pa.array(["", *above], pa.string()).take(pa.array(folder)), word("\\"), name)
    odd = np.flatnonzero(folder == 0)
    odd = np.concatenate([odd, inside[far]])
    names, ups = [name[row].as_py() for row in odd.tolist()], refs[odd].tolist()
    told = zip(entry[odd].tolist(), seq[odd].tolist(), names, ups, strict=True)
    return put(plain, odd, [_path(paths, e, s, n, up & 0xFFFF_FFFF_FFFF, up >> 48) for e, s, n, up in told])


def _path(paths: Paths, entry: int, seq: int, name: str, up: int, up_seq: int) -> str:
    if entry == ROOT:
        return paths.drive + "\\"
    return paths.of(name, up, up_seq) if name else f"{paths.drive}\\<unnamed {entry}-{seq}>"
