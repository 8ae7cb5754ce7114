r"""Expanding `%Name%` from the evidence's own environment. Nothing here looks at this machine's environment."""

from __future__ import annotations

import re
from collections.abc import Mapping

_VARIABLE = re.compile(r"%([^%\\/:*?\"<>|]{1,64})%")
_ROUNDS = 8
_LIMIT = 4096


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace known variables (names in lower case); unknown ones stay as they are."""

    def known(match: re.Match[str]) -> str:
        return variables.get(match[1].lower(), match[0])

    for _round in range(_ROUNDS):
        after = _VARIABLE.sub(known, text)[:_LIMIT]
        if after == text:
            return text
        text = after
    return text


def normal(path: str) -> str:
    r"""A Windows path in one spelling: backslashes, no `\\?\` in front, nothing doubled, no backslash at the end."""
    path = path.strip().strip('"').replace("/", "\\")
    for front in ("\\\\?\\", "\\??\\"):
        path = path.removeprefix(front)
    return re.sub(r"\\{2,}", r"\\", path).rstrip("\\")
