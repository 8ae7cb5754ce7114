"""The text that Exchange writes when a virtual directory is reset, with a script in its ExternalUrl: the web shell.

One property per line: its name padded to 32 columns, a colon, the value; further values of the same property follow
on lines of their own, indented. Times are the culture's text: month first as in the published cases; where that
cannot be, day first or year first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from shellcase.model import Issue, Moment
from shellcase.zones import Zone, utc

_LINE = re.compile(r"([A-Za-z]\w{1,60}) *: ?(.*)", re.DOTALL)
_COLUMN = 32
_TYPICAL = frozenset(
    [
        "Name", "MetabasePath", "Path", "Server", "InternalUrl", "InternalAuthenticationMethods", "ExternalUrl",
        "ExternalAuthenticationMethods", "AdminDisplayVersion", "ExchangeVersion", "DistinguishedName", "Identity",
        "Guid", "ObjectCategory", "ObjectClass", "WhenChanged", "WhenChangedUTC", "OriginatingServer",
    ]
)  # fmt: skip
_ENOUGH = 6
_MOST_FIELDS = 256
_MOST_VALUE = 65_536
_TIME = re.compile(
    r"(\d{1,4})[-/. ]{1,2}(\d{1,2})[-/. ]{1,2}(\d{1,4})\.? (\d{1,2}):(\d\d):(\d\d)(?:\s?([AaPp])\.?[Mm]\.?)?"
)
_FARTHEST = timedelta(hours=14, minutes=1)
_SECOND = 10**9


def fields(text: str) -> dict[str, str]:
    """Properties by their printed names, several values joined by line feeds; empty where this is no export."""
    out: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        match = _property(line)
        if match and len(out) < _MOST_FIELDS:
            name = match[1] if match[1] not in out else f"{match[1]}#{len(out)}"
            out[name] = match[2]
        elif name and len(out[name]) < _MOST_VALUE and line.strip():
            out[name] = f"{out[name]}\n{line.strip()}".strip("\n")
    return out if len(_TYPICAL & out.keys()) >= _ENOUGH else {}


def _property(line: str) -> re.Match[str] | None:
    match = _LINE.match(line)
    return match if match and line.find(":") >= _COLUMN else None


def is_export(head: bytes) -> bool:
    """Whether the first bytes of a file are such a text."""
    return bool(fields(head.replace(b"\0", b"").decode("utf-8", "replace")))


def when(found: dict[str, str], zone: Zone | None) -> tuple[Moment, list[Issue]]:
    """The instant of the change, and what does not agree about it."""
    text, local_text = found.get("WhenChangedUTC", "").strip(), found.get("WhenChanged", "").strip()
    local = list(_readings(local_text))
    for reading in _readings(text):
        if not local or any(abs(reading - other) <= _FARTHEST for other in local):
            return Moment(_ns(reading), _SECOND, text), list(_check(reading, local, local_text, zone))
    if text:
        odd = Issue(grade="odd", what="WhenChangedUTC cannot be read, or is far from WhenChanged", found=text)
        return Moment(None, _SECOND, text), [odd]
    return _from_local(local, local_text, zone)


def _readings(text: str) -> Iterator[datetime]:
    """The readings of a culture's time: month first, then day first; year first where it starts with one."""
    match = _TIME.fullmatch(text)
    if not match:
        return
    one, two, three, hour, minute, second = (int(part) for part in match.groups()[:6])
    if match[7]:
        hour = hour % 12 + (12 if match[7] in "Pp" else 0)
    for year, month, day in dict.fromkeys([(three, one, two), (three, two, one), (one, two, three)]):
        try:
            reading = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - the caller knows the zone
        except ValueError:
            continue
        if year >= 1970:
            yield reading


def _ns(naive: datetime) -> int:
    return int((naive - datetime(1970, 1, 1)).total_seconds()) * _SECOND  # noqa: DTZ001 - whole seconds, both naive


def _check(reading: datetime, local: list[datetime], text: str, zone: Zone | None) -> Iterator[Issue]:
    """The pair of times shows the server's offset; it should be the one that its registry says."""
    if zone is None or not local:
        return
    expected = [zone.to_utc(other) for other in local]
    if not any(_ns(reading) in (i.ns, i.low, i.high) for i in expected):
        yield Issue(
            grade="odd",
            what="WhenChanged and WhenChangedUTC do not fit the time zone of this machine",
            expected=f"{text} = {utc(expected[0].ns):%Y-%m-%dT%H:%M:%SZ} by {zone.key}",
            found=f"{reading:%Y-%m-%dT%H:%M:%SZ}",
        )


def _from_local(local: list[datetime], text: str, zone: Zone | None) -> tuple[Moment, list[Issue]]:
    if not local or zone is None:
        why = "the time zone of the machine is not known" if local else "the export has no time that can be read"
        return Moment(None, _SECOND, text), [Issue(grade="odd", what=why, found=text)]
    instant = zone.to_utc(local[0])
    how = f"{zone.key} ({zone.how})"
    return Moment(instant.ns, _SECOND, text, zone=how, low=instant.low, high=instant.high), []
