"""Segment numbers that damage has changed: told apart from files that were renamed.

The number inside a segment counts, because names change easily. It has no checksum though. It is taken for damaged
where it cannot be right (none, that of another segment, behind the end of the set) while the number that the name
announces is lacking and the sections fit it: only the first segment begins with the acquisition notes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from collector.ewfsections import SegmentInfo

_FIRST = ("header", "header2", "volume", "disk")


def mend_numbers(read: Sequence[SegmentInfo], named: Callable[[Path], int]) -> None:
    """Give segments whose number is damaged the one of their name, as a problem of theirs."""
    for segment in read:
        announced, others = named(segment.path), [s for s in read if s is not segment]
        if not announced or segment.number == announced or any(s.number == announced for s in others):
            continue
        if _impossible(segment, others, named, announced) and _fits(segment, announced):
            segment.complain(
                f"the file header says segment {segment.number}; name, sections and the other segments say "
                f"{announced}, which is used: the number is damaged",
                9,
            )
            segment.number = announced


def _impossible(
    segment: SegmentInfo, others: Sequence[SegmentInfo], named: Callable[[Path], int], announced: int
) -> bool:
    fitting = {s.number for s in others if s.number == named(s.path)}
    last = min((s.number for s in others if s.last == "done" and s.number in fitting), default=0)
    if last and announced > last:
        return False  # a copy under the next free name
    highest = last or max(fitting, default=0) + 1
    return not segment.number or segment.number in fitting or segment.number > highest


def _fits(segment: SegmentInfo, number: int) -> bool:
    """Whether the sections are those of a first segment just where the number is 1."""
    return (number == 1) == any(s.kind in _FIRST for s in segment.sections)
