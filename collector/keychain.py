"""Keys for encrypted volumes as the examiner gives them: recovery keys, and a keychain file.

The file is CSV with the columns of dissect's keychains: provider, key type, identifier, value. A key is never logged,
written or shown: errors name the line or the option, never the value, and `repr` leaves it out.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from functools import lru_cache
from io import StringIO
from pathlib import Path

from shellcase.errors import UsageError

KINDS = ("recovery_key", "passphrase", "file", "raw")
_GROUPS = 8
_LARGEST = 1 << 24
_FORMAT = "A recovery key has 48 digits in eight groups of six, as Windows prints them: 123456-…; each divides by 11."


@dataclass(frozen=True, slots=True)
class Key:
    """One key. `identifier`: only for the protector with this GUID; empty for any."""

    kind: str
    value: str = field(repr=False)
    identifier: str = ""
    folder: Path = Path()


@dataclass(frozen=True, slots=True)
class Keys:
    """What the command line gave: texts of `--recovery-key`, the file of `--keychain`."""

    recovery: tuple[str, ...] = field(default=(), repr=False)
    keychain: Path | None = None

    def all(self) -> tuple[Key, ...]:
        """Every key. UsageError for what is none."""
        return _all(self)


NO_KEYS = Keys()


@lru_cache(8)
def _all(keys: Keys) -> tuple[Key, ...]:
    """Read once for all volumes."""
    given = [Key("recovery_key", checked_recovery(text, "--recovery-key")) for text in keys.recovery]
    return (*given, *(_read_file(keys.keychain) if keys.keychain else ()))


def checked_recovery(text: str, where: str) -> str:
    """A recovery key with dashes. UsageError, without the key, when it cannot be one."""
    digits = re.sub(r"[-\s]", "", text)
    if not re.fullmatch(r"[0-9]{48}", digits):
        raise UsageError("The recovery key does not consist of 48 digits", where, _FORMAT)
    groups = [digits[n * 6 : n * 6 + 6] for n in range(_GROUPS)]
    wrong = [n for n, g in enumerate(groups, 1) if int(g) % 11 or int(g) >= 11 << 16]
    if wrong:
        raise UsageError(f"The recovery key is mistyped in group {', '.join(map(str, wrong))}", where, _FORMAT)
    return "-".join(groups)


def _read_file(path: Path) -> list[Key]:
    try:
        if path.stat().st_size > _LARGEST:
            raise UsageError("The keychain file is too large to be one", str(path), "Give the CSV file of keys.")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "The keychain file cannot be read", str(path), f"It must be CSV in UTF-8 ({error.__class__.__name__})."
        ) from error
    keys = list[Key]()
    for number, row in enumerate(csv.reader(StringIO(text)), 1):
        if row and any(row) and not row[0].lstrip().startswith("#"):
            key = _key(row, f"{path}, line {number}", path.parent)
            if key:
                keys.append(key)
    return keys


def _key(row: list[str], where: str, folder: Path) -> Key | None:
    """One line; None when it is for another kind of volume."""
    columns = [c.strip() for c in row[:3]]
    if len(row) != 4 or columns[1] not in KINDS or not row[3]:
        raise UsageError(
            "A line of the keychain cannot be used", where,
            f"Each line is: provider,key_type,identifier,value; key_type is one of {', '.join(KINDS)}.",
        )  # fmt: skip
    provider, kind, identifier = columns
    if provider.lower() not in ("", "bitlocker"):
        return None
    value = row[3].strip("\"' ") if kind != "passphrase" else row[3]
    if kind == "recovery_key":
        value = checked_recovery(value, where)
    if kind == "raw" and not re.fullmatch(r"(?:[0-9a-fA-F]{2}){16,64}", value):
        raise UsageError("The raw key is not 16 to 64 bytes in hexadecimal", where, "Give the FVEK as hex digits.")
    return Key(kind, value, identifier.strip("{}").lower(), folder)
