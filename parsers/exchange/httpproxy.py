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
from parsers.exchange.text import RAW_FIELDS, Data, Filled, TextLog
from parsers.leaning import text_headers
from parsers.lines import UTF8_MARK, Block, Bools, Ints
from parsers.times import iso_ns
from shellcase.model import EventBatch, Kind, Parser

KIND = "exchange.httpproxy.request"
_FIELDS: Mapping[str, str] = {
    "*": "every column under the name its header gives, as written",
    "begin": "BeginRequest out of GenericInfo, ISO 8601",
    **RAW_FIELDS,
}
_BEGIN = re.compile(r"BeginRequest=(?P<t>\d{4}-\d\d-\d\dT[0-9:.]{8,18}Z)", re.ASCII)
_STATUS = re.compile(r"\d{1,5}", re.ASCII)
_FORGED = "ServerInfo~"
_PIVOTS = ("user", "src_ip", "url", "http_method", "http_status", "user_agent")
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


def _plain(
    block: Block, wanted: Bools, fields: tuple[str, ...], number: int, account: Account
) -> tuple[EventBatch | None, Bools]:
    """The rows without quotes and control characters, column-wise."""
    done = np.zeros(len(block), np.bool_)
    if "DateTime" not in fields:
        return None, done
    columns = plain_rows(block, wanted, b",", len(fields), b'"')
    ns, resolution, good = _instants(columns.text(fields.index("DateTime")))
    columns, ns, resolution = columns.keep(good), ns[good], resolution[good]
    if not len(columns):
        return None, done
    done[columns.index] = True
    account.parsed += len(columns)
    account.saw(int(ns.min()), int(ns.max()))
    batch = {**_when(columns, fields, ns, resolution), **_where(block, columns, number), **_what(columns, fields)}
    return EventBatch(pa.RecordBatch.from_arrays(list(batch.values()), names=list(batch))), done


def _instants(texts: pa.StringArray) -> tuple[Ints, Ints, Bools]:
    read = [iso_ns(text) for text in texts.to_pylist()]
    pairs = np.array([pair or (0, 0) for pair in read], np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1], np.array([pair is not None for pair in read], np.bool_)


def _when(columns: Columns, fields: tuple[str, ...], ns: Ints, resolution: Ints) -> dict[str, pa.Array]:
    return {
        "ts": pa.array(ns // 1000).cast(pa.timestamp("us", tz="UTC")),
        "ts_ns": pa.array((ns % 1000).astype(np.int16)),
        "ts_text": columns.text(fields.index("DateTime")),
        "ts_zone": _same("UTC by format", columns),
        "ts_resolution_ns": pa.array(resolution),
        "ts_means": _same("end", columns),
        "act": _same("requested", columns),
        "kind": _same(KIND, columns),
    }


def _where(block: Block, columns: Columns, number: int) -> dict[str, pa.Array]:
    offsets, lengths = block.offsets()
    line = pa.array(columns.index + (number + 1)).cast(pa.string())
    return {
        "offset": pa.array(offsets[columns.index]),
        "length": pa.array(lengths[columns.index]),
        "locator": join("line", line, separator=" "),
    }


def _what(columns: Columns, fields: tuple[str, ...]) -> dict[str, pa.Array]:
    def text(name: str) -> pa.StringArray:
        return columns.text(fields.index(name)) if name in fields else _same("", columns)

    method, stem, query, status = text("Method"), text("UrlStem"), text("UrlQuery"), text("HttpStatus")
    bare = pc.or_(same(query, ""), pc.starts_with(query, "?"))
    url = join(stem, choose(bare, "", "?"), query)
    numbers, known = by_value(status, lambda value: int(value) if _STATUS.fullmatch(value) else None)
    return {
        "subject": _subject(method, stem, status, text("AnchorMailbox")),
        "user": or_null(text("AuthenticatedUser"), ""),
        "src_ip": or_null(text("ClientIpAddress"), ""),
        "url": or_null(url, ""),
        "http_method": or_null(method, ""),
        "http_status": pa.array(numbers.astype(np.int32), mask=~known),
        "user_agent": or_null(text("UserAgent"), ""),
        "data": _data(columns, fields, text("GenericInfo")),
    }


def _subject(method: pa.Array, stem: pa.Array, status: pa.Array, anchor: pa.Array) -> pa.StringArray:
    shown = choose(pc.match_substring(anchor, _FORGED), anchor, "")
    words = [or_null(part, "") for part in (method, stem, status, shown)]
    joined = join(*words, separator=" ", skip_null=True)
    return pc.utf8_slice_codeunits(joined, 0, _SUBJECT)


def _data(columns: Columns, fields: tuple[str, ...], info: pa.StringArray) -> pa.StringArray:
    found = pc.struct_field(pc.extract_regex(info, _BEGIN.pattern), "t")
    begin = or_else(join(',"begin":"', escape(found), '"'), "")
    return json_objects([(name, columns.json(at)) for at, name in enumerate(fields)], begin)


def _same(text: str, columns: Columns) -> pa.StringArray:
    return pa.repeat(pa.scalar(text, pa.string()), len(columns))


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
    plain=_plain,
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
