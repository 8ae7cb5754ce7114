"""Which hive this is, by its first keys: copies, exports and registry dumps carry any name.

Below the root of SYSTEM lie `Select` and control sets, below that of SAM the key `SAM`, and so on. Where the keys say
nothing the name of the file does.
"""

from __future__ import annotations

from collections.abc import Iterable

_MARKS: tuple[tuple[str, frozenset[str]], ...] = (
    ("SYSTEM", frozenset(["select", "controlset001"])),
    ("SAM", frozenset(["sam"])),
    ("SECURITY", frozenset(["policy"])),
    ("SOFTWARE", frozenset(["microsoft", "classes"])),
    ("NTUSER.DAT", frozenset(["software", "control panel"])),
    ("NTUSER.DAT", frozenset(["software", "environment"])),
    ("USRCLASS.DAT", frozenset(["local settings"])),
)
_STEMS = (
    ("NTUSER", "NTUSER.DAT"),
    ("USRCLASS", "USRCLASS.DAT"),
    ("DEFAULT", "DEFAULT"),
    ("AMCACHE", "AMCACHE.HVE"),
    ("SOFTWARE", "SOFTWARE"),
    ("SYSTEM", "SYSTEM"),
    ("SECURITY", "SECURITY"),
    ("SAM", "SAM"),
)


def role(name: str, first: Iterable[str]) -> str:
    """One of Windows' own names for a hive; `name` is the file's, upper-case, `first` the keys below the root."""
    known = {key.casefold() for key in first}
    marked = next((hive for hive, marks in _MARKS if marks <= known), "")
    if marked == "NTUSER.DAT" and name.startswith("DEFAULT"):
        return "DEFAULT"
    if not marked and known == {"root"}:
        return "AMCACHE.HVE"
    return marked or next((hive for stem, hive in _STEMS if stem in name), name)
