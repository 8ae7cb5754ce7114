"""TimeCreated of many records at once: the reader's microseconds, and the 100 ns digit from the record's own bytes."""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from parsers.eventlog.frame import HEADER
from parsers.eventlog.tokens import Bytes, Places
from parsers.times import FILETIME_1970, FILETIME_LAST, filetime_text

_WIDTHS = (27, 28, 30)  # 2021-03-03T06:49:42.162345Z, or seven and nine digits in logs that were exported as text
_SHOWN = _WIDTHS[1]
_DIGITS = [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18, 20, 21, 22, 23, 24, 25]
_MARKS = [4, 7, 10, 13, 16, 19]
_SIGNS = np.frombuffer(b"--T::.", np.uint8)
_ZULU, _ZERO = ord("Z"), ord("0")
_YEARS = (1678, 2261)
_DAY = 864_000_000_000
_FIELDS = np.dtype([("magic", "<u4"), ("size", "<u4"), ("number", "<u8"), ("written", "<u8")])
_BEFORE, _BEHIND = b',"written":"', b'"'


class Heads(NamedTuple):
    """The headers of records as arrays; `starts` are places in `raw`, which begins at `origin` of the file."""

    raw: bytes
    origin: int
    starts: Places
    sizes: Places
    numbers: npt.NDArray[np.uint64]
    written: npt.NDArray[np.uint64]


def heads(raw: bytes, origin: int, starts: Places) -> Heads:
    """The headers that begin at these places of `raw`, all of them sound."""
    found = np.frombuffer(raw, np.uint8)[starts[:, None] + np.arange(HEADER)].view(_FIELDS).ravel()
    numbers, written = (np.ascontiguousarray(found[name]) for name in ("number", "written"))
    return Heads(raw, origin, starts, found["size"].astype(np.int64), numbers, written)


class Instants(NamedTuple):
    """FILETIME of each record where `known`, what is known of its digits, and its text, `widths` bytes of `shown`."""

    known: npt.NDArray[np.bool_]
    filetime: Places
    resolution_ns: Places
    shown: Bytes
    widths: Places

    def text(self, rows: npt.NDArray[np.bool_]) -> pa.Array:
        """The texts of those records."""
        widths = self.widths[rows]
        edges = np.zeros(len(widths) + 1, np.int32)
        np.cumsum(widths, out=edges[1:])
        data = self.shown[rows][np.arange(self.shown.shape[1]) < widths[:, None]]
        return pa.StringArray.from_buffers(len(widths), pa.py_buffer(edges), pa.py_buffer(data))


def instants(data: Bytes, begins: Places, ends: Places, heads: Heads) -> Instants:
    """What the texts from `begins` to `ends` say; not known is what has another form.

    A FILETIME of the same microsecond in the record is the exact one, as in `record.time_created`.
    """
    widths = ends - begins
    shown = data[np.minimum(begins[:, None] + np.arange(_WIDTHS[2]), len(data) - 1)]
    known, said = _read(shown, widths)
    exact = _exact(said - said % 10, heads)
    is_exact = exact > 0
    filetime = np.where(is_exact, exact, said)
    shown[is_exact, _SHOWN - 2], shown[is_exact, _SHOWN - 1] = filetime[is_exact] % 10 + _ZERO, _ZULU
    resolution = np.where(is_exact | (widths > _WIDTHS[0]), 100, 1000)
    return Instants(known, filetime, resolution, shown, np.where(is_exact, _SHOWN, widths))


def _read(shown: Bytes, widths: Places) -> tuple[npt.NDArray[np.bool_], Places]:
    """Whether these are times, and their FILETIME."""
    digits = shown[:, _DIGITS].astype(np.int64) - _ZERO
    finer = shown[:, 26:29].astype(np.int64) - _ZERO
    are_digits = (finer >= 0) & (finer <= 9)
    is_fine = (widths == _WIDTHS[1]) & (shown[:, 27] == _ZULU) & are_digits[:, 0]
    is_fine |= (widths == _WIDTHS[2]) & (shown[:, 29] == _ZULU) & are_digits.all(axis=1)
    known = is_fine | (widths == _WIDTHS[0]) & (shown[:, 26] == _ZULU)
    known &= ((digits >= 0) & (digits <= 9)).all(axis=1) & (shown[:, _MARKS] == _SIGNS).all(axis=1)
    digits[~known] = 0
    year, month, day, hour, minute, second, micros = (
        digits[:, low:high] @ 10 ** np.arange(high - low - 1, -1, -1)
        for low, high in ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14), (14, 20))
    )
    months = (year - 1970) * 12 + month - 1
    days = _days(months) + day - 1
    known &= (year >= _YEARS[0]) & (year <= _YEARS[1]) & (month >= 1) & (month <= 12)
    known &= (hour < 24) & (minute < 60) & (second < 60)
    known &= (day >= 1) & (days < _days(months + 1))
    tenths = (((days * 24 + hour) * 60 + minute) * 60 + second) * 10_000_000 + micros * 10 + finer[:, 0] * is_fine
    return known, np.where(known, tenths + FILETIME_1970, 0)


