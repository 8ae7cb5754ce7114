"""The running account of one artefact, kept beside the parsing and closed as a `Ledger`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from shellcase.model import Ledger

MOST_RANGES = 10_000
"""Byte ranges kept of what failed; neighbours are joined first."""


def covered(ranges: Iterable[tuple[int, int]]) -> int:
    """How many bytes lie in at least one of the ranges (offset, length)."""
    total = end = 0
    for offset, length in sorted(ranges):
        total += max(0, offset + length - max(offset, end))
        end = max(end, offset + length)
    return total


@dataclass(slots=True)
class Account:
    """Counts that grow while a parser works; `found` is raised by the walk, the others by the decoder."""

    bytes_seen: int = 0
    found: int = 0
    parsed: int = 0
    recovered: int = 0
    raw_lines: int = 0
    announced: int | None = None
    first_ns: int | None = None
    last_ns: int | None = None
    ranges: list[tuple[int, int]] = field(default_factory=list)

    def saw(self, low: int | None, high: int | None = None) -> None:
        """Widen first and last by instants (UTC nanoseconds)."""
        high = low if high is None else high
        if low is None or high is None:
            return
        self.first_ns = low if self.first_ns is None else min(low, self.first_ns)
        self.last_ns = high if self.last_ns is None else max(high, self.last_ns)

    def lost(self, offset: int, length: int) -> None:
        """Note bytes that nobody could read."""
        if self.ranges and self.ranges[-1][0] + self.ranges[-1][1] == offset:
            offset, length = self.ranges[-1][0], self.ranges.pop()[1] + length
        if len(self.ranges) < MOST_RANGES:
            self.ranges.append((offset, length))

    def close(self) -> Ledger:
        """The ledger; what was found and not parsed has failed."""
        return Ledger(
            bytes_seen=self.bytes_seen,
            found=self.found,
            parsed=self.parsed,
            failed=self.found - self.parsed,
            recovered=self.recovered,
            raw_lines=self.raw_lines,
            announced=self.announced,
            failed_ranges=tuple(self.ranges),
            first_ns=self.first_ns,
            last_ns=self.last_ns,
        )
