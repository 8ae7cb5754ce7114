r"""Shortcuts (`*.lnk`): which file was opened or is started, on which machine and volume, with which arguments.

Windows writes them itself into `Recent` when a user opens a file. Times inside are those of the target when the link
was written last; when that was, the link's own file times tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from uuid import UUID

from parsers.execution import shellitems
from parsers.execution.shelllink import HEAD, Link, Tracker, read
from parsers.small import DIGEST, NO_TIME, Part, Said, digest, odd, tell, whole
from parsers.times import FILETIME_1970, filetime_moment
from shellcase.model import Issue, Job, Kind, Moment, Parser, ParserOutput, Span, Value

TARGET, ITEM, TRACKER = "windows.lnk.target", "windows.lnk.item", "windows.lnk.tracker"
_TICKS_1582 = 122_192_928_000_000_000  # from 1582-10-15, where UUID times begin, to 1970
_USER = re.compile(r"\\(?:Users|Documents and Settings)\\([^\\]+)\\", re.IGNORECASE)
_MOST = 4 << 20
_TIMES = ("created", "written", "accessed")


def user_of(path: str) -> str | None:
    """The name of the profile a file lies in."""
    match = _USER.search(path)
    return match[1] if match else None


def target_of(link: Link) -> str:
    """Where it points: the local path, else the share, the environment's path, or the steps to it."""
    if link.local:
        return link.local + link.suffix
    if link.share:
        return "\\".join(filter(None, (link.share, link.suffix)))
    return link.environment or shellitems.path_of(link.items) or link.texts.get("relative_path", "")


def said_of(link: Link, raw: bytes, span: Span, path: str, more: Mapping[str, Value] | None = None) -> Iterator[Said]:
    """All events of one link whose bytes are `raw` and lie at `span`; `more` goes into each one's data."""
    target, arguments = target_of(link), link.texts.get("arguments", "")
    base: dict[str, Value] = {"target": target, **(more or {}), "record_sha256": digest(raw)}
    user = user_of(path)
    pivots = {"file_path": target, "user": user, "command": f"{target} {arguments}" if arguments else None}
    about = f"link to {target or '(no target)'}{' ' if arguments else ''}{arguments}"
    for names, when in _instants(link):
        yield Said(
            when=when,
            act="linked",
            kind=TARGET,
            subject=f"{about}{': target ' if names else ''}{', '.join(names)}",
            data={**_fields(link), **base, "times": names},
            pivots=pivots,
            spans=(span,),
        )
    if link.tracker:
        yield _tracker(link.tracker, target, base, span)
    for item in link.items:
        yield from _item(item, base, span)


def _instants(link: Link) -> Iterator[tuple[list[str], Moment]]:
    by_tick: dict[int, list[str]] = {}
    for name in _TIMES:
        if tick := getattr(link, name):
            by_tick.setdefault(tick, []).append(name)
    for tick, names in by_tick.items():
        yield names, filetime_moment(tick)
    if not by_tick:
        yield [], NO_TIME


def _fields(link: Link) -> dict[str, Value]:
    told: dict[str, Value] = {
        "local_path": link.local + link.suffix if link.local else "",
        "share": link.share,
        "device": link.device,
        "drive_type": link.drive,
        "volume_serial": link.serial,
        "volume_label": link.label,
        "environment": link.environment,
        "shell_path": shellitems.path_of(link.items),
        **link.texts,
    }
    kept = {name: value for name, value in told.items() if value}
    return {**kept, "size": link.size, "attributes": f"0x{link.attributes:x}", "show": link.show, "blocks": link.blocks}


def uuid_moment(text: str) -> Moment | None:
    """When a version 1 UUID was made: about when its machine had started. None for UUIDs that hold no time."""
    number = UUID(text)
    if number.version != 1:
        return None
    return filetime_moment(number.time - _TICKS_1582 + FILETIME_1970, "first")


