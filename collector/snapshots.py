"""Volume shadow copies as volumes of their own."""

from __future__ import annotations

from collector.filesystem import VolumeHandle


def snapshots_of(handle: VolumeHandle) -> tuple[tuple[VolumeHandle, ...], tuple[str, ...]]:
    """The shadow copies of a live volume, the oldest first, and what could not be read of them."""
    return (), ()
