"""The file store of a Velociraptor server: flows of its clients, `clients/C.…/collections/F.…/uploads/…`.

Every client is a machine of its own. The flows of one client are one collection: what several of them fetched is taken
from the first. Those of several clients are several collections, which nobody must take for one machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import structs

from collector.gathered.shape import Parts
from collector.gathered.spots import Layout, Spot

ACCESSORS = ("ntfs", "lazy_ntfs", "mft", "auto", "file", "ntfs_vss")


def stored_flows(paths: Sequence[Parts], test: Callable[[Parts, Sequence[Parts]], Layout | None]) -> list[Layout]:
    """One layout for each client, or for each folder with uploads where no clients are named; none: no file store.

    `test` tells whether what lies below a folder is a flow.
    """
    found: dict[Parts, list[Layout]] = {}
    for root, below in sorted(_below_roots(paths).items()):
        if layout := test(root, below):
            found.setdefault(_client(root), []).append(layout)
    return [_joined(flows) if len(flows) > 1 else flows[0] for flows in found.values()]


def _below_roots(paths: Sequence[Parts]) -> dict[Parts, list[Parts]]:
    """What lies below each folder that holds uploads."""
    found: dict[Parts, list[Parts]] = {root: [] for p in paths if (root := _root(p)) is not None}
    for path in paths:
        for depth in range(len(path)):
            if path[:depth] in found:
                found[path[:depth]].append(path[depth:])
                break
    return found


def _root(path: Parts) -> Parts | None:
    """The folder in which a path has its `uploads`."""
    for depth in range(len(path) - 3):
        if path[depth] == "uploads" and path[depth + 1] in ACCESSORS:
            return path[:depth]
    return None


def _client(root: Parts) -> Parts:
    """The client's folder of a flow; of a flow of nobody the flow's own."""
    named = [n for n, part in enumerate(root) if part.startswith("C.") and n + 1 < len(root)]
    return root[: named[0] + 1] if named else root


def _joined(flows: Sequence[Layout]) -> Layout:
    """The flows of one client as one collection."""
    many = len(flows)

    def place(path: Parts) -> Spot | None:
        for number, flow in enumerate(flows):
            if path[: len(flow.root)] == flow.root and (spot := flow.place(path)):
                return structs.replace(spot, rank=spot.rank * many + number)
        return None

    root, logs = _client(flows[0].root), tuple(path for flow in flows for path in flow.logs)
    why = f"{flows[0].why}; {many} flows of client {root[-1]}"
    return structs.replace(flows[0], root=root, place=place, why=why, logs=logs)
