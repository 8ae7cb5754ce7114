"""Hours that are missing from one log of a web server while its other logs went on.

A file's name says nothing here: a log that was deleted and begun again has all its names. What counts is that requests
of one kind come with requests of the others. Over all other hours a log has a share of what the others have; by that
share some number of records is to be expected in any stretch of hours. Told is a stretch without any where at least
`EXPECTED` were to be expected, and `UNUSUAL` times as many as in nine of ten of the log's other quiet stretches: people
sleep, and a log that only people fill is quiet every night. What is quiet as often as that cannot be told from a gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby

from shellcase.coverage.record import Gap
from shellcase.exporting.rows import iso
from shellcase.timeline import Timeline

EXPECTED = 20
UNUSUAL = 3
_HOURS = r"""
SELECT source_id AS source, epoch_us(ts) // 3600000000 AS hour, count(*) AS n,
  CASE kind WHEN 'exchange.httpproxy.request' THEN 'HttpProxy ' ELSE 'IIS ' END
    || regexp_extract(path, '([^\\/]+)[\\/][^\\/]+$', 1) AS log
FROM timeline WHERE kind IN ('exchange.httpproxy.request', 'iis.request') AND ts IS NOT NULL AND copy_of IS NULL
  AND state = 'live'
GROUP BY ALL ORDER BY ALL
"""
_Counts = Mapping[int, int]


def gaps(timeline: Timeline) -> tuple[Gap, ...]:
    """All such stretches, by source, log and time."""
    rows = timeline.query(_HOURS).to_pylist()
    found = list[Gap]()
    for source, of_source in groupby(sorted(rows, key=lambda r: (r["source"], r["log"])), key=lambda r: r["source"]):
        logs = {log: {r["hour"]: r["n"] for r in hours} for log, hours in groupby(of_source, key=lambda r: r["log"])}
        for log in logs:
            found += _of_log(source, log, logs)
    return tuple(found)


def _of_log(source: str, log: str, logs: Mapping[str, _Counts]) -> Iterator[Gap]:
    own = logs[log]
    others = dict[int, int]()
    for other, hours in logs.items():
        if other != log:
            for hour, count in hours.items():
                others[hour] = others.get(hour, 0) + count
    first, last = min(own), max(own)
    beside = sum(n for hour, n in others.items() if first <= hour <= last)
    whole = sum(own.values())
    stretches = [(stretch, sum(others[h] for h in stretch)) for stretch in _stretches(sorted(others), own)]
    quiet = [(s, total, whole * total / max(1, beside - total * (first < s[0] < last))) for s, total in stretches]
    inside = sorted(expected for stretch, _total, expected in quiet if first < stretch[0] < last)
    for stretch, total, expected in quiet:
        if expected >= max(EXPECTED, UNUSUAL * _usual(inside, expected)):
            where = "before the first record" if stretch[-1] < first else "between two records"
            yield Gap(
                source=source,
                log=log,
                begin=_hour(stretch[0]),
                end=_hour(stretch[-1] + 1),
                hours=stretch[-1] + 1 - stretch[0],
                others=total,
                expected=round(expected),
                where="after the last record" if stretch[0] > last else where,
            )


def _usual(quiet: list[float], own: float) -> float:
    """What nine of ten other quiet stretches stay below; small ones, of less than a record, are no quiet."""
    others = [q for q in quiet if q >= 1]
    if own in others:
        others.remove(own)
    return others[len(others) * 9 // 10] if others else 0


def _stretches(hours: Sequence[int], own: _Counts) -> Iterator[list[int]]:
    """Hours in which others have something, as far as no hour of this log lies between them."""
    for empty, stretch in groupby(_marked(hours, own), key=lambda pair: pair[0]):
        if empty >= 0:
            yield [hour for _mark, hour in stretch]


def _marked(hours: Sequence[int], own: _Counts) -> Iterator[tuple[int, int]]:
    """Each hour with how many hours of this log lie before it; -1 for hours that this log has."""
    mine = sorted(own)
    at = 0
    for hour in hours:
        while at < len(mine) and mine[at] < hour:
            at += 1
        yield (-1 if hour in own else at), hour


def _hour(hour: int) -> str:
    return iso(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=hour), 0, 10**9)
