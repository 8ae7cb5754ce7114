"""Values that hold passwords, hashes or the keys to them: named, never shown."""

from __future__ import annotations

import re

HIDDEN = "<not shown: may hold a password, a hash or a key to one>"

_KEYS = {
    "SAM": re.compile(r"(?i)SAM(?:\\.*)?"),
    "SECURITY": re.compile(r"(?i)(?:Policy\\(?:Secrets|Pol\w*Key\w*|PolEKList)|Cache|RXACT)(?:\\.*)?"),
}
_NAMES = re.compile(r"(?i).*password(?:viewonly)?|passwd|.*\bpwd")
_BINARY = (0, 3)
_NUMBERS = (4, 11)


def secret(hive: str, path: str, name: str, kind: int) -> bool:
    """Whether a value of this key must not be shown; of SAM and SECURITY also where its parent is lost."""
    keys = _KEYS.get(hive)
    if keys and (keys.fullmatch(path) or "<" in path) and (kind in _BINARY or kind > 11 or hive == "SECURITY"):
        return True
    return kind not in _NUMBERS and bool(_NAMES.fullmatch(name))
