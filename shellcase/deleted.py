"""The report's table of deleted pages, scripts, dumps and archives: recovered, or only their deletion known."""

from __future__ import annotations

from collections.abc import Iterable

from shellcase.cited import NS, iso_of
from shellcase.model import Item
from shellcase.result import DeletedFile
from shellcase.timeline import Timeline
from shellcase.zones import Zone, local

_ENDINGS = "aspx|ashx|asmx|asp|cshtml|svc|ps1|bat|cmd|js|vbs|dmp|mdmp|zip|7z|rar|cab|exe|dll"
_SHOWN = 200
_SQL = f"""
SELECT file_path, max({NS}) AS ns, max(ts_resolution_ns) AS ts_resolution_ns, arg_max(event_id, {NS}) AS event_id
FROM timeline
WHERE kind = 'ntfs.usn.record' AND act = 'deleted' AND copy_of IS NULL
  AND regexp_matches(file_path, '(?i)\\.({_ENDINGS})$')
GROUP BY file_path ORDER BY ns, file_path LIMIT {_SHOWN}
"""  # noqa: S608 - constants


def deleted_files(timeline: Timeline, items: Iterable[Item], zone: Zone | None) -> tuple[DeletedFile, ...]:
    """Deletions that the change journal records, and recovered files whose deletion it no longer covers."""
    recovered: dict[str, list[Item]] = {}
    for item in items:
        if item.state == "recovered":
            recovered.setdefault(item.path.lower(), []).append(item)
    rows = [
        DeletedFile(
            path=row["file_path"],
            time=iso_of(row),
            local="" if row["ns"] is None else local(row["ns"], zone),
            event=row["event_id"],
            items=tuple(_named(i) for i in recovered.pop(row["file_path"].lower(), [])),
        )
        for row in timeline.query(_SQL).to_pylist()
    ]
    rest = sorted((found for same in recovered.values() for found in same), key=lambda i: i.item)
    return (*rows, *(DeletedFile(path=i.path, time="", local="", event="", items=(_named(i),)) for i in rest))


def _named(item: Item) -> str:
    return f"{item.item} ({item.size} bytes, grade {item.grade}, SHA-256 {item.sha256})"
