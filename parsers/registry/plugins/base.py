"""What a plug-in is: a value that names the keys it knows and says what they mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from parsers.registry.keys import Value
from shellcase.model import Moment
from shellcase.model import Value as Field


@dataclass(frozen=True, slots=True)
class Key:
    """A key as plug-ins see it: `path` below the root (`Select`), values by lower-case name."""

    hive: str
    file: str
    path: str
    when: Moment
    values: Mapping[str, Value]

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("\\")[2]

    def text(self, name: str) -> str | None:
        """A value as text, None where it is missing."""
        value = self.values.get(name.casefold())
        return value.text[:1024] if value else None

    def number(self, name: str) -> int | None:
        """A DWORD or QWORD, None where it is missing or of another type."""
        value = self.values.get(name.casefold())
        return value.number if value else None

    def bytes(self, name: str) -> bytes:
        """The bytes of a value, empty where it is missing."""
        value = self.values.get(name.casefold())
        return value.data if value else b""


@dataclass(frozen=True, slots=True)
class Said:
    """One thing a key tells. `when` None takes the key's last change."""

    subject: str
    data: Mapping[str, Field]
    when: Moment | None = None
    act: str = "configured"
    user: str | None = None
    process: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """Reads the keys of `hives` whose whole path matches `keys` (case-insensitive) and says what they mean."""

    kind: str
    hives: tuple[str, ...]
    keys: str
    read: Callable[[Key], Iterator[Said]]
    fields: Mapping[str, str]
    _pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_pattern", re.compile(self.keys, re.IGNORECASE))

    def knows(self, hive: str, path: str) -> bool:
        """Whether this key is one of its own."""
        return hive in self.hives and bool(self._pattern.fullmatch(path))
