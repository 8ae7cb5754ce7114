"""`Zone.Identifier` streams: where a browser, mail program or unpacker got a file from."""

from __future__ import annotations

from collections.abc import Iterator

from parsers.small import DIGEST, NO_TIME, Damage, Part, Said, digest, tell, whole
from parsers.textparts import fields_of
from shellcase.model import Issue, Job, Kind, Parser, ParserOutput, Value

MARK = "ntfs.zone_identifier"
ZONES = {"0": "this machine", "1": "intranet", "2": "trusted", "3": "internet", "4": "restricted"}
_KNOWN = ("ZoneId", "ReferrerUrl", "HostUrl", "HostIpAddress", "LastWriterPackageFamilyName", "AppZoneId")
_END = ":zone.identifier"


def _decode(raw: bytes, part: Part, job: Job) -> Iterator[Said | Issue]:
    values = fields_of(raw)
    zone = values.get("ZoneId", "")
    if not zone and not any(name in values for name in _KNOWN):
        raise Damage("this stream names no zone", "[ZoneTransfer] with ZoneId", raw[:60].decode("latin-1"))
    file = job.source.path[: -len(_END)] if job.source.path.lower().endswith(_END) else job.source.path
    source = values.get("HostUrl") or values.get("ReferrerUrl")
    data: dict[str, Value] = {name: values[name] for name in _KNOWN if name in values}
    rest = {name: value for name, value in values.items() if name not in _KNOWN}
    yield Said(
        when=NO_TIME,
        act="marked",
        kind=MARK,
        subject=f"{file} came from the zone {ZONES.get(zone, zone or '?')}{f': {source}' if source else ''}",
        data={**data, "zone": ZONES.get(zone, ""), "other": rest, "record_sha256": digest(raw)},
        pivots={"file_path": file, "url": source},
    )


def parse(job: Job) -> Iterator[ParserOutput]:
    """One event for the stream. It has no time: those of the file are in the $MFT."""
    yield from tell(job, whole, _decode, 1 << 20)


def recognises(head: bytes, path: str) -> bool:
    """By the name of the stream, or by its section in a copy of it."""
    return bool(head) and (path.lower().endswith(_END) or head[:14] == b"[ZoneTransfer]")


PARSER = Parser(
    name="ntfs.zone_identifier",
    version=1,
    definitions=(
        "DroppedScripts",
        "ExchangeWebFolders",
        "MemoryDumpFiles",
        "RecycleBin",
        "ResponderTraces",
        "StagedArchives",
        "StartupItems",
        "UserLnk",
        "WebRoots",
    ),
    yields=(
        Kind(
            name=MARK,
            fields={
                "ZoneId": "number of the zone",
                "zone": "the zone in words",
                "HostUrl": "where it was loaded from",
                "ReferrerUrl": "page that led there, or archive it was unpacked from",
                "HostIpAddress": "address of the host",
                "LastWriterPackageFamilyName": "app that wrote it",
                "AppZoneId": "zone that the app gave",
                "other": "further names and values",
                **DIGEST,
            },
        ),
    ),
    recognises=recognises,
    parse=parse,
)
