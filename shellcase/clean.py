"""Foreign text made safe to look at: the one helper for terminal, CSV and HTML (which still escapes afterwards).

Every name and line in the evidence may have been chosen by an intruder. Characters that move the cursor, hide, or
turn the reading direction are shown as `\\u{202E}`; nothing else of the text changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable

CUT = "…"
"""Stands at the end of a text that was cut to its limit."""

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
_BREAKS = re.compile("\r\n|[\r\n\v\f\x85\u2028\u2029]")
_FORMULA = frozenset("=+-@\t\r\n＝＋－＠|")  # a leading | starts DDE in some spreadsheets
_SURROGATE = re.compile("[\ud800-\udfff]")
CELL_LIMIT = 32_000
_HARMLESS = re.compile("[A-Za-z0-9][ -~]{0,999}")  # most cells: printable, and no formula begins like this


def plain(text: str, limit: int = 400) -> str:
    """The text with invisible and directing characters shown as `\\u{XX}`, cut to `limit` characters with a mark."""
    cut = text if len(text) <= limit else text[: max(limit - 1, 0)] + CUT
    return _UNSAFE.sub(_show, cut)


def cell(text: str) -> str:
    """One CSV cell that no spreadsheet reads as a formula. A lone `-` (an empty IIS field) is left alone."""
    if not text or _HARMLESS.fullmatch(text):
        return text
    lines = _BREAKS.split(text[: CELL_LIMIT + 1])
    if text != "-" and any(_starts_formula(line) for line in lines):
        return "'" + plain("\\n".join(lines), CELL_LIMIT - 1)
    return plain("\\n".join(lines), CELL_LIMIT)


def storable(text: str) -> str:
    """The text as valid UTF-8: lone surrogates (legal in NTFS names) become `\\u{D800}`, all else stays."""
    return _SURROGATE.sub(_show, text) if _SURROGATE.search(text) else text


def reshown(text: str, show: Callable[[str], str]) -> str:
    """The text with every invisible, directing or half character as `show` spells it."""
    return _UNSAFE.sub(lambda m: show(m[0]), text)


def _show(match: re.Match[str]) -> str:
    return f"\\u{{{ord(match[0]):02X}}}"


def _starts_formula(line: str) -> bool:
    """Blanks of any width, and what spreadsheets skip, come before the first character that counts."""
    if line[:1] in _FORMULA:
        return bool(line)
    body = _UNSAFE.sub("", line).lstrip().lstrip("'\"\u3000\u00a0 ")
    return body[:1] in _FORMULA and bool(body)
