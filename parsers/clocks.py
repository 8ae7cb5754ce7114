"""Times of many rows at once, from the bytes of their fixed forms. What they mean is told in `times`."""

from __future__ import annotations

import numpy as np

from parsers.columns import Bytes, Sheet
from parsers.lines import Bools, Ints
from parsers.times import date_ns, iso_ns

_SECOND, _MILLISECOND = 10**9, 10**6
_CLOCK_DIGITS = [0, 1, 3, 4, 6, 7]


def clocks(sheet: Sheet, field: int) -> tuple[Ints, Bools]:
    """Nanoseconds since midnight of `14:01:59`, as `times.clock_ns` has it; and which rows have that form."""
    ns, good = _clock(sheet.fixed(field, 8))
    return ns, good & (sheet.ends(field) - sheet.starts(field) == 8)


def days(sheet: Sheet, field: int) -> tuple[Ints, Bools]:
    """Nanoseconds of midnight of `2021-03-03`, as `times.date_ns` has it; and which rows have that form."""
    ns, good = _day(sheet.fixed(field, 10))
    return ns, good & (sheet.ends(field) - sheet.starts(field) == 10)


def instants(sheet: Sheet, field: int) -> tuple[Ints, Ints, Bools]:
    """UTC nanoseconds and resolution as `times.iso_ns` has them; and which rows have such a form."""
    table = sheet.fixed(field, 24)
    day, good = _day(np.ascontiguousarray(table[:, :10]))
    clock, fits = _clock(table[:, 11:19])
    digits = (table[:, 20:23] - np.uint8(48)).astype(np.int64)
    usual = good & fits & (digits <= 9).all(axis=1) & (sheet.ends(field) - sheet.starts(field) == 24)
    usual &= (table[:, 10] == ord("T")) & (table[:, 19] == ord(".")) & (table[:, 23] == ord("Z"))
    ns = day + clock + digits @ np.array([100, 10, 1]) * _MILLISECOND
    resolution = np.full(len(ns), _MILLISECOND)
    odd = np.flatnonzero(~usual)
    for row, start, end in zip(odd.tolist(), sheet.starts(field)[odd], sheet.ends(field)[odd], strict=True):
        found = iso_ns(sheet.raw[start:end].decode())
        ns[row], resolution[row], usual[row] = (*found, True) if found else (0, 0, False)
    return ns, resolution, usual


def _clock(table: Bytes) -> tuple[Ints, Bools]:
    digits = table - np.uint8(48)
    good: Bools = (digits[:, _CLOCK_DIGITS] <= 9).all(axis=1) & (table[:, 2] == ord(":")) & (table[:, 5] == ord(":"))
    hour, minute, second = (digits[:, at].astype(np.int64) * 10 + digits[:, at + 1] for at in (0, 3, 6))
    good &= (hour < 24) & (minute < 60) & (second < 60)
    return ((hour * 60 + minute) * 60 + second) * _SECOND, good


def _day(table: Bytes) -> tuple[Ints, Bools]:
    """Each day is read where it changes from one row to the next."""
    if not len(table):
        return np.zeros(0, np.int64), np.zeros(0, np.bool_)
    texts = table.view("S10").ravel()
    runs = np.concatenate((np.zeros(1, np.int64), np.flatnonzero(texts[1:] != texts[:-1]) + 1))
    read = [date_ns(text.decode("latin-1")) for text in texts[runs].tolist()]
    values = np.array([ns or 0 for ns in read], np.int64)
    known = np.array([ns is not None for ns in read], np.bool_)
    lengths = np.diff(np.append(runs, len(texts)))
    return np.repeat(values, lengths), np.repeat(known, lengths)
