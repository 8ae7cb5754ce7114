"""Logs of several computers in one source: a folder with the logs of two servers was taken for one machine.

Collections of several machines are refused where their layout shows them. Loose logs have none; but each record of an
event log names its computer, and no computer writes two logs of one channel at the same time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import combinations

from shellcase.case import Case
from shellcase.clean import plain
from shellcase.model import Item
from shellcase.timeline import Timeline

_LOG = re.compile(r"(?i)(?:.*[^a-z])?(security|system|application)\.evtx")
_WHO = """
SELECT channel, path, min(ts) AS first, max(ts) AS last, arg_max(data->>'$.Computer', ts) AS computer FROM live
WHERE source_id = ? AND kind = 'windows.evtx.record' AND channel IN ('Security', 'System', 'Application')
  AND list_contains(?, path) AND ts IS NOT NULL AND data->>'$.Computer' <> ''
GROUP BY channel, path ORDER BY channel, path LIMIT 200
"""
_LONGEST = 100


def several_computers(case: Case) -> list[str]:
    """One sentence for each source that holds logs of several computers. Asks only where a log is there twice."""
    twice = {source: paths for source, paths in _logs(case.items()).items() if paths}
    if not twice:
        return []
    with closing(Timeline.connect(case.timeline_folder())) as timeline:
        return [said for source, paths in sorted(twice.items()) for said in _told(timeline, source, paths)]


def _logs(items: Iterable[Item]) -> dict[str, list[str]]:
    """Source → paths of logs whose name more than one live file has."""
    found: dict[tuple[str, str], list[str]] = {}
    for item in items:
        match = _LOG.fullmatch(item.path.rpartition("\\")[2])
        if match and item.cls == "evtx" and item.state == "live" and item.object is not None:
            found.setdefault((item.source, match[1].lower()), []).append(item.path)
    named: dict[str, list[str]] = {}
    for (source, _name), paths in found.items():
        named.setdefault(source, []).extend(paths if len(paths) > 1 else ())
    return named


def _told(timeline: Timeline, source: str, paths: list[str]) -> Iterator[str]:
    rows = timeline.query(_WHO, [source, paths]).to_pylist()
    at_once = [
        pair
        for pair in combinations(rows, 2)
        if pair[0]["channel"] == pair[1]["channel"]
        and _short(pair[0]["computer"]) != _short(pair[1]["computer"])
        and max(r["first"] for r in pair) <= min(r["last"] for r in pair)
    ]
    if at_once:
        names = sorted({str(row["computer"]) for pair in at_once for row in pair})
        where = ", ".join(plain(str(row["path"]), _LONGEST) for row in at_once[0])
        yield (
            f"{source} holds logs that {len(names)} computers wrote at the same time ({plain(', '.join(names), 300)}; "
            f"{where}): findings may join records of several machines; give each computer's files as their own source"
        )


def _short(computer: object) -> str:
    """The name without its domain, which it gets when it joins one."""
    return str(computer or "").partition(".")[0].casefold()
