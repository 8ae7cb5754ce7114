"""The lines of an IIS log as Arrow batches, most of them without a Python loop over lines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from parsers.clocks import clocks, days
from parsers.columns import Bytes, Places, Sheet, all_of, cut, small_numbers, windows
from parsers.iis.repair import all_fit, fits
from parsers.iis.row import CHECKED, ZONE, Names
from parsers.lines import Block, Bools, Ints
from parsers.picking import first_of_rows, places_of, within
from parsers.pieces import Part, Pick, When
from parsers.times import date_ns
from parsers.weave import Odd, Text, Weaver, json_parts, same, shortened, when, where
from shellcase.model import EventBatch

_SUBJECT = 300
_ID = b"cafeReqId="
_ID_WINDOW = 48

_BYTES = {name: np.zeros(256, np.bool_) for name in CHECKED}
"""The bytes that the usual forms of these fields have."""
for _name, _allowed in (("s-port", b"0123456789"), ("c-ip", b"0123456789abcdefABCDEF.:"), ("sc-status", b"0123456789")):
    _BYTES[_name][list(_allowed)] = True
_LONGEST_STATUS = 5


def possible(fields: Sequence[str]) -> bool:
    """Whether lines under such a header can be cut by columns."""
    return len(fields) > 1 and "time" in fields and "cafeReqId" not in fields


def cut_plain(block: Block, low: int, high: int, wanted: Bools, names: Names) -> tuple[Sheet, Ints]:
    """Of these lines those that are plain and whose known fields have their forms; and their nanoseconds of UTC."""
    fields = names.fields
    sheet = cut(block, low, high, wanted, b" ", len(fields))
    if not len(sheet):
        return sheet, np.zeros(0, np.int64)
    ns, good = _instants(sheet, fields, names.day)
    for name, allowed in _BYTES.items():
        if name in fields:
            good &= _formed(sheet, fields.index(name), name, allowed)
    for row in np.flatnonzero(sheet.wide & good).tolist():
        good[row] = _careful(sheet.line(row).split(" "), fields)
    return sheet.keep(good), ns[good]


def _instants(sheet: Sheet, fields: Sequence[str], day: str) -> tuple[Ints, Bools]:
    clock, good = clocks(sheet, fields.index("time"))
    if "date" in fields:
        start, known = days(sheet, fields.index("date"))
        return start + clock, good & known
    base = date_ns(day)
    return (base or 0) + clock, good & (base is not None)


def _formed(sheet: Sheet, field: int, name: str, allowed: Bools) -> Bools:
    good = all_of(sheet.text(field), allowed, lambda text: fits(name, text))
    if name == "sc-status":
        good &= sheet.ends(field) - sheet.starts(field) <= _LONGEST_STATUS
    return good


def _careful(words: Sequence[str], fields: Sequence[str]) -> bool:
    """A line beyond ASCII must have all known forms, or else be read one by one."""
    user = words[fields.index("cs-username")] if "cs-username" in fields else "-"
    whole = all(words) and user == user.strip() and "cs-uri" not in fields and "s-reason" not in fields
    return whole and all_fit(fields, words)


def batch_of(block: Block, sheet: Sheet, ns: Ints, odd: Odd, names: Names, number: int) -> EventBatch:
    """All rows, plain and odd, in the order of the lines."""
    weaver, fields = Weaver(sheet, odd), names.fields
    told = {**_times(names), **_pivots(sheet, fields), "data": _data(sheet, fields, names.site)}
    texts = dict(weaver.texts(told))
    columns = {
        **same(weaver, kind="iis.request", act="requested", ts_means="end"),
        **when(weaver, ns, np.full(len(ns), 10**9)),
        **where(block, weaver, number),
        **_status(weaver, fields),
        **texts,
        "subject": shortened(texts["subject"], _SUBJECT),
    }
    return EventBatch(pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns)))


def _part(fields: Sequence[str], name: str) -> int | str:
    return fields.index(name) if name in fields else "-"


def _dashes(sheet: Sheet, fields: Sequence[str], name: str) -> Bools:
    return sheet.is_dash(fields.index(name)) if name in fields else np.ones(len(sheet), np.bool_)


def _times(names: Names) -> dict[str, Text]:
    fields, dated = names.fields, "date" in names.fields
    date: Part = fields.index("date") if dated else names.day
    zone = Text([ZONE if dated else names.zone])
    return {"ts_text": Text([date, " ", fields.index("time")]), "ts_zone": zone}


def _pivots(sheet: Sheet, fields: Sequence[str]) -> dict[str, Text]:
    stem, query = _part(fields, "cs-uri-stem"), _part(fields, "cs-uri-query")
    no_stem = _dashes(sheet, fields, "cs-uri-stem")
    queried = ~no_stem & ~_dashes(sheet, fields, "cs-uri-query")
    named = {"user": "cs-username", "src_ip": "c-ip", "http_method": "cs-method", "user_agent": "cs(User-Agent)"}
    return {
        **{column: Text([_part(fields, name)], _dashes(sheet, fields, name)) for column, name in named.items()},
        "url": Text([stem, When(queried, "?"), When(queried, query)], no_stem),
        "subject": Text([_part(fields, "cs-method"), " ", stem, " ", _part(fields, "sc-status")]),
    }


def _status(weaver: Weaver, fields: Sequence[str]) -> dict[str, pa.Array]:
    sheet, none = weaver.sheet, np.zeros(len(weaver.sheet), np.int64)
    numbers, known = none, none > 0
    if "sc-status" in fields:
        status = fields.index("sc-status")
        numbers, known = small_numbers(sheet, status, lambda text: None if text == "-" else int(text))
    return {"http_status": weaver.number("http_status", numbers, pa.int32(), ~known)}


def _data(sheet: Sheet, fields: Sequence[str], site: str) -> Text:
    tail: list[Part] = [f',"site":"{site}"'] if site and "site" not in fields else []
    found = _cafe(sheet, fields.index("cs-uri-query")) if "cs-uri-query" in fields else None
    if found is not None:
        has = found.ends > found.starts
        tail += [When(has, ',"cafeReqId":"'), found, When(has, '"')]
    return Text(json_parts(fields, tail), json=True)


def _cafe(sheet: Sheet, query: int) -> Pick | None:
    """What `row.CAFE` finds first in the query of each row; None where no row has it."""
    places, rows = within(sheet, query, places_of(sheet.raw, _ID, b"R"), len(_ID) + 1)
    places += len(_ID)
    there = ~_ends_id(np.frombuffer(sheet.raw, np.uint8)[places])
    if not there.any():
        return None
    places, rows = places[there], rows[there]
    return first_of_rows(sheet, query, rows, places, _id_ends(sheet.raw, places, sheet.ends(query)[rows]))


def _ends_id(data: Bytes) -> Bools:
    end: Bools = (data == ord(";")) | (data == ord("&"))
    return end


def _id_ends(raw: bytes, starts: Ints, ends: Places) -> Ints:
    """Where the ids that begin at `starts` end, at the latest where the query does."""
    stops = _ends_id(windows(raw, starts, _ID_WINDOW))
    found = starts + np.where(stops.any(axis=1), stops.argmax(axis=1), _ID_WINDOW)
    for row in np.flatnonzero((found - starts == _ID_WINDOW) & (ends > found)).tolist():
        rest = raw[starts[row] : ends[row]]
        found[row] = starts[row] + min(at for at in (rest.find(b";"), rest.find(b"&"), len(rest)) if at >= 0)
    return np.minimum(found, ends)
