"""HTTPERR logs of the kernel's web server (http.sys): requests it refused, cut off or found no worker for.

`Windows\\System32\\LogFiles\\HTTPERR\\httperrN.log`: the W3C form, fields by the header, whole seconds, UTC as all of
http.sys's logs. Requests that came while an application pool was recycled are here and in no other log.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from parsers import lines
from parsers.iis.w3c import Flavour, headers_and_days, read_log
from shellcase.model import Job, Kind, Parser, ParserOutput

KIND = "iis.httperr.entry"
_DEFAULT = (
    "date", "time", "c-ip", "c-port", "s-ip", "s-port", "cs-version", "cs-method", "cs-uri", "sc-status", "s-siteid",
    "s-reason", "s-queuename",
)  # fmt: skip
_FIELDS = {
    "*": "every field of the line under the name its #Fields header gives, as written, `-` kept",
    "s-reason": "why the request ended here, AppOffline and the like",
    "s-queuename": "the application pool",
    "repaired": "true when spaces inside fields were put back by the forms of the other fields",
    "columns": "`assumed` when no header stands before the line: it fits the fields written by default",
    "raw": "the whole line when it fits no grammar",
}
_FLAVOUR = Flavour(KIND, "refused", _DEFAULT, plain=False)


def parse(job: Job) -> Iterator[ParserOutput]:
    """One event for every line that is neither empty nor a header."""
    yield from read_log(job, _FLAVOUR)


def recognises(first: bytes, path: str) -> bool:
    """The reason among the fields, or the name these logs have."""
    head = first.removeprefix(lines.UTF8_MARK)
    if head.startswith(b"#"):
        return re.search(rb"^#Fields:[^\n]*\bs-reason\b", head, re.MULTILINE) is not None
    return re.search(r"[\\/]httperr\d+\.log$", path, re.IGNORECASE) is not None


PARSER = Parser(
    name="iis.httperr",
    version=1,
    definitions=("IisHttpErrLogs", "IisLogs"),
    yields=(Kind(name=KIND, fields=_FIELDS),),
    recognises=recognises,
    context=headers_and_days,
    parse=parse,
    split=lines.split,
    tier=1,
)
