"""Times as scheduled tasks and transcripts write them: the machine's own clock unless they name an offset."""

from __future__ import annotations

import re

from parsers.walltime import local_moment, wall, wall_ns
from shellcase.model import Moment
from shellcase.zones import Zone

_STAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?", re.ASCII
)  # fmt: skip
_DIGITS = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)", re.ASCII)


def iso_local(text: str, zone: Zone | None, means: str = "instant") -> Moment:
    """`2021-03-03T06:49:42.1234567` by the machine's clock; with `Z` or an offset as UTC."""
    match = _STAMP.fullmatch(text)
    reading = wall(*map(int, match.groups()[:6])) if match else None
    if match is None or reading is None:
        return Moment(None, 0, text, "", means)
    digits = match[7] or ""
    extra, resolution = int((digits or "0").ljust(9, "0")), 10 ** (9 - len(digits))
    if match[8] is None:
        return local_moment(reading, text, zone, means=means, extra_ns=extra, resolution=resolution)
    ahead = 0
    if match[8] != "Z":
        ahead = (int(match[8][1:3]) * 60 + int(match[8][4:6])) * (-1 if match[8][0] == "-" else 1)
    return Moment(wall_ns(reading) + extra - ahead * 60 * 10**9, resolution, text, "offset in the text", means)


def digits_local(text: str, zone: Zone | None, means: str = "instant") -> Moment | None:
    """`20210303064942` by the machine's clock; None when that is no time."""
    match = _DIGITS.fullmatch(text)
    reading = wall(*map(int, match.groups())) if match else None
    return local_moment(reading, text, zone, means=means) if reading else None
