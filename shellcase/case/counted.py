"""Whether the ledger counts any event: evidence without a record that we read leaves no file of the timeline."""

from __future__ import annotations

from pathlib import Path

import msgspec


class _Entry(msgspec.Struct, frozen=True):
    events: int = 0


class _Ledger(msgspec.Struct, frozen=True):
    artifacts: tuple[_Entry, ...] = ()


def had_events(ledger: Path) -> bool:
    """True as well where the ledger is gone: then nobody knows."""
    if not ledger.exists():
        return True
    return any(entry.events for entry in msgspec.json.decode(ledger.read_bytes(), type=_Ledger).artifacts)
