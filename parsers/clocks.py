"""Times of many rows at once, from the bytes of their fixed forms. What they mean is told in `times`."""

from __future__ import annotations

import numpy as np

from parsers.columns import Bytes, Sheet
from parsers.lines import Bools, Ints
from parsers.times import date_ns, iso_ns

_SECOND, _MILLISECOND = 10**9, 10**6
STAMP, _CLOCK = "0000-00-00T00:00:00.000Z", "00:00:00"


def formed(table: Bytes, form: str) -> Bools:
    """Which rows have a digit where the form has `0`, and elsewhere its very byte. They are as long, 8 or 24 bytes."""
    least = np.frombuffer(form.encode(), np.uint8)
    room = np.where(least == ord("0"), 9, 0).astype(np.uint8)
    wrong = (table - least > room).view(np.uint64)
    good: Bools = wrong[:, 0] == 0
    for eight in range(1, wrong.shape[1]):
        good &= wrong[:, eight] == 0
    return good


def clocks(sheet: Sheet, field: int) -> tuple[Ints, Bools]:
    """Nanoseconds since midnight of `14:01:59`, as `times.clock_ns` has it; and which rows have that form."""
    table = sheet.fixed(field, len(_CLOCK))
    ns, good = _clock(table)
    return ns, good & formed(table, _CLOCK) & (sheet.ends(field) - sheet.starts(field) == 8)


def days(sheet: Sheet, field: int) -> tuple[Ints, Bools]:
    """Nanoseconds of midnight of `2021-03-03`, as `times.date_ns` has it; and which rows have that form."""
    ns, good = _day(sheet.fixed(field, 10))
    return ns, good & (sheet.ends(field) - sheet.starts(field) == 10)


def instants(sheet: Sheet, field: int) -> tuple[Ints, Ints, Bools]:
    """UTC nanoseconds and resolution as `times.iso_ns` has them; and which rows have such a form."""
    table = sheet.fixed(field, len(STAMP))
    day, good = _day(np.ascontiguousarray(table[:, :10]))
    clock, fits = _clock(table[:, 11:19])
    usual = good & fits & formed(table, STAMP) & (sheet.ends(field) - sheet.starts(field) == len(STAMP))
    hundreds, tens, ones = ((table[:, at] - np.uint8(48)).astype(np.int64) for at in (20, 21, 22))
    ns = day + clock + ((hundreds * 10 + tens) * 10 + ones) * _MILLISECOND
    resolution = np.full(len(ns), _MILLISECOND)
    odd = np.flatnonzero(~usual)
    for row, start, end in zip(odd.tolist(), sheet.starts(field)[odd], sheet.ends(field)[odd], strict=True):
        found = iso_ns(sheet.raw[start:end].decode())
        ns[row], resolution[row], usual[row] = (*found, True) if found else (0, 0, False)
    return ns, resolution, usual


def _clock(table: Bytes) -> tuple[Ints, Bools]:
    """Nanoseconds since midnight where a row has the form of a clock, and which are no more than a day has."""
    digits = table - np.uint8(48)
    hour, minute, second = (digits[:, at].astype(np.int64) * 10 + digits[:, at + 1] for at in (0, 3, 6))
    good: Bools = (hour < 24) & (minute < 60) & (second < 60)
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