def _days(months: Places) -> Places:
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def _exact(low: Places, heads: Heads) -> Places:
    """The FILETIME of the ten from `low` on that the record's BinXML has first, else its header's; 0 if it has none.

    Its lowest byte is left out when looking for it. Where the ten do not share the other bytes, or these stand in the
    record with another lowest byte, it is looked for again with more care.
    """
    high = low >> 8
    needles = np.ascontiguousarray(high.astype("<i8").view(np.uint8).reshape(-1, 8)[:, :7]).view("V7").ravel().tolist()
    begins, ends = heads.starts + (HEADER + 1), heads.starts + heads.sizes
    found = np.array(list(map(heads.raw.find, needles, begins.tolist(), ends.tolist())), np.int64)
    met = high << 8 | np.frombuffer(heads.raw, np.uint8)[found - 1]
    of_header = heads.written // np.uint64(10) == (low // 10).astype(np.uint64)
    elsewhere = np.where(of_header, heads.written.astype(np.int64), 0)
    exact = np.where(found < 0, elsewhere, met)
    doubtful = np.flatnonzero((low > 0) & ((high != low + 9 >> 8) | (found >= 0) & ((met < low) | (met >= low + 10))))
    for n in doubtful.tolist():
        again = exact_filetime(int(low[n]), heads.raw, int(begins[n]) - 1, int(ends[n]), int(heads.written[n]))
        exact[n] = again or 0
    return exact


def exact_filetime(filetime: int, raw: bytes, begin: int, end: int, written: int) -> int | None:
    """The first FILETIME within the same microsecond from `begin` to `end`, else that of the header, `written`."""
    low = filetime - filetime % 10
    for high in sorted({low >> 8, (low + 9) >> 8}):
        at = raw.find(struct.pack("<Q", high)[:7], begin + 1, end)
        while at > 0:
            value = high << 8 | raw[at - 1]
            if low <= value < low + 10:
                return value
            at = raw.find(struct.pack("<Q", high)[:7], at + 1, end)
    return written if written // 10 == low // 10 else None


def written(heads: Heads, when: Instants) -> pa.Array:
    """For each record the field `written` of its data where the header has another time, else an empty text."""
    other = heads.written != when.filetime.astype(np.uint64)
    if heads.written.max() > FILETIME_LAST:
        return pa.array([_written(told) if told else "" for told in (heads.written * other).tolist()], pa.string())
    edges = np.zeros(len(other) + 1, np.int32)
    np.cumsum(other * (len(_BEFORE) + _SHOWN + len(_BEHIND)), out=edges[1:])
    times = _texts(heads.written[other].astype(np.int64))
    around = [np.tile(np.frombuffer(part, np.uint8), (len(times), 1)) for part in (_BEFORE, _BEHIND)]
    data = np.concatenate([around[0], times, around[1]], axis=1)
    return pa.StringArray.from_buffers(len(other), pa.py_buffer(edges), pa.py_buffer(data))


def _written(filetime: int) -> str:
    return f"{_BEFORE.decode()}{filetime_text(filetime)}{_BEHIND.decode()}"


def _texts(filetime: Places) -> Bytes:
    """ISO 8601 with seven digits and Z, 28 bytes for each."""
    day, rest = np.divmod(filetime, _DAY)
    days, which = np.unique(day, return_inverse=True)
    dates = "".join(filetime_text(one)[:11] for one in (days * _DAY).tolist())
    shown = np.empty((len(filetime), _SHOWN), np.uint8)
    shown[:, :11] = np.frombuffer(dates.encode(), np.uint8).reshape(-1, 11)[which]
    seconds, tenths = np.divmod(rest, 10_000_000)
    minutes, second = np.divmod(seconds, 60)
    for at, width, value in ((11, 2, minutes // 60), (14, 2, minutes % 60), (17, 2, second), (20, 7, tenths)):
        shown[:, at : at + width] = value[:, None] // 10 ** np.arange(width - 1, -1, -1) % 10 + _ZERO
    shown[:, [13, 16, 19, 27]] = np.frombuffer(b"::.Z", np.uint8)
    return shown


def utc_ns(filetime: Places) -> Places:
    """UTC nanoseconds of FILETIMEs that have them."""
    return (filetime - FILETIME_1970) * 100
