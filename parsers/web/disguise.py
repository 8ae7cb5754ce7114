"""Disguises that a compiler sees through: spellings of names that are the same name, and literals that hold script.

C# and JScript let a name be written with escapes, with format characters nobody sees and with an `@` before it, and
take comments and line breaks between its parts (ECMA-334 6.4.3). Packed literals are hexadecimal, lists of numbers, or
either of them and base64 with one byte XORed over all of it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise

MOST_BYTES = 1 << 16  # bytes of one packed literal that are looked at
_LONGEST_COMMENT = 1 << 14
_AT = re.compile(r"(?<![\w\"'.])@(?=[^\W\d])|(?<=\.)@(?=[^\W\d])")
_DOT = re.compile(r"(?<!\s)\s{1,64}\.\s{0,64}(?=\w)")
_BRACKET = re.compile(r"(?<=\w)\s{1,64}(?=[\[(])")
_HEXADECIMAL = re.compile(r"[\"'](?:0x)?((?:[0-9a-fA-F]{2}){16,32768})[\"']")
_NUMBERS = re.compile(r"[{(\[]\s*((?:0x[0-9a-fA-F]{1,2}|\d{1,3})(?:\s*,\s*(?:0x[0-9a-fA-F]{1,2}|\d{1,3})){15,32768})")
_CODE_PAGE = re.compile(r"(?i)<%@[^%]{0,200}\bcodepage\s*=\s*[\"']?65000\b")
_NEEDLE = b"Request"
_STEPS = bytes(a ^ b for a, b in pairwise(_NEEDLE))


def spelled_out(text: str) -> str:
    """The same script without comments, format characters and other ways of writing a name."""
    if not text.isascii():
        text = "".join(c for c in text if c.isascii() or unicodedata.category(c) != "Cf")
    return _BRACKET.sub("", _DOT.sub(".", _AT.sub("", _uncommented(text))))


def _uncommented(text: str) -> str:
    """Without `/* … */`; what is no comment that ends soon stays, `*/*` in a text among it."""
    out, at = [], 0
    while (start := text.find("/*", at)) >= 0:
        end = text.find("*/", start + 2, start + _LONGEST_COMMENT)
        if end < 0:
            out.append(text[at : start + 2])
            at = start + 2
        else:
            out.append(text[at:start])
            at = end + 2
    return "".join(out) + text[at:]


def seven_bits(text: str) -> str:
    """A page that says it is UTF-7, as the server reads it; every other page as it is."""
    if not _CODE_PAGE.search(text[:4096]) or not text.isascii():
        return text
    return text.encode().decode("utf-7", "replace")


def packed(text: str) -> Iterator[bytes]:
    """The bytes of hexadecimal literals and of lists of numbers."""
    for match in _HEXADECIMAL.finditer(text):
        yield bytes.fromhex(match[1])[:MOST_BYTES]
    for match in _NUMBERS.finditer(text):
        numbers = [int(n, 16 if n[:2].casefold() == "0x" else 10) for n in map(str.strip, match[1].split(","))]
        yield bytes(n for n in numbers if n < 256)


def unmasked(raw: bytes) -> str:
    """ASCII text that a byte XORed over all of it hides, where a request is named in it; else empty."""
    raw = raw[:MOST_BYTES]
    if len(raw) < len(_NEEDLE):
        return ""
    steps = int.from_bytes(raw[:-1], "big") ^ int.from_bytes(raw[1:], "big")
    at = steps.to_bytes(len(raw) - 1, "big").find(_STEPS)
    if at < 0:
        return ""
    key = raw[at] ^ _NEEDLE[0]
    text = bytes(byte ^ key for byte in raw)
    return text.decode("ascii", "replace")
