"""What a plug-in is: a value that names the keys it knows and says what they mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from parsers.registry.keys import Value, utf16
from parsers.registry.secrets import secret
from shellcase.model import Moment
from shellcase.model import Value as Field
from shellcase.zones import Zone

USER = ("NTUSER.DAT", "DEFAULT")
"""The hives of people and of the system's own account."""

CONTROL = r"ControlSet\d{3}\\"
_LONGEST = 1024
_MOST = 4096  # entries that one key is told with


def _nothing(_path: str) -> Mapping[str, Value]:
    return {}


@dataclass(frozen=True, slots=True)
class Key:
    """A key as plug-ins see it: `path` below the root (`Select`), values by lower-case name, in the hive's order.

    `hive` is which of Windows' hives it is, `file` the path of the file, `near` gives the values of another key of
    the same hive by its path, `zone` is the machine's for the few values in local time.
    """

    hive: str
    file: str
    path: str
    when: Moment
    values: Mapping[str, Value]
    zone: Zone | None = None
    near: Callable[[str], Mapping[str, Value]] = _nothing

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("\\")[2]

    @property
    def owner(self) -> str | None:
        """Whose hive it is, by the folder it lies in; None for the machine's own."""
        if self.hive == "DEFAULT":
            return "SYSTEM"
        parts = self.file.split("\\")
        below = [low for low in (part.casefold() for part in parts) if low in {"users", "documents and settings"}]
        if self.hive in {"NTUSER.DAT", "USRCLASS.DAT"} and below:
            at = [part.casefold() for part in parts].index(below[0])
            return parts[at + 1] if at + 2 < len(parts) else None
        return None

    def text(self, name: str) -> str | None:
        """A value as text, None where it is missing or may hold a password."""
        value = self.values.get(name.casefold())
        return self.shown(value) if value else None

    def shown(self, value: Value) -> str:
        """The text of a value of this key, cut to what a person would read."""
        return "" if secret(self.hive, self.path, value.name, value.type) else value.text[:_LONGEST]

    def number(self, name: str) -> int | None:
        """A DWORD or QWORD, None where it is missing or of another type."""
        value = self.values.get(name.casefold())
        return value.number if value else None

    def bytes(self, name: str) -> bytes:
        """The bytes of a value, empty where it is missing."""
        value = self.values.get(name.casefold())
        return value.data if value else b""

    def parts(self, name: str) -> list[str]:
        """The texts of a value with several; one text is a list of one."""
        value = self.values.get(name.casefold())
        return [part for part in value.text.split("\n") if part][:256] if value else []

    def all(self) -> Iterator[Value]:
        """The values that may be shown, at most some thousands."""
        for number, value in enumerate(self.values.values()):
            if number >= _MOST:
                return
            if not secret(self.hive, self.path, value.name, value.type):
                yield value


@dataclass(frozen=True, slots=True)
class Said:
    """One thing a key tells. `when` None takes the key's last change."""

    subject: str
    data: Mapping[str, Field]
    when: Moment | None = None
    act: str = "configured"
    user: str | None = None
    process: str | None = None
    command: str | None = None
    file_path: str | None = None
    src_ip: str | None = None
    url: str | None = None
    sha256: str | None = None


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


def settings(
    *, kind: str, hives: tuple[str, ...], keys: str, what: str, names: Mapping[str, str], required: str = ""
) -> Plugin:
    """A plug-in that tells the named values of a key, as text, under their own names."""

    def read(key: Key) -> Iterator[Said]:
        found: dict[str, Field] = {name: text for name in names if (text := key.text(name)) is not None}
        if found and (not required or required in found):
            shown = ", ".join(f"{name}={value}" for name, value in found.items()).replace("\n", " ")
            found["key"] = key.path
            yield Said(f"{what}: {shown}"[:_LONGEST], found, user=key.owner)

    return Plugin(kind=kind, hives=hives, keys=keys, read=read, fields={**names, "key": "path of the key"})


def wide(raw: bytes, at: int = 0) -> str:
    """UTF-16 up to the first NUL."""
    end = at
    while end + 2 <= len(raw) and raw[end : end + 2] != b"\0\0":
        end += 2
    return utf16(raw[at:end])


def file_of(command: str) -> str:
    """The program of a command line, as far as quotes, `.exe` or the first space tell."""
    command = command.strip()
    if command.startswith('"'):
        return command[1:].partition('"')[0]
    found = re.match(r"(?i).*?\.(?:exe|dll|com|bat|cmd|ps1|vbs|sys|scr)\b", command)
    return found[0] if found else command.partition(" ")[0]
