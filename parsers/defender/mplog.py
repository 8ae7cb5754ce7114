"""Defender's own log (MPLog-*.log, MPDetection-*.log, MpCmdRun.log): detections, scans, exclusions, programs at work.

UTF-16 text; the format is not documented, the line families are those seen in published logs. Dated lines begin with
an ISO time that says its zone; undated ones belong to blocks (scans, behaviour telemetry) and carry local times. Every
line is one event; a line of no known family is told with its text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from parsers import times
from parsers.leaning import text_headers
from parsers.linelog import NO_TIME, RAW_LINE, LineLog, Said
from parsers.lines import split
from parsers.walltime import local_moment, wall, wall_ns
from shellcase.model import Job, Kind, Moment, Parser, ParserOutput

_LOOKED_AT = 8192  # characters of a line that are taken apart; the whole of it stays in the event
_MINUTE = 60 * 10**9
_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?)(Z|[+-]\d\d:\d\d)?\s+", re.ASCII)
_LOCAL = re.compile(r"(\d\d)-(\d\d)-(\d{4}) (\d\d):(\d\d):(\d\d)", re.ASCII)
_NAMED = re.compile(r"([A-Za-z][A-Za-z0-9 _/()-]{0,48}?)\s?[:=]\s?(.*)", re.ASCII | re.DOTALL)
_THREAT = re.compile(r"([A-Za-z]+:[A-Za-z0-9]+/[^\s;]+)", re.ASCII)
_RESOURCE = re.compile(r"\b(containerfile|webfile|file|process|regkey|regkeyvalue|amsi|behavior|runkey|service):_?")
_SHA256 = re.compile(r"\bsha(?:2|256)\s*[=:]\s*([0-9A-Fa-f]{64})\b", re.ASCII)
_SHA1 = re.compile(r"\bsha1?\s*[=:]\s*([0-9A-Fa-f]{40})\b", re.ASCII)
_QUOTED = re.compile(r'original file name "([^"]{0,1024})" for "([^"]{0,2048})"')
_SOURCE = re.compile(r"\b(MPSOURCE_\w+|MP_THREAT_ACTION_\w+)", re.ASCII)
_PATH = re.compile(r"(?:\\\\\?\\)?([A-Za-z]:\\[^\t|;,\"<>]{1,2048}|\\Device\\[^\t|;,\"<>]{1,2048})", re.ASCII)
_FILTER = ("Process", "Status", "State", "ScanRequest", "FileId", "Reason", "DesiredAccess", "FileAttributes")
_IMAGE = ("ProcessImageName", "Pid", "TotalTime", "Count", "MaxTime", "MaxTimeFile", "EstimatedImpact")

Fields = dict[str, str]


def _marked(text: str, names: tuple[str, ...]) -> Fields:
    """Values of `Name: value` in a fixed order, each up to the next name; in one pass."""
    out: Fields = {}
    at = 0
    places: list[tuple[str, int, int]] = []
    for name in names:
        found = text.find(name, at)
        if found >= 0:
            at = found + len(name)
            places.append((name, found, at))
    for index, (name, _, end) in enumerate(places):
        stop = places[index + 1][1] if index + 1 < len(places) else len(text)
        out[name] = text[end:stop].strip(" :,\t")
    return out


def _detection(text: str) -> Fields:
    threat, resource, source = _THREAT.search(text), _RESOURCE.search(text), _SOURCE.search(text)
    out: Fields = {}
    if threat:
        out["threat"] = threat[1]
    if source:
        out["detection_source"] = source[1]
    if resource:
        out["resource_type"] = resource[1]
        out["resource"] = text[resource.end() :].partition(";")[0].partition(" PropBag")[0].strip()
    return out


def _sdn(text: str) -> Fields:
    path, one, two = _PATH.search(text), _SHA1.search(text), _SHA256.search(text)
    found = {"path": path and path[1].split(" (")[0].strip(), "sha1": one and one[1], "sha256": two and two[1]}
    return {name: value for name, value in found.items() if value}


def _exclusion(text: str) -> Fields:
    left, _, right = text.partition("[Exclusion]")[2].partition(" -> ")
    return {"path": left.strip(), "device_path": right.strip()}


def _filter(text: str) -> Fields:
    out = _marked(text, _FILTER)
    what = text.partition("[Mini-filter]")[2].partition(" Process:")[0]
    label, _, path = what.partition(":")
    return {"what": label.strip(), "path": path.strip().removeprefix("\\\\?\\"), **out}


def _original(text: str) -> Fields:
    found = _QUOTED.search(text)
    return {"original_name": found[1], "path": found[2]} if found else {}


def _reported(text: str) -> Fields:
    for mark in ("lowfi:", "threat:"):
        if mark in text:
            return {"verdict": mark[:-1], "command": text.partition(mark)[2].strip()}
    return {}


def _image(text: str) -> Fields:
    return _marked(text, _IMAGE)


_FAMILIES: tuple[tuple[str, tuple[str, ...], Callable[[str], Fields]], ...] = (
    ("detection", ("DETECTION", "ThreatName"), _detection),
    ("sdn", ("SDN:",), _sdn),
    ("exclusion", ("[Exclusion]",), _exclusion),
    ("process", ("ProcessImageName:",), _image),
    ("filter", ("[Mini-filter]",), _filter),
    ("original_name", ("original file name",), _original),
    ("report", ("lowfi:", "threat:"), _reported),
    ("rtp", ("[RTP]", "RTP "), lambda _: {}),
)
_WORDS = {
    "detection": "Defender detected",
    "sdn": "Defender asked its cloud about",
    "exclusion": "Defender leaves out",
    "process": "Defender saw at work",
    "filter": "Defender's file filter:",
    "original_name": "Defender noticed another original name:",
    "report": "Defender's engine reported",
    "rtp": "Defender's real-time protection:",
    "setting": "Defender noted",
    "other": "Defender logged",
}
_ACTS = {"detection": "detected", "filter": "scanned", "process": "executed", "exclusion": "excluded"}


def _moment(stamp: re.Match[str]) -> Moment:
    """The time of a dated line: UTC, or by the distance it states; without either only the bounds are known."""
    found = times.iso_ns(stamp[1])
    text, zone = stamp[0].strip(), stamp[2] or ""
    if found is None:
        return Moment(None, 0, text)
    ns, resolution = found
    if not zone:
        hour = 60 * _MINUTE
        return Moment(None, resolution, text, "not stated", low=ns - 14 * hour, high=ns + 12 * hour)
    if zone == "Z":
        return Moment(ns, resolution, text)
    away = (int(zone[1:3]) * 60 + int(zone[4:6])) * _MINUTE
    return Moment(ns - away if zone[0] == "+" else ns + away, resolution, text, f"UTC{zone} by the line")


def _local(text: str, job: Job) -> Moment:
    """The local time in an undated line, by the server's zone."""
    found = _LOCAL.search(text)
    if not found:
        return NO_TIME
    month, day, year, hour, minute, second = map(int, found.groups())
    reading = wall(year, month, day, hour, minute, second)
    if reading is None or abs(wall_ns(reading)) > 1 << 62:
        return NO_TIME
    return local_moment(reading, found[0], job.host.zone)


