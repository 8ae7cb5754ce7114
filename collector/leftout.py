"""What stays in a collection: every file of it that nothing took, as a line of its own with reason and size.

A disk holds hundreds of thousands of files that nobody asks for; a collection is what somebody chose to take, so each
file of it has an outcome.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from collector.gathered.left import Left, why_not
from collector.gathered.listing import Listing
from collector.identity import printable
from collector.survey import VolumeTree
from shellcase.model import Missing

_NOT_ASKED = "the profile does not ask for such files"
_UNASKED = "no definition of the profile asks for a file at this path"


def unasked(
    source: str, volume: VolumeTree, wanted: Mapping[int, Collection[str]], told: Collection[str], every: str
) -> Iterator[Missing]:
    """Files of a collection's volume that nothing asks for. `wanted`: streams by file, `every` stands for all of them.

    `told`: paths that have a line already.
    """
    listing = volume.fs
    if not isinstance(listing, Listing):
        return
    for number, filed in listing.files:
        names = wanted.get(number, ())
        if every in names or filed.stream in names:
            continue
        path = "\\".join((volume.volume.name, *filed.parts)) + (f":{filed.stream}" if filed.stream else "")
        if printable(path) in told:
            continue
        kinds = volume.handle.claims.get(number, ())
        yield Missing(
            source=source,
            volume=volume.shown,
            definition=kinds[0] if kinds else "",
            path=printable(path),
            outcome="excluded",
            reason=printable(why_not(filed.member) or (_NOT_ASKED if kinds else _UNASKED)),
            size=filed.member.size,
        )


def left_line(source: str, left: Left) -> Missing:
    """The line of a member without a place on any volume."""
    return Missing(
        source=source,
        volume="",
        definition="",
        path=printable(left.name),
        outcome=left.outcome,
        reason=printable(left.reason),
        size=left.size,
    )
