r"""Crash reports (`Report.wer`): a program that failed, with its path, its modules and the time.

UTF-16 text of `name=value` lines. `w3wp.exe` with the module that failed shows attacks that went wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from parsers.execution.lnk import user_of
from parsers.small import DIGEST, NO_TIME, Damage, Part, Said, digest, tell, whole
from parsers.textparts import fields_of
from parsers.times import filetime_moment
from shellcase.model import Issue, Job, Kind, Moment, Parser, ParserOutput, Value

REPORT = "windows.wer.report"
_SHOWN = ("EventType", "FriendlyEventName", "AppName", "AppPath", "TargetAppId", "TargetAppVer", "AppSessionGuid")
_MORE = ("ReportIdentifier", "IntegratorReportIdentifier", "Wow64Host", "NsAppName", "OriginalFilename", "Consent")
_PAIR = re.compile(r"(Sig|DynamicSig|OsInfo|State)\[(\d+)\]\.(Name|Key|Value)")


def _decode(raw: bytes, part: Part, job: Job) -> Iterator[Said | Issue]:
    values = fields_of(raw)
    if not {"EventType", "EventTime", "Version"} & set(values):
        raise Damage("this is no crash report", "Version, EventType and EventTime", raw[:32].hex())
    data: dict[str, Value] = {name: values[name] for name in (*_SHOWN, *_MORE) if name in values}
    signature = _pairs(values, "Sig") | _pairs(values, "DynamicSig")
    modules = [value for name, value in values.items() if name.startswith("LoadedModule[")]
    program = values.get("AppPath") or values.get("AppName") or "a program"
    what = values.get("FriendlyEventName") or values.get("EventType", "")
    yield Said(
        when=_when(values.get("EventTime", "")),
        act="failed",
        kind=REPORT,
        subject=f"{program} failed: {what}{_module(signature)}",
        data={
            **data,
            "signature": signature,
            "os": _pairs(values, "OsInfo"),
            "modules": modules,
            "record_sha256": digest(raw),
        },
        pivots={"process": program, "file_path": values.get("AppPath"), "user": user_of(job.source.path)},
    )


def _when(text: str) -> Moment:
    return filetime_moment(int(text)) if text.isascii() and text.isdigit() and len(text) < 20 else NO_TIME


def _pairs(values: dict[str, str], sort: str) -> dict[str, str]:
    """`Sig[0].Name=…` and `Sig[0].Value=…` as one pair each."""
    found: dict[str, dict[str, str]] = {}
    for name, value in values.items():
        match = _PAIR.fullmatch(name)
        if match and match[1] == sort:
            found.setdefault(match[2], {})[match[3]] = value
    return {p.get("Name") or p.get("Key") or n: p.get("Value", "") for n, p in found.items()}


def _module(signature: dict[str, str]) -> str:
    name = next((v for k, v in signature.items() if "fault module name" in k.lower() or "fehlermodul" in k.lower()), "")
    return f" in {name}" if name else ""


def parse(job: Job) -> Iterator[ParserOutput]:
    """One event for the report."""
    yield from tell(job, whole, _decode, 8 << 20)


def recognises(head: bytes, path: str) -> bool:
    """By its name."""
    return bool(head) and path.lower().endswith(".wer")


PARSER = Parser(
    name="windows.wer",
    version=1,
    definitions=("WindowsErrorReports",),
    yields=(
        Kind(
            name=REPORT,
            fields={
                **{name: f"{name} of the report" for name in (*_SHOWN, *_MORE)},
                "signature": "what the failure is told by: program, module, offset, code",
                "os": "version of Windows",
                "modules": "modules that were loaded",
                **DIGEST,
            },
        ),
    ),
    recognises=recognises,
    parse=parse,
)
