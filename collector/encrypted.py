"""Encrypted volumes: BitLocker, opened with a key the examiner gives; the key itself is never kept or logged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from collector.runs import Reader


@dataclass(frozen=True, slots=True)
class Keys:
    """What the command line gave: 48-digit recovery keys, and a CSV keychain file as dissect reads it."""

    recovery: tuple[str, ...] = ()
    keychain: Path | None = None


NO_KEYS = Keys()


@dataclass(frozen=True, slots=True)
class Unlocked:
    """The decrypted volume, and how it was opened (never the key)."""

    reader: Reader
    how: str


def unlocked(volume: Reader, keys: Keys) -> Unlocked | None:
    """The decrypted volume; None when it is not encrypted or no key fits."""
    return None