def _tracker(tracker: Tracker, target: str, base: dict[str, Value], span: Span) -> Said:
    when = uuid_moment(tracker.file)
    mac = ":".join(re.findall("..", tracker.file[-12:])) if when else None
    return Said(
        when=when or NO_TIME,
        act="tracked",
        kind=TRACKER,
        subject=f"{target or 'file'} was on machine {tracker.machine}{f' with network card {mac}' if mac else ''}",
        data={
            **base,
            "machine": tracker.machine,
            "mac": mac,
            "volume_id": tracker.volume,
            "file_id": tracker.file,
            "birth_volume_id": tracker.birth_volume,
            "birth_file_id": tracker.birth_file,
        },
        pivots={"file_path": target},
        spans=(span,),
    )


def _item(item: shellitems.Item, base: dict[str, Value], span: Span) -> Iterator[Said]:
    for name, when in shellitems.moments(item):
        yield Said(
            when=when,
            act=name,
            kind=ITEM,
            subject=f"{item.name} on the way to {base['target']}: {name}",
            data={**base, "name": item.name, "size": item.size, "record": item.record, "seq": item.sequence},
            spans=(span,),
        )


def _decode(raw: bytes, part: Part, job: Job) -> Iterator[Said | Issue]:
    link = read(raw)
    yield from said_of(link, raw, Span(part.offset, part.length), job.source.path)
    yield from issues_of(link, part)


def issues_of(link: Link, part: Part) -> Iterator[Issue]:
    """What is wrong with a link whose header was read."""
    for text in link.damage:
        yield Issue(grade="damaged", what=f"shell link is damaged {text}", offset=part.offset, length=part.length)
    if not link.damage and link.length < part.length:
        yield odd("bytes behind the end of the shell link", part, f"{link.length} bytes", f"{part.length} bytes")


def parse(job: Job) -> Iterator[ParserOutput]:
    """One event for each distinct time of the target, one for the tracker, one for each time of an item."""
    yield from tell(job, whole, _decode, _MOST)


def recognises(head: bytes, path: str) -> bool:
    """The header's size and class, or the name where the head is damaged."""
    return head[:20] == HEAD or (path.lower().endswith(".lnk") and bool(head))


TARGET_FIELDS: Mapping[str, str] = {
    "target": "the path it points to",
    "times": "which times of the target fell on this instant",
    "local_path": "path on a drive",
    "share": "network share",
    "device": "drive letter of the share",
    "drive_type": "fixed, removable, remote and others",
    "volume_serial": "serial number of the volume",
    "volume_label": "its label",
    "environment": "path with environment variables",
    "shell_path": "the path by its shell items",
    "name": "description",
    "relative_path": "path from the link to the target",
    "working_dir": "working folder",
    "arguments": "command line arguments",
    "icon": "where its icon is",
    "size": "bytes of the target",
    "attributes": "attributes of the target",
    "show": "how its window opens: 1 normal, 3 largest, 7 minimised",
    "blocks": "extra data blocks it has",
    **DIGEST,
}
TRACKER_FIELDS: Mapping[str, str] = {
    "target": "the path the link points to",
    "machine": "NetBIOS name of the machine the file was on last",
    "mac": "network card in the file's id",
    "volume_id": "id of the volume",
    "file_id": "id of the file; its time is about when that machine had started",
    "birth_volume_id": "id of the volume it was made on",
    "birth_file_id": "id it was made with",
    **DIGEST,
}
ITEM_FIELDS: Mapping[str, str] = {
    "target": "the path the link points to",
    "name": "file or folder of this step",
    "size": "its bytes",
    "record": "its $MFT entry",
    "seq": "and sequence number",
    **DIGEST,
}

PARSER = Parser(
    name="windows.lnk",
    version=1,
    definitions=("UserLnk", "DroppedScripts", "StartupItems"),
    yields=(
        Kind(name=TARGET, fields=TARGET_FIELDS),
        Kind(name=TRACKER, fields=TRACKER_FIELDS),
        Kind(name=ITEM, fields=ITEM_FIELDS),
    ),
    recognises=recognises,
    parse=parse,
)
