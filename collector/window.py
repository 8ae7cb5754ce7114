"""The user's time window: which log files lie wholly outside it."""

from __future__ import annotations

from dataclasses import dataclass

from collector.ntfs import FileRecord

_UNIX_1601 = 116_444_736_000_000_000


@dataclass(frozen=True, slots=True)
class Window:
    """`since` and `until` in UTC ns; `dated` are the definitions it applies to."""

    since: int | None
    until: int | None
    dated: frozenset[str]

    def outside(self, file: FileRecord, definitions: tuple[str, ...]) -> str:
        """Why a file is left out, empty when it is not.

        Both sets of times must agree: times in $STANDARD_INFORMATION are easily forged, those in $FILE_NAME not.
        """
        if not set(definitions) <= self.dated or (self.since is None and self.until is None):
            return ""
        sets = [t for t in (file.si, *(n.times for n in file.names)) if t]
        last = max((_ns(max(t.b, t.m, t.c)) for t in sets), default=None)
        first = min((_ns(t.b) for t in sets), default=None)
        if self.since is not None and last is not None and last < self.since:
            return "last written before --since"
        if self.until is not None and first is not None and first > self.until:
            return "made after --until"
        return ""


def _ns(filetime: int) -> int:
    return (filetime - _UNIX_1601) * 100
