"""Exchange front end, HttpProxy logs: one event for every proxied request.

`DateTime` (UTC, milliseconds) is when the request ended; `BeginRequest` inside GenericInfo is when it began. Columns
go by the names of the header, which differ between builds. The anchor (`AnchorMailbox`), the routing hint and the
cookie, where ProxyLogon shows, are in `data` under their own names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from parsers.clocks import STAMP, formed, instants
from parsers.columns import Sheet, cut, pc, small_numbers, windows
from parsers.exchange.text import RAW_FIELDS, ZONE, Cut, Data, Filled, Plain, TextLog
from parsers.leaning import text_headers
from parsers.lines import UTF8_MARK, Block, Bools
from parsers.pieces import Part, Pick, When
from parsers.weave import Odd, Text, Weaver, json_parts, same, shortened, when, where
from shellcase.model import EventBatch, Kind, Parser

KIND = "exchange.httpproxy.request"
_FIELDS: Mapping[str, str] = {
    "*": "every column under the name its header gives, as written",
    "begin": "BeginRequest out of GenericInfo, ISO 8601",
    **RAW_FIELDS,
}
_BEGIN = re.compile(r"BeginRequest=(?P<t>\d{4}-\d\d-\d\dT[0-9:.]{8,18}Z)", re.ASCII)
_REQUEST, _BEGIN_BYTES = b"BeginRequest=", re.compile(_BEGIN.pattern.encode())
_STATUS = re.compile(r"\d{1,5}", re.ASCII)
_FORGED = "ServerInfo~"
_PIVOTS = ("user", "src_ip", "url", "http_method", "http_status", "user_agent")
_NAMED = {
    "user": "AuthenticatedUser", "src_ip": "ClientIpAddress", "http_method": "Method", "user_agent": "UserAgent",
}  # fmt: skip
_SUBJECT = 300
_USUAL = (
    "DateTime", "RequestId", "MajorVersion", "MinorVersion", "BuildVersion", "RevisionVersion", "ClientRequestId",
    "Protocol", "UrlHost", "UrlStem", "ProtocolAction", "AuthenticationType", "IsAuthenticated", "AuthenticatedUser",
    "Organization", "AnchorMailbox", "UserAgent", "ClientIpAddress", "ServerHostName", "HttpStatus", "BackEndStatus",
    "ErrorCode", "Method",
)  # fmt: skip


def _fill(data: Data) -> Filled:
    def text(name: str) -> str:
        return str(data.get(name, ""))

    match = _BEGIN.search(text("GenericInfo"))
    if match:
        data = {**data, "begin": match["t"]}
    query, anchor = text("UrlQuery"), text("AnchorMailbox")
    url = text("UrlStem") + ("?" if query and not query.startswith("?") else "") + query
    words = [text("Method"), text("UrlStem"), text("HttpStatus"), anchor if _FORGED in anchor else ""]
    return Filled(
        subject=" ".join(filter(None, words)),
        pivots={
            "user": text("AuthenticatedUser"),
            "src_ip": text("ClientIpAddress"),
            "url": url,
            "http_method": text("Method"),
            "http_status": int(text("HttpStatus")) if _STATUS.fullmatch(text("HttpStatus")) else None,
            "user_agent": text("UserAgent"),
        },
        data=data,
    )


def _cut(block: Block, low: int, high: int, wanted: Bools, fields: tuple[str, ...]) -> Cut:
    """The rows without quotes and control characters, by columns."""
    sheet = cut(block, low, high, wanted, b",", len(fields), b'"')
    ns, resolution, good = instants(sheet, fields.index("DateTime"))
    return Cut(sheet.keep(good), ns[good], resolution[good])


def _batch(block: Block, rows: Cut, odd: Odd, fields: tuple[str, ...], number: int) -> EventBatch:
    sheet, weaver = rows.sheet, Weaver(rows.sheet, odd)
    told = {**_pivoted(sheet, fields), "data": _data(sheet, fields)}
    texts = dict(weaver.texts(told))
    columns = {
        **same(weaver, kind=KIND, act="requested", ts_means="end", ts_zone=ZONE),
        **when(weaver, rows.ns, rows.resolution),
        **where(block, weaver, number),
        **_status(weaver, fields),
        **texts,
        "subject": shortened(texts["subject"], _SUBJECT),
    }
    return EventBatch(pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns)))


def _part(fields: tuple[str, ...], name: str) -> Part:
    return fields.index(name) if name in fields else ""


def _filled(sheet: Sheet, part: Part) -> Bools:
    """Which rows have something in a column."""
    return sheet.ends(part) > sheet.starts(part) if isinstance(part, int) else np.zeros(len(sheet), np.bool_)


def _pivoted(sheet: Sheet, fields: tuple[str, ...]) -> dict[str, Text]:
    stem, query = _part(fields, "UrlStem"), _part(fields, "UrlQuery")
    filled = _filled(sheet, query)
    mark = filled & (sheet.fixed(query, 1)[:, 0] != ord("?")) if isinstance(query, int) else filled
    named = {column: _part(fields, name) for column, name in _NAMED.items()}
    return {
        "ts_text": Text([fields.index("DateTime")]),
        **{column: Text([part], ~_filled(sheet, part)) for column, part in named.items()},
        "url": Text([stem, When(mark, "?"), query], ~(filled | _filled(sheet, stem))),
        "subject": Text(_subject(sheet, fields)),
    }


def _subject(sheet: Sheet, fields: tuple[str, ...]) -> list[Part]:
    """Method, stem, status and a forged anchor: those that are there, with a space between."""
    anchor = _part(fields, "AnchorMailbox")
    shown = np.zeros(len(sheet), np.bool_)
    if isinstance(anchor, int):
        shown = pc.match_substring(sheet.text(anchor), _FORGED).to_numpy(zero_copy_only=False)
    words = [(part, _filled(sheet, part)) for part in (_part(fields, n) for n in ("Method", "UrlStem", "HttpStatus"))]
    before, parts = np.zeros(len(sheet), np.bool_), list[Part]()
    for part, there in [*words, (When(shown, anchor) if isinstance(anchor, int) else "", shown)]:
        parts += [When(before & there, " "), part]
        before = before | there
    return parts


def _status(weaver: Weaver, fields: tuple[str, ...]) -> dict[str, pa.Array]:
    sheet, status = weaver.sheet, _part(fields, "HttpStatus")
    numbers, known = np.zeros(len(sheet), np.int64), np.zeros(len(sheet), np.bool_)
    if isinstance(status, int):
        numbers, known = small_numbers(sheet, status, lambda text: int(text) if _STATUS.fullmatch(text) else None)
    known = known & ~(sheet.wide & (numbers == 0))  # as a row has it that is read by itself
    return {"http_status": weaver.number("http_status", numbers, pa.int32(), ~known)}


def _data(sheet: Sheet, fields: tuple[str, ...]) -> Text:
    tail: list[Part] = []
    begin = _begun(sheet, fields.index("GenericInfo")) if "GenericInfo" in fields else None
    if begin is not None:
        has = begin.ends > begin.starts
        tail = [When(has, ',"begin":"'), begin, When(has, '"')]
    return Text(json_parts(fields, tail), json=True)


def _begun(sheet: Sheet, info: int) -> Pick | None:
    """What `_BEGIN` finds first in a column of each row; None where no row has it."""
    starts, ends = sheet.starts(info), sheet.ends(info)
    named = windows(sheet.raw, starts, len(_REQUEST)) == np.frombuffer(_REQUEST, np.uint8)
    low = starts + len(_REQUEST)
    usual = named.all(axis=1) & formed(windows(sheet.raw, low, len(STAMP)), STAMP)
    low = np.where(usual, low, starts)
    high = np.where(usual, low + len(STAMP), low)
    for row in np.flatnonzero(~usual & (ends > starts)).tolist():
        match = _BEGIN_BYTES.search(sheet.raw, int(starts[row]), int(ends[row]))
        low[row], high[row] = match.span("t") if match else (low[row], low[row])
    return Pick(low, high) if (high > low).any() else None


def recognises(first: bytes, path: str) -> bool:
    """The log type in the header, or the columns, or the name Exchange gives such logs."""
    head = first.removeprefix(UTF8_MARK)
    if b"#Log-type: HttpProxy Logs" in head or head.startswith(b"DateTime,RequestId,"):
        return True
    return re.search(r"[\\/]HttpProxy2?_\d{10}-\d+\.LOG$", path, re.IGNORECASE) is not None


LOG = TextLog(
    kind=KIND,
    act="requested",
    means="end",
    time="DateTime",
    bare=b"DateTime,",
    pivots=_PIVOTS,
    fill=_fill,
    plain=Plain(_cut, _batch, frozenset({"begin"})),
    usual=_USUAL,
)
PARSER = Parser(
    name="exchange.httpproxy",
    version=1,
    definitions=("ExchangeHttpProxyLogs", "ExchangeOtherLogs"),
    yields=(Kind(name=KIND, fields=_FIELDS),),
    recognises=recognises,
    context=text_headers,
    parse=LOG.parse,
    split=LOG.split,
    tier=0,
)
