"""Fix-ups of pages of 4096 bytes, as $LogFile and folder indexes have them, undone sector by sector.

The last two bytes of each sector hold a check number; the true ones stand in an array in the page's head. Where one
sector does not fit, the others still count.
"""

from __future__ import annotations

import struct

PAGE, HEAD, STRIDE = 4096, 0x40, 512
_ENDS = [n * STRIDE + STRIDE - 2 for n in range(PAGE // STRIDE)]
_USUAL = 0x28


def mend(raw: bytearray, page: int, torn: list[int]) -> None:
    """Mend the page at `page` in place; sector ends that do not fit are added to `torn`.

    The number that most sector ends bear counts when the head's own is damaged.
    """
    at, count = struct.unpack_from("<HH", raw, page + 4)
    if not _USUAL <= at <= HEAD - 2 * len(_ENDS) - 2 or count != len(_ENDS) + 1:
        at = _USUAL
    check = bytes(raw[page + at : page + at + 2])
    ends = [bytes(raw[page + end : page + end + 2]) for end in _ENDS]
    most = max(ends, key=ends.count)
    if ends.count(most) > len(_ENDS) // 2 and any(most):
        check = most
    for n, end in enumerate(_ENDS):
        if ends[n] != check:
            torn.append(page + end)
            continue
        raw[page + end : page + end + 2] = raw[page + at + 2 * n + 2 : page + at + 2 * n + 4]


def touched(torn: list[int], at: int, length: int) -> bool:
    """Whether bytes lie at the end of a sector that does not fit."""
    return any(at <= end + 1 and end < at + length for end in torn)
