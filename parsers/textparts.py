"""Lines of a small text artefact as records, in UTF-8 or UTF-16 with or without its mark; no line is dropped."""

from __future__ import annotations

from parsers.lines import decode
from parsers.small import Part, wide

MOST_LINES = 1 << 20


def is_wide(raw: bytes) -> bool:
    """UTF-16 little-endian: by its mark, or because hardly any second byte is more than zero."""
    if raw[:2] == b"\xff\xfe" or raw[:3] == b"\xef\xbb\xbf":
        return raw[:2] == b"\xff\xfe"
    low, high = raw[0::2], raw[1::2]
    return len(low) - low.count(0) > 4 * (len(high) - high.count(0))


def lines_of(raw: bytes) -> list[Part]:
    """Each line that is not empty, without its line end; `of` says how it is written."""
    width, of = (2, "wide") if is_wide(raw) else (1, "narrow")
    mark = b"\n\0" if width == 2 else b"\n"
    at = 2 if raw[:2] == b"\xff\xfe" else 3 if raw[:3] == b"\xef\xbb\xbf" else 0
    parts: list[Part] = []
    number = 0
    while at < len(raw) and len(parts) < MOST_LINES:
        end = _end(raw, mark, at, width)
        number += 1
        low, high = _bare(raw, at, end, width)
        if raw[low:high].strip(b"\0 \t"):
            parts.append(Part(low, high - low, f"line {number}", of))
        at = end + width
    if at < len(raw):
        parts.append(Part(at, len(raw) - at, "rest", f"fewer than {MOST_LINES} lines", True))
    return parts


def _end(raw: bytes, mark: bytes, at: int, width: int) -> int:
    end = raw.find(mark, at)
    while width == 2 and end >= 0 and (end - at) % 2:
        end = raw.find(mark, end + 1)
    return end if end >= 0 else len(raw)


def _bare(raw: bytes, low: int, high: int, width: int) -> tuple[int, int]:
    """A line without the CR at its end and without NULs around it."""
    piece = raw[low:high]
    before = len(piece) - len(piece.lstrip(b"\0"))
    behind = len(piece.rstrip(b"\0\r"))
    low += before - before % width
    return low, max(low, min(high, high - len(piece) + behind + behind % width))


def text_of(raw: bytes, part: Part) -> str:
    """The characters of a line."""
    piece = raw[part.offset : part.offset + part.length]
    return wide(piece) if part.of == "wide" else decode(piece)


def fields_of(raw: bytes, mark: str = "=") -> dict[str, str]:
    """`name=value` lines of a whole file; of names that repeat the first counts, sections are left out."""
    found: dict[str, str] = {}
    for part in lines_of(raw):
        name, there, value = text_of(raw, part).partition(mark)
        if there and not part.damaged:
            found.setdefault(name.strip(), value.strip())
    return found
