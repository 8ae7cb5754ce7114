"""The plain lines of an IIS log as one Arrow batch, without a Python loop over lines."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pyarrow as pa

from parsers.account import Account
from parsers.columns import (
    Columns,
    by_value,
    choose,
    escape,
    join,
    json_objects,
    or_else,
    or_null,
    pc,
    plain_rows,
    same,
)
from parsers.iis.repair import fits
from parsers.iis.row import CAFE, ZONE, ZONE_DAY
from parsers.lines import Block, Bools, Ints
from parsers.times import clock_ns, date_ns
from shellcase.model import EventBatch

_CHECKED = ("s-port", "c-ip", "sc-status")  # their forms show that no field has slipped
_SUBJECT = 300


def plain_batch(
    block: Block, wanted: Bools, fields: Sequence[str], day: str, site: str, number: int, account: Account
) -> tuple[EventBatch | None, Bools]:
    """The batch of the plain lines, and which lines of the block it covers."""
    done = np.zeros(len(block), np.bool_)
    if "time" not in fields:
        return None, done
    columns = plain_rows(block, wanted, b" ", len(fields))
    ns, good = _instants(columns, fields, day)
    for name in _CHECKED:
        if name in fields:
            good &= by_value(columns.text(fields.index(name)), partial(_form, name))[1]
    columns, ns = columns.keep(good), ns[good]
    if not len(columns):
        return None, done
    done[columns.index] = True
    account.parsed += len(columns)
    account.saw(int(ns.min()), int(ns.max()))
    batch = {**_when(columns, fields, day, ns), **_where(block, columns, number), **_what(columns, fields, site)}
    return EventBatch(pa.RecordBatch.from_arrays(list(batch.values()), names=list(batch))), done


def _form(name: str, text: str) -> int | None:
    return 0 if fits(name, text) else None


def _instants(columns: Columns, fields: Sequence[str], day: str) -> tuple[Ints, Bools]:
    clock, good = by_value(columns.text(fields.index("time")), clock_ns)
    if "date" in fields:
        start, known = by_value(columns.text(fields.index("date")), date_ns)
        return start + clock, good & known
    base = date_ns(day)
    return (base or 0) + clock, good & (base is not None)


def _when(columns: Columns, fields: Sequence[str], day: str, ns: Ints) -> dict[str, pa.Array]:
    dated = "date" in fields
    date = columns.text(fields.index("date")) if dated else day
    return {
        "ts": pa.array(ns // 1000).cast(pa.timestamp("us", tz="UTC")),
        "ts_ns": pa.array(np.zeros(len(ns), np.int16)),
        "ts_text": join(date, columns.text(fields.index("time")), separator=" "),
        "ts_zone": _same(ZONE if dated else ZONE_DAY, columns),
        "ts_resolution_ns": pa.array(np.full(len(ns), 10**9)),
        "ts_means": _same("end", columns),
        "act": _same("requested", columns),
        "kind": _same("iis.request", columns),
    }


def _where(block: Block, columns: Columns, number: int) -> dict[str, pa.Array]:
    offsets, lengths = block.offsets()
    line = pa.array(columns.index + (number + 1)).cast(pa.string())
    return {
        "offset": pa.array(offsets[columns.index]),
        "length": pa.array(lengths[columns.index]),
        "locator": join("line", line, separator=" "),
    }


def _what(columns: Columns, fields: Sequence[str], site: str) -> dict[str, pa.Array]:
    def text(name: str) -> pa.StringArray:
        return columns.text(fields.index(name)) if name in fields else _same("-", columns)

    stem, query, method, status = text("cs-uri-stem"), text("cs-uri-query"), text("cs-method"), text("sc-status")
    with_query = join(stem, query, separator="?")
    url = choose(pc.or_(same(query, "-"), same(stem, "-")), stem, with_query)
    subject = join(method, stem, status, separator=" ")
    return {
        "subject": pc.utf8_slice_codeunits(subject, 0, _SUBJECT),
        "user": or_null(text("cs-username"), "-"),
        "src_ip": or_null(text("c-ip"), "-"),
        "url": or_null(url, "-"),
        "http_method": or_null(method, "-"),
        "http_status": or_null(status, "-").cast(pa.int32()),
        "user_agent": or_null(text("cs(User-Agent)"), "-"),
        "data": _data(columns, fields, query, site),
    }


def _data(columns: Columns, fields: Sequence[str], query: pa.StringArray, site: str) -> pa.StringArray:
    pairs = [(name, columns.json(at)) for at, name in enumerate(fields)]
    tail: pa.StringArray | str = f',"site":"{site}"' if site and "site" not in fields else ""
    if pc.any(pc.match_substring(query, "cafeReqId=")).as_py():
        tail = join(tail, _cafe_member(query))
    return json_objects(pairs, tail)


def _cafe_member(query: pa.StringArray) -> pa.StringArray:
    """The JSON member `cafeReqId` for the rows that have one, else nothing."""
    found = pc.extract_regex(query, CAFE.pattern)
    return or_else(join(',"cafeReqId":"', escape(pc.struct_field(found, "id")), '"'), "")


def _same(text: str, columns: Columns) -> pa.StringArray:
    return pa.repeat(pa.scalar(text, pa.string()), len(columns))
