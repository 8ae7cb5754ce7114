"""Encrypted volumes: BitLocker, opened with a key the examiner gives; the key itself is never kept or logged."""

from __future__ import annotations

from dataclasses import dataclass

from collector.keychain import NO_KEYS, Keys
from collector.media import try_read
from collector.runs import Reader
from collector.signatures import is_bitlocker

__all__ = ["NO_KEYS", "Keys", "Locked", "Unlocked", "unlocked"]


@dataclass(frozen=True, slots=True)
class Unlocked:
    """The decrypted volume, and how it was opened (never the key)."""

    reader: Reader
    how: str


@dataclass(frozen=True, slots=True)
class Locked:
    """Why an encrypted volume stays closed, with the names of its protectors."""

    why: str


def unlocked(volume: Reader, keys: Keys) -> Unlocked | Locked | None:
    """The decrypted volume, or why it stays closed; None when it is not encrypted with BitLocker."""
    if not is_bitlocker(try_read(volume, 0, 512)):
        return None
    from collector.bitlocker import opened  # slow to load, and rarely needed

    return opened(volume, keys)
