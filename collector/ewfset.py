"""Which files are the segments of an E01 set: by the number and the medium inside them, not by their names alone.

A stray file, a copy under a second name or a segment of another set is left out and told (`remarks`); what is lacking
then is a problem. Renamed segments are read in the order of their own numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from collector.ewfchain import HEAD
from collector.ewfnumbers import mend_numbers
from collector.ewfsections import SIGNATURE, SegmentInfo, read_segment
from collector.ewftables import Group, Run
from collector.nearby import leads_away

_SHOWN = 8


def is_ewf(head: bytes) -> bool:
    """Whether a file starts like an E01 segment."""
    return head.startswith(SIGNATURE)


class SegmentSet(Struct):
    """The chosen segments in order; `problems` are losses, `remarks` are not."""

    segments: list[SegmentInfo]
    problems: list[str] = []
    remarks: list[str] = []

    @property
    def complete_at_end(self) -> bool:
        """Whether the last segment there is ends the set."""
        return bool(self.segments) and self.segments[-1].last == "done"

    def runs(self) -> list[Run]:
        """Groups of chunks in runs between which nothing is lost; the first run starts the media, or is empty."""
        runs: list[Run] = []
        current: list[tuple[int, Group]] = []
        before, follows = 0, 1
        for index, segment in enumerate(self.segments):
            if segment.number != follows:
                runs.append(Run(tuple(current), before))
                current, before = [], max(segment.number - follows, 0)
            for group in segment.groups:
                if group.lost:
                    runs.append(Run(tuple(current), before))
                    current, before = [], 0
                else:
                    current.append((index, group))
            follows = segment.number + 1 if segment.last else -1
        return [*runs, Run(tuple(current), before)]

    def usual(self) -> int:
        """Chunks in each whole segment where all that are neither first nor last hold equally many, else 0."""
        inner = self.segments[:-1] if self.complete_at_end else self.segments
        held = {sum(len(g.table.entries) for g in s.groups) for s in inner if s.number > 1 or len(inner) == 1}
        return held.pop() if len(held) == 1 else 0


def find_set(path: Path) -> SegmentSet:
    """The set that the file `path` belongs to."""
    found = SegmentSet([])
    read: list[SegmentInfo] = []
    strangers: list[Path] = []
    for other in _candidates(path):
        with other.open("rb") as fh:
            head = fh.read(HEAD)
        if is_ewf(head) and len(head) == HEAD:
            read.append(read_segment(other))
        else:
            strangers.append(other)
    mine = _of_one_set(read, path, found)
    mend_numbers(mine, named_number)
    found.remarks += [f"{s.path.name}: its header calls it segment 0, left out" for s in mine if not s.number]
    kept = _one_each([s for s in mine if s.number], found)
    found.segments = kept
    highest = max((s.number for s in kept), default=0)
    for stranger in strangers:
        if named_number(stranger) <= highest + 1:
            found.remarks.append(f"{stranger.name}: lies beside the set but is no E01 segment, left out")
    _check(found)
    return found


def _candidates(path: Path) -> list[Path]:
    first = path.suffix[1:2].lower()
    near = (p for p in path.parent.iterdir() if p == path or not leads_away(p))
    same = (p for p in near if p.stem == path.stem and len(p.suffix) == 4)
    return sorted(p for p in same if first <= p.suffix[1:2].lower() <= "z" and named_number(p) and p.is_file())


def named_number(path: Path) -> int:
    """The segment number that a name announces: .E01 to .E99, then .EAA to .ZZZ; 0 where it announces none."""
    a, b, c = tuple(path.suffix[1:].lower().ljust(3)[:3])
    if b.isdecimal() and c.isdecimal() and b.isascii() and c.isascii():
        return int(b + c) if a in "es" else 0
    letters = [ord(x) - ord("a") for x in (a, b, c)]
    if not all(0 <= n < 26 for n in letters):
        return 0
    return 100 + ((letters[0] - 4) * 26 + letters[1]) * 26 + letters[2]


def _of_one_set(read: list[SegmentInfo], path: Path, found: SegmentSet) -> list[SegmentInfo]:
    """Without segments whose description of the medium is not that of most others (in doubt, of the file named)."""
    told = [s for s in read if s.volume and s.volume.sound]
    votes = Counter(sum(a.volume.same_set(b.volume) for b in told if b.volume) for a in told if a.volume)
    if len(votes) <= 1 and (not votes or max(votes) == len(told)):
        return read
    best = max(told, key=lambda a: (_agree(a, told), a.path.name == path.name, a.number == 1))
    kept = []
    for segment in read:
        if best.volume and segment.volume and not segment.volume.same_set(best.volume):
            found.remarks.append(f"{segment.path.name}: belongs to another set than {best.path.name}, left out")
        else:
            kept.append(segment)
    return kept


def _agree(one: SegmentInfo, told: list[SegmentInfo]) -> int:
    return sum(1 for b in told if one.volume and b.volume and one.volume.same_set(b.volume))


def _one_each(read: list[SegmentInfo], found: SegmentSet) -> list[SegmentInfo]:
    """One segment for each number, preferably the one whose name says so."""
    best: dict[int, SegmentInfo] = {}
    for segment in sorted(read, key=lambda s: (s.number, named_number(s.path) != s.number, s.path.name)):
        if segment.number in best:
            kept = best[segment.number].path.name
            found.remarks.append(f"{segment.path.name}: is segment {segment.number} once more, {kept} was read instead")
            continue
        best[segment.number] = segment
        if named_number(segment.path) != segment.number:
            found.remarks.append(
                f"{segment.path.name}: holds segment {segment.number}, so files were renamed; the numbers inside count"
            )
    return list(best.values())


def _check(found: SegmentSet) -> None:
    """Numbers without a gap, `next` at the end of each but the last, which ends with `done`."""
    numbers = [s.number for s in found.segments]
    lacking = sorted(set(range(1, max(numbers, default=0) + 1)) - set(numbers))
    if lacking:
        found.problems.append(f"segment set is not complete: numbers {_few(numbers)}, missing {_few(lacking)}")
    for segment in found.segments[:-1]:
        if segment.last != "next":
            found.problems.append(f"{segment.path.name}: ends with '{segment.last or 'nothing'}', expected 'next'")
    if found.segments and not found.complete_at_end:
        last = found.segments[-1]
        found.problems.append(
            f"{last.path.name}: ends with '{last.last or 'nothing'}', expected 'done'; segments are missing"
            if last.last
            else f"{last.path.name}: its end is missing or damaged"
        )


def _few(numbers: Iterable[int]) -> str:
    shown = list(numbers)
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return f"{shown[:_SHOWN]}{more}"
