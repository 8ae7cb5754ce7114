"""Which loose $MFT belongs to which loose change journal, whatever the files are called: by what is in them.

A journal names files by record, sequence number and name; the $MFT of its volume has such records. A sample of the
journal is looked up in each $MFT, read once from its start. Without a $MFT a journal's folders are known only from the
journal itself, with the wrong one they would be wrong.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from collector import mftrecord as mr
from collector.gathered.bundle import Bundle, MemberReader
from collector.gathered.content import JOURNAL, MFT, is_usn
from collector.runs import Reader

_STEP, _SAMPLE, _MOST = 1 << 20, 1 << 20, 256 << 20
_ENOUGH, _LEAST, _MUCH_BETTER = 40, 3, 4
Names = dict[int, set[tuple[int, str]]]
"""Record number → (sequence number, name)."""


class Pair(Struct, frozen=True):
    """Members that are of one volume; `shared` records agree."""

    mft: int
    journal: int
    shared: int


class Pairs(Struct, frozen=True):
    """What belongs together, and what could not be told."""

    found: tuple[Pair, ...] = ()
    remarks: tuple[str, ...] = ()


def pairs_of(bundle: Bundle, loose: Mapping[int, tuple[str, ...]]) -> Pairs:
    """The pairs among loose files; none where both bear their own names and there is one of each."""
    mfts = [n for n, names in loose.items() if MFT in names]
    journals = [n for n, names in loose.items() if JOURNAL in names]
    if not mfts or not journals or (len(mfts) == 1 and bundle.members[mfts[0]].parts == ("$MFT",)):
        return Pairs()
    samples = {j: _sample(MemberReader(bundle, j)) for j in journals}
    shared = {m: _shared(MemberReader(bundle, m), samples) for m in mfts}
    found, remarks = list[Pair](), list[str]()
    for journal in journals:
        ranked = sorted(mfts, key=lambda m: (-shared[m][journal], m))
        best, second = ranked[0], ranked[1] if len(ranked) > 1 else None
        count, other = shared[best][journal], shared[second][journal] if second is not None else 0
        name = bundle.members[journal].name
        if count < _LEAST:
            remarks.append(f"{name}: no $MFT among the loose files has the records that this journal names")
        elif count < _MUCH_BETTER * other or any(p.mft == best for p in found):
            fits = ", ".join(bundle.members[m].name for m in ranked if shared[m][journal] >= _LEAST)
            remarks.append(f"{name}: which $MFT belongs to this journal is not clear, read without: {fits}")
        else:
            found.append(Pair(best, journal, count))
    return Pairs(tuple(found), tuple(remarks))


def _sample(reader: Reader) -> Names:
    """Files that the first and the last MiB of a journal name."""
    found = Names()
    for at in dict.fromkeys((0, max(reader.size - _SAMPLE, 0) & ~7)):
        try:
            data = reader.read_at(at, _SAMPLE)
        except OSError:
            continue
        for record, seq, name in _records(data):
            found.setdefault(record, set()).add((seq, name))
    return found


def _records(data: bytes) -> Iterator[tuple[int, int, str]]:
    """Records of version 2: record number, sequence number, name."""
    at = 0
    while at + 64 <= len(data):
        if not is_usn(data[at : at + 64]):
            at += 8
            continue
        length, major = struct.unpack_from("<IH", data, at)
        if major == 2 and at + length <= len(data):
            reference = struct.unpack_from("<Q", data, at + 8)[0]
            size, first = struct.unpack_from("<HH", data, at + 56)
            name = data[at + first : at + first + size].decode("utf-16-le", "replace")
            yield reference & 0xFFFFFFFFFFFF, reference >> 48, name
        at += length


def _shared(reader: Reader, samples: Mapping[int, Names]) -> dict[int, int]:
    """How many files of each sample a $MFT has, under the same numbers and name; it is read until that is clear."""
    counts = dict.fromkeys(samples, 0)
    step = _record_size(reader)
    for start in range(0, min(reader.size - reader.size % step, _MOST), _STEP):
        try:
            data = reader.read_at(start, _STEP)
        except OSError:
            continue
        for at in range(0, len(data) - step + 1, step):
            number = (start + at) // step
            for journal, wanted in samples.items():
                if number in wanted and not wanted[number].isdisjoint(_names(data[at : at + step])):
                    counts[journal] += 1
        if min(counts.values()) >= _ENOUGH:
            break
    return counts


def _record_size(reader: Reader) -> int:
    try:
        size = int.from_bytes(reader.read_at(28, 4), "little")
    except OSError:
        return 1024
    return size if size in (1024, 2048, 4096) else 1024


def _names(raw: bytes) -> set[tuple[int, str]]:
    record = mr.fix_up(raw)
    if record is None:
        return set()
    head = mr.header(record)
    found = (mr.file_name(mr.content(record, a)) for a in mr.attributes(record, head.first, head.used)
             if a.kind == mr.FILE_NAME)  # fmt: skip
    return {(head.seq, name.text) for name in found if name}


def placed(pairs: Sequence[Pair]) -> dict[int, tuple[str, tuple[str, ...], str]]:
    """Volume, path and stream of the members in pairs, as they lay on their volume."""
    places: dict[int, tuple[str, tuple[str, ...], str]] = {}
    for number, pair in enumerate(pairs, 1):
        label = f"loose:{number}"
        places[pair.mft] = label, ("$MFT",), ""
        places[pair.journal] = label, ("$Extend", "$UsnJrnl"), "$J"
    return places
