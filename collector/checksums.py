"""Checksums that a collection stores for its files: how many it has, which agree with the bytes, which differ."""

from __future__ import annotations

from msgspec import Struct

from collector.gathered import Gathered
from collector.gathered.bundle import Member

_STEP = 4 << 20
_MOST_TOLD = 200


class Checked(Struct, frozen=True, kw_only=True):
    """`stored` of `files` carry a checksum, `agreed` of these were read whole and have it. `differ`: (name, why)."""

    files: int = 0
    stored: int = 0
    agreed: int = 0
    bad: int = 0
    differ: tuple[tuple[str, str], ...] = ()

    @property
    def carried(self) -> str:
        """How many there are."""
        return f"{self.stored} of {self.files} files carried checksums"

    @property
    def wrong(self) -> str:
        """How many differ."""
        return "1 file differs" if self.bad == 1 else f"{self.bad} files differ"

    @property
    def told(self) -> str:
        """The files that differ, the first of them by name."""
        names = ", ".join(dict.fromkeys(name for name, _why in self.differ[:5]))
        return f"{names}{f' and {self.bad - 5} more' if self.bad > 5 else ''}"


def checked(found: Gathered) -> Checked:
    """What has been compared so far."""
    watch = found.watch
    wrong = [(found.members[n].name, why) for n in sorted(watch.faults) for why in watch.faults[n]]
    return Checked(
        files=sum(m.kind == "file" for m in found.members),
        stored=len(watch.stored),
        agreed=len(watch.agreed - watch.faults.keys()),
        bad=len(watch.faults),
        differ=tuple(wrong[:_MOST_TOLD]),
    )


def read_rest(found: Gathered) -> None:
    """Read the files whose checksum could not be compared on the way: empty ones, and where reading was interrupted."""
    for index in sorted(found.watch.stored.keys() - found.watch.agreed - found.watch.faults.keys()):
        _read(found, index, found.members[index])


def _read(found: Gathered, index: int, member: Member) -> None:
    if not member.stored:
        found.watch.saw(index, 0, b"", 0)
        return
    start, at = found.starts[index], 0
    while at < member.stored:
        try:
            data = found.media.read_at(start + at, min(_STEP, member.stored - at))
        except OSError as error:
            found.watch.blame(index, f"it cannot be read at byte {at}: {error}")
            return
        if not data:
            found.watch.blame(index, f"it ends at byte {at} of {member.stored}")
            return
        at += len(data)
