"""Events as rows of texts: instants in ISO 8601 with the digits the evidence has, UTC first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pyarrow as pa

from shellcase.errors import UsageError

Row = dict[str, object]
LOCAL = "ts_local"
"""The second column of time, where a zone is asked for; it stands behind `ts`."""


def iso(ts: datetime | None, ts_ns: int | None = 0, resolution_ns: int | None = 1000) -> str:
    """ISO 8601 with Z and as many digits as the source has: seconds, milliseconds, 100 ns, else nanoseconds."""
    if ts is None:
        return ""
    whole = ts.strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f"{ts.microsecond:06d}{ts_ns or 0:03d}"
    resolution = resolution_ns or 1
    steps = ((10**9, 0), (10**6, 3), (10**3, 6), (100, 7))
    digits = next((d for unit, d in steps if resolution >= unit), 9)
    while digits < 9 and fraction[digits:].strip("0"):  # never hide a digit the record has
        digits += 1
    return f"{whole}.{fraction[:digits]}Z" if digits else f"{whole}Z"


def zone_of(name: str) -> ZoneInfo | None:
    """The zone of an IANA name; None for an empty one. UsageError for a name that no zone has."""
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError("there is no such time zone", name, "give an IANA name such as Europe/Berlin") from error


def rows(batches: Iterator[pa.RecordBatch], zone: ZoneInfo | None = None) -> Iterator[Row]:
    """Rows as text-ready mappings: `ts` with the digits the evidence has, `ts_ns` dropped into it.

    With a zone, `ts_local` says the same instant with that zone's offset, right behind `ts`.
    """
    for batch in batches:
        for row in batch.to_pylist():
            instant, ns, resolution = row["ts"], row.pop("ts_ns"), row["ts_resolution_ns"]
            row["ts"] = iso(instant, ns, resolution)
            row["ts_low"], row["ts_high"] = iso(row["ts_low"]), iso(row["ts_high"])
            yield _with_local(row, instant, zone) if zone else row


def _with_local(row: Row, instant: datetime | None, zone: ZoneInfo) -> Row:
    found = Row()
    for name, value in row.items():
        found[name] = value
        if name == "ts":
            found[LOCAL] = in_zone(instant, str(value), zone)
    return found


def in_zone(instant: datetime | None, text: str, zone: ZoneInfo) -> str:
    """The instant of an ISO text in a zone, offset included; the fraction is the text's own. Empty for no instant."""
    if instant is None:
        return ""
    local = instant.astimezone(zone)
    offset = local.strftime("%z")
    return f"{local.strftime('%Y-%m-%dT%H:%M:%S')}{text[19:-1]}{offset[:3]}:{offset[3:5]}"
