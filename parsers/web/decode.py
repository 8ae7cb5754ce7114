"""The text of a web page and of the script in it, with the usual disguises undone.

Every step is bounded: a page is at most a few megabytes, and each replacement makes the text shorter or adds a
limited amount.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Callable, Iterator

from parsers.web.disguise import MOST_BYTES, packed, spelled_out, unmasked

SOURCES = frozenset(["js", "cs", "vb"])
"""Script without a page around it: sources that ASP.NET makes of a page, scripts for the Windows Script Host."""

_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\0\0", "utf-32-le"),  # begins as the next one does
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
    (b"\0\0\xfe\xff", "utf-32-be"),
)
MOST_ADDED = 1 << 20  # characters of decoded base64 that are looked at
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|\\U(000[0-9a-fA-F]{5}|0010[0-9a-fA-F]{4})")
_JOINED = re.compile(r"(?:\"\s*[+&]\s*\"|'\s*[+&]\s*')")
_CODES = re.compile(r"(?i)(?:String\.fromCharCode|chrw?)\s*\(\s*(\d{1,7}(?:\s*,\s*\d{1,7})*)\s*\)")
_BASE64 = re.compile(r"[\"']([A-Za-z0-9+/]{16,}={0,2})[\"']")
_LITERAL = r"(?:\"[^\"\n]{0,512}\"|'[^'\n]{0,512}')"
_ARRAY = re.compile(rf"\b(\w{{1,64}})\s*=\s*\[\s*({_LITERAL}(?:\s*,\s*{_LITERAL})*)\s*,?\s*\]")
_ITEM = re.compile(r"\"([^\"\n]{0,512})\"|'([^'\n]{0,512})'")
_VARIABLE = re.compile(
    r"(?:\b(?:var|dim|string|set)\s+|[;{(\s])(\w{1,64})\s*=\s*(\"[^\"\n]{1,256}\"|'[^'\n]{1,256}')", re.I
)
_TAG = re.compile(r"(?i)<script\b([^>]{0,1024})>?")
_RUNAT = re.compile(r"(?i)\brunat\s*=\s*[\"']?server")
_BLOCK = re.compile(r"(?s)<%(?!@|--)(.*?)(?:%>|\Z)")
_DIRECTIVE = re.compile(r"<%@[^%]*%>")


def text_of(raw: bytes) -> str:
    """The characters of a page: by its byte order mark, else UTF-16 if every other byte is zero, else UTF-8 or 1252."""
    for mark, name in _MARKS:
        if raw.startswith(mark):
            return raw[len(mark) :].decode(name, "backslashreplace")
    for first, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        if len(raw) > 3 and raw[first:200:2].count(0) > len(raw[:200]) // 3:
            return raw.decode(name, "backslashreplace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "backslashreplace")


def server_script(text: str, extension: str) -> str:
    """What the server would run: script blocks, or the whole of a handler, service or Razor page."""
    if extension in ("ashx", "asmx", "soap", "svc", "cshtml", "vbhtml") or (
        extension in SOURCES and "<" not in text[:64]
    ):
        return _DIRECTIVE.sub("", text)
    parts = [*_tagged(text), *(m[1] for m in _BLOCK.finditer(text))]
    return "\n".join(part for part in parts if part.strip())


def script_tags(text: str) -> Iterator[tuple[str, int]]:
    """The attributes of each opening script tag and where its content starts."""
    for tag in _TAG.finditer(text):
        yield tag[1], tag.end()


def runs_on_server(attributes: str) -> bool:
    """Whether a script tag with these attributes is run by the server and not sent to the browser."""
    return bool(_RUNAT.search(attributes))


def _tagged(text: str) -> Iterator[str]:
    low, done = text.lower(), 0
    for attributes, start in script_tags(text):
        if start >= done and runs_on_server(attributes):
            end = low.find("</script", start)
            done = len(text) if end < 0 else end
            yield text[start:done]


def plain(script: str) -> str:
    """Script with entities, escapes, joined strings, codes and named literals resolved, packed text appended."""
    text = html.unescape(script)
    text = _ESCAPE.sub(lambda m: _character(m[1] or m[2] or m[3]), text)
    text = _CODES.sub(_spelled, spelled_out(text))
    text = _JOINED.sub("", text)
    text = _JOINED.sub("", _named(text))
    return text + "".join("\n" + part for part in _unpacked(text))


def _character(digits: str) -> str:
    code = int(digits, 16)
    return "\\ufffd" if 0xD800 <= code < 0xE000 else chr(code)


def _spelled(match: re.Match[str]) -> str:
    codes = [int(c) for c in re.findall(r"\d+", match[1])]
    return '"' + "".join(chr(c) for c in codes if c < 0xD800) + '"'


def _named(text: str) -> str:
    """Items of literal arrays (`_0x1a[0x1]`, `_0x1b('0x1')`) and one-literal variables in index brackets."""
    for name, items in list(dict.fromkeys((m[1], m[2]) for m in _ARRAY.finditer(text)))[:16]:
        words = [a or b for a, b in _ITEM.findall(items)]
        text = _resolve(text, rf"\b{re.escape(name)}\s*\[\s*(0x[0-9a-fA-F]{{1,4}}|\d{{1,4}})\s*\]", words)
        text = _resolve(text, r"\b_0x[0-9a-f]{2,12}\s*\(\s*[\"'](0x[0-9a-fA-F]{1,4})[\"']\s*\)", words)
    for name, literal in list(dict.fromkeys((m[1], m[2]) for m in _VARIABLE.finditer(text)))[:32]:
        text = _bounded(text, re.compile(rf"([\[(]\s*){re.escape(name)}(\s*[\])])"), _Between(literal))
    return text


class _Between:
    """Puts a literal between the first and the second group."""

    def __init__(self, literal: str) -> None:
        self._literal = literal

    def __call__(self, match: re.Match[str]) -> str:
        return match[1] + self._literal + match[2]


def _resolve(text: str, pattern: str, words: list[str]) -> str:
    def word(match: re.Match[str]) -> str:
        index = int(match[1], 0) if match[1].startswith("0x") else int(match[1])
        return f'"{words[index]}"' if index < len(words) else match[0]

    return _bounded(text, re.compile(pattern), word)


def _bounded(text: str, pattern: re.Pattern[str], by: Callable[[re.Match[str]], str]) -> str:
    """Replace, unless that would blow the text up."""
    new = pattern.sub(by, text, count=4096)
    return new if len(new) <= len(text) + MOST_ADDED else text


def _unpacked(text: str) -> list[str]:
    """What packed literals hold, where that is text; one level, and one more inside it."""
    out: list[str] = []
    todo, room = [text], MOST_ADDED
    for _ in range(2):
        found = [d for part in todo for raw in _literals(part) if (d := _readable(raw, room))]
        todo = found
        out += found
        room = MOST_ADDED - sum(map(len, out))
    return out


def _literals(text: str) -> Iterator[bytes]:
    """The bytes of every packed literal of a script."""
    for match in _BASE64.finditer(text):
        try:
            yield base64.b64decode(match[1] + "=" * (-len(match[1]) % 4), validate=True)
        except (binascii.Error, ValueError):
            continue
    yield from packed(text)


def _readable(raw: bytes, room: int) -> str:
    """The text that a literal holds, as it is or masked by one byte; empty where it is no text."""
    if len(raw) > room:
        return ""
    text = text_of(raw)
    if text.isascii() and all(c.isprintable() or c.isspace() for c in text):
        return text
    return unmasked(raw) if room > MOST_BYTES else ""
