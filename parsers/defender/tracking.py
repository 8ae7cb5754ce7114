"""What Defender tracked of a detected file: names and values in one blob.

After 24 bytes of lengths come u32 length and UTF-16 of a name, u32 type, and the value: 3 a u32, 4 a u64, 5 a byte,
6 a text with its length before it.
"""

from __future__ import annotations

_HEAD = 24
_FIXED = {3: 4, 4: 8, 5: 1}
_TEXT = 6
_MOST = 256


def tracking(raw: bytes) -> dict[str, str]:
    """Values by name as text; it ends where the blob no longer has this form."""
    out: dict[str, str] = {}
    at = _HEAD
    while at + 4 <= len(raw) and len(out) < _MOST:
        name, at = _text(raw, at)
        kind = int.from_bytes(raw[at : at + 4], "little")
        at += 4
        if not name.startswith("ThreatTracking"):
            break
        if kind == _TEXT:
            value, at = _text(raw, at)
        elif kind in _FIXED:
            value, at = str(int.from_bytes(raw[at : at + _FIXED[kind]], "little")), at + _FIXED[kind]
        else:
            break
        out.setdefault(name, value)
    return out


def _text(raw: bytes, at: int) -> tuple[str, int]:
    size = int.from_bytes(raw[at : at + 4], "little")
    piece = raw[at + 4 : at + 4 + size]
    return piece.decode("utf-16-le", "backslashreplace").rstrip("\0"), at + 4 + size
