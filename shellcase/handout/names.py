"""Names of the evidence as names of files on the examiner's disk (R-EXT-1): reversible, and harmful to no system.

Every character that some system reads in another way becomes `%` and two digits for each byte of its UTF-8 form; a
lone surrogate, which NTFS allows and UTF-8 does not, becomes `%uD800`. `%` itself is encoded too, so that no mapped
name can be another's. What gets too long is cut and ends in a hash of the whole.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

from shellcase.clean import reshown

LONGEST = 200
"""Bytes of one component in UTF-8."""

LONGEST_PATH = 700
"""Bytes of a whole path below its tree: macOS ends at 1024, with the folder the user chose."""

_FORBIDDEN = re.compile('[%<>:"/\\\\|?*]')
_DEVICE = re.compile(
    "(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\\$|conout\\$)[ ]*(\\..*)?", re.IGNORECASE | re.DOTALL
)
_CUT = 160


def component(name: str) -> str:
    """One component, mapped. Never empty, never `.` or `..`, never a device."""
    mapped = reshown(_FORBIDDEN.sub(lambda m: _percent(m[0]), name), _percent)
    if mapped[-1:] in (".", " "):
        mapped = mapped[:-1] + _percent(mapped[-1])
    if _DEVICE.fullmatch(mapped):
        mapped = _percent(mapped[0]) + mapped[1:]
    return _cut(mapped or "%", name)


def _percent(character: str) -> str:
    if "\ud800" <= character <= "\udfff":
        return f"%u{ord(character):04X}"
    return "".join(f"%{b:02X}" for b in character.encode("utf-8"))


def _cut(mapped: str, original: str) -> str:
    raw = mapped.encode("utf-8")
    if len(raw) <= LONGEST:
        return mapped
    head = raw[:_CUT].decode("utf-8", "ignore").rstrip(". ")
    return f"{head}~{hashlib.sha256(original.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


class Names:
    """Gives each path of one tree a place of its own, whatever a file system without case thinks of it."""

    def __init__(self) -> None:
        self._taken: dict[str, set[str]] = {}
        self._folders: dict[tuple[str, str], str] = {}

    def place(self, parts: tuple[str, ...], last: str = "") -> str:
        """The path below the tree, with `/`. Asked again for one, it is `name~2`. `last`: a safe name instead."""
        folder = ""
        for part in parts[:-1]:
            folder = self._folder(folder, part)
        return self._free(folder, last or component(parts[-1]))

    def _folder(self, above: str, original: str) -> str:
        known = self._folders.get((above, original))
        if known is None:
            known = self._folders[above, original] = self._free(above, component(original))
        return known

    def _free(self, folder: str, mapped: str) -> str:
        taken = self._taken.setdefault(folder, set())
        name, number = mapped, 1
        while (key := folded(name)) in taken:
            number += 1
            name = f"{mapped}~{number}"
        taken.add(key)
        return f"{folder}/{name}" if folder else name


def folded(name: str) -> str:
    """What a file system without case makes of a name."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
