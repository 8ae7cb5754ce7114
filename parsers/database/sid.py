"""Security identifiers as text ([MS-DTYP] 2.4.2)."""

from __future__ import annotations

import struct


def sid_text(raw: bytes) -> str | None:
    """`S-1-5-18` of the bytes of a SID; None where they are none."""
    if len(raw) < 8 or raw[0] != 1 or not 8 + 4 * raw[1] <= len(raw) or raw[1] > 15:
        return None
    authority = int.from_bytes(raw[2:8], "big")
    parts = struct.unpack_from(f"<{raw[1]}I", raw, 8)
    return "-".join(["S-1", str(authority), *map(str, parts)])
