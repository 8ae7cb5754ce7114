"""Exchange OAB generator log: one event for every entry; the path of a failed download where CVE-2021-26858 shows.

Columns `timestamp,recordtype,traceid,oabguid,addresslistguid,message` by the header's names; UTC.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from parsers.exchange.text import RAW_FIELDS, Data, Filled, TextLog
from parsers.leaning import text_headers
from parsers.lines import UTF8_MARK
from shellcase.model import Kind, Parser

KIND = "exchange.oabgenerator.entry"
_FIELDS: Mapping[str, str] = {
    "*": "every column under the name its header gives",
    "timestamp": "as written",
    "message": "the entry's text",
    "file": "the path quoted in a message of a failed download",
    **RAW_FIELDS,
}
_LEFT_BEHIND = re.compile(r"Download failed and temporary file '?([^']+?)'? needs to be removed", re.IGNORECASE)


def _fill(data: Data) -> Filled:
    lower = {name.lower(): str(value) for name, value in data.items()}
    message = lower.get("message") or next(filter(_LEFT_BEHIND.search, lower.values()), "")
    match = _LEFT_BEHIND.search(message)
    if match:
        data = {**data, "file": match[1]}
    subject = f"OAB generator: {message or lower.get('recordtype', '')}"
    return Filled(subject=subject, pivots={"file_path": match[1] if match else None}, data=data)


def recognises(first: bytes, path: str) -> bool:
    """The log type in the header, or a log in the generator's folder."""
    head = first.removeprefix(UTF8_MARK)
    if b"#Log-type: OAB Generator Log" in head:
        return True
    return re.search(r"[\\/]OABGenerator(?:Simple)?Log[\\/][^\\/]+\.log$", path, re.IGNORECASE) is not None


LOG = TextLog(
    kind=KIND,
    act="logged",
    means="instant",
    time="timestamp",
    bare=b"timestamp,",
    pivots=("file_path",),
    fill=_fill,
)
PARSER = Parser(
    name="exchange.oabgenerator",
    version=1,
    definitions=("ExchangeOabGeneratorLogs", "ExchangeOtherLogs"),
    yields=(Kind(name=KIND, fields=_FIELDS),),
    recognises=recognises,
    context=text_headers,
    parse=LOG.parse,
    tier=0,
)
