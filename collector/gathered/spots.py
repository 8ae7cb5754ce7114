"""Where the files of a collection lay on the machine, and what was recognised as a collection."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from collector.gathered.shape import Parts


class Spot(Struct, frozen=True):
    """Where a file lay. `volume` is `C:`, empty (no drive known), `vss:<name>` or a device; `rank` orders doubles."""

    volume: str
    parts: Parts
    stream: str | None = None
    rank: int = 0


Place = Callable[[Parts], Spot | None]


class Layout(Struct, frozen=True):
    """A recognised collection. `root`: the folder inside it that the layout starts at. `how`: of its drive letters."""

    loader: str
    why: str
    root: Parts
    place: Place
    how: str
    logs: tuple[Parts, ...] = ()