def read(text: str, job: Job) -> Said | None:
    """What one line says; None where it has neither a date nor a name before a colon."""
    part = text[:_LOOKED_AT]
    stamp = _STAMP.match(part)
    if stamp:
        return _dated(_moment(stamp), part[stamp.end() :], text[stamp.end() :])
    named = _NAMED.fullmatch(part.strip())
    family, fields = _family(part)
    if named is None and family == "other":
        return None
    if family == "other" and named is not None:
        family, fields = "setting", {"name": named[1].strip(), "value": named[2].strip()}
    return _said(_local(part, job), family, fields, text)


def _dated(when: Moment, part: str, whole: str) -> Said:
    family, fields = _family(part)
    return _said(when, family, fields, whole)


def _family(text: str) -> tuple[str, Fields]:
    for family, marks, take in _FAMILIES:
        if any(mark in text for mark in marks):
            return family, take(text)
    return "other", {}


def _said(when: Moment, family: str, fields: Fields, text: str) -> Said:
    path = fields.get("path") or (fields.get("resource") if _is_file(fields) else None)
    named = [fields.get(n, "") for n in ("threat", "resource", "ProcessImageName", "what", "path", "command")]
    words = " ".join(filter(None, dict.fromkeys(named))) or text.strip()
    return Said(
        when=when,
        act=_ACTS.get(family, "logged"),
        subject=f"{_WORDS[family]} {words}",
        data={"family": family, "text": text, **fields},
        pivots={
            "process": fields.get("ProcessImageName") or fields.get("Process"),
            "command": fields.get("command"),
            "file_path": path,
            "sha256": fields["sha256"].lower() if "sha256" in fields else None,
        },
    )


def _is_file(fields: Mapping[str, str]) -> bool:
    return fields.get("resource_type") in ("file", "containerfile", "webfile")


LOG = LineLog(kind="windows.defender.log", read=read, pivots=("process", "command", "file_path", "sha256"), expected="")


def parse(job: Job) -> Iterator[ParserOutput]:
    """One event for every line that is not empty, and the ledger."""
    yield from LOG.parse(job)


def recognises(head: bytes, path: str) -> bool:
    """By its name, which no other log has; a file without any text is none."""
    name = path.rpartition("\\")[2].upper()
    known = name.startswith(("MPLOG", "MPDETECTION", "MPCMDRUN")) and name.endswith((".LOG", ".BAK"))
    return known and bool(head.strip(b"\0"))


PARSER = Parser(
    name="windows.defender.log",
    version=1,
    definitions=("DefenderFiles",),
    yields=(
        Kind(
            name="windows.defender.log",
            fields={
                **RAW_LINE,
                "family": "detection, sdn, exclusion, process, filter, original_name, report, rtp, setting or other",
                "text": "the line without its time",
                "threat": "name of the threat",
                "resource_type": "file, process, regkey …",
                "resource": "what was detected",
                "detection_source": "who found it, or what was done",
                "path": "the file",
                "device_path": "the file by its device",
                "sha1": "SHA-1 Defender sent",
                "sha256": "SHA-256 Defender sent",
                "what": "what the file filter did",
                "original_name": "name in the program's version resource",
                "verdict": "lowfi or threat",
                "command": "command line",
                "name": "name before the colon of an undated line",
                "value": "what follows it",
                **{name: f"{name} of the line" for name in (*_FILTER, *_IMAGE)},
            },
        ),
    ),
    recognises=recognises,
    context=text_headers,
    parse=parse,
    split=split,
    tier=1,
)
