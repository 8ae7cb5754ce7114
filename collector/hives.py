"""A registry hive in memory, asked for single keys and values; what is missing or broken gives None and a note.

Only the hive file is read here: host facts need a few settled values, and replaying the transaction logs is the
registry parser's work. A hive that was not closed cleanly is noted.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

from Registry import Registry, RegistryParse

_FAULTS = (
    Registry.RegistryKeyNotFoundException,
    Registry.RegistryValueNotFoundException,
    RegistryParse.RegistryException,
    RegistryParse.UnknownTypeException,
    struct.error, ValueError, IndexError, KeyError, TypeError, AttributeError, RecursionError, OverflowError,
)  # fmt: skip
_MAX_KEYS = 4096

RawValue = str | int | bytes | list[str]


class Hive:
    """One hive; `notes` tell what was wrong with it."""

    def __init__(self, name: str, raw: bytes | None) -> None:
        self.name, self.notes = name, list[str]()
        self._root: Registry.RegistryKey | None = None
        if not raw:
            self.notes.append(f"{name} hive: not found or empty")
            return
        try:
            self._root = Registry.Registry(io.BytesIO(raw)).root()
        except _FAULTS as error:
            self.notes.append(f"{name} hive: cannot be read ({type(error).__name__}: {error})")
            return
        if raw[4:8] != raw[8:12]:
            self.notes.append(f"{name} hive: not closed cleanly, its transaction logs are not part of these facts")

    def _key(self, path: str) -> Registry.RegistryKey | None:
        if self._root is None:
            return None
        try:
            return self._root.find_key(path)
        except _FAULTS:
            return None

    def value(self, path: str, name: str) -> RawValue | None:
        """A value's data: text, number, bytes or list of texts."""
        key = self._key(path)
        if key is None:
            return None
        try:
            return _plain(key.value(name))
        except _FAULTS:
            return None

    def text(self, path: str, name: str) -> str:
        """A text value, empty when it is missing or no text."""
        found = self.value(path, name)
        return found.split("\0")[0] if isinstance(found, str) else ""

    def number(self, path: str, name: str) -> int | None:
        """A number value."""
        found = self.value(path, name)
        return found if isinstance(found, int) else None

    def raw(self, path: str, name: str) -> bytes:
        """A binary value, empty when it is missing."""
        found = self.value(path, name)
        return found if isinstance(found, bytes) else b""

    def values(self, path: str) -> Iterator[tuple[str, RawValue]]:
        """Every readable value of a key, in the hive's order."""
        key = self._key(path)
        try:
            found = key.values() if key else []
        except _FAULTS:
            found = []
            self.notes.append(f"{self.name} hive: values of {path} cannot be read")
        for value in found[:_MAX_KEYS]:
            try:
                yield value.name(), _plain(value)
            except _FAULTS:
                self.notes.append(f"{self.name} hive: a value of {path} cannot be read")

    def subkeys(self, path: str) -> list[str]:
        """Names of the keys below a key."""
        key = self._key(path)
        try:
            return [k.name() for k in key.subkeys()[:_MAX_KEYS]] if key else []
        except _FAULTS:
            self.notes.append(f"{self.name} hive: keys below {path} cannot be read")
            return []


def _plain(value: Registry.RegistryValue) -> RawValue:
    data = value.value()
    if isinstance(data, str | int | bytes):
        return data
    if isinstance(data, list):
        return [str(x) for x in data]
    return bytes(value.raw_data())
