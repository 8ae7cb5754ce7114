"""What is known, day by day, of this computer's clock against the clocks of others.

- The time service corrected it: what it added is what the clock was behind.
- Mail servers greet with their own date and time (`220 … Tue, 2 Mar 2021 10:15:13 +0000`: Exchange, Exim and Sendmail
  as they come); the log of sent mail has the greeting beside this computer's time.
- The ids of incoming mail hold the time at which the sender's server made them, in UTC: Postfix writes
  `YYYYMMDDhhmmss.queue-id@`, JavaMail `….milliseconds@`. A mail cannot arrive before that.
- A file that was downloaded cannot be younger than the download: BITS keeps the file's time on the other server. Only
  those who publish updates count; who serves an attacker's file may say what he likes.

The last two bound the clock on one side only. A clock of one stranger proves nothing: three servers are needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from statistics import median

from shellcase.coverage.clocks import changes
from shellcase.coverage.record import TrueTime
from shellcase.timeline import Timeline

LEAST_SERVERS = 3
_LIVE = "state = 'live' AND copy_of IS NULL AND ts IS NOT NULL"
_DAY, _APART = "strftime(ts, '%Y-%m-%d')", "(epoch_us(other) - epoch_us(ts)) / 1e6"
_SYNCED = f"""
SELECT source_id AS source, {_DAY} AS day,
  min(coalesce(data->'$.EventData'->>'TimeSource', 'a time source')) AS time_source
FROM timeline WHERE kind = 'windows.evtx.record' AND provider = 'Microsoft-Windows-Time-Service' AND event_code = '35'
  AND {_LIVE}
GROUP BY ALL ORDER BY ALL
"""  # noqa: S608 — made of constants
_GREETINGS = rf"""
WITH told AS (
  SELECT source_id AS source, ts, data->>'$.remote_address' AS name, regexp_extract(data->>'$.data',
    '^"?220[ -].*?(\d{{1,2}} [A-Z][a-z][a-z] \d{{4}} \d\d:\d\d:\d\d (?:[+-]\d{{4}}|GMT|UTC))', 1) AS said
  FROM timeline WHERE kind = 'exchange.smtp.send' AND data->>'$.event' = '<' AND {_LIVE}),
both_times AS (
  SELECT *, try_strptime(replace(replace(said, 'GMT', '+0000'), 'UTC', '+0000'), '%d %b %Y %H:%M:%S %z') AS other
  FROM told WHERE said <> '')
SELECT source, {_DAY} AS day, name, median({_APART}) AS seconds FROM both_times
WHERE other IS NOT NULL AND name IS NOT NULL GROUP BY ALL ORDER BY ALL
"""  # noqa: S608 — made of constants
_MAILS = rf"""
WITH told AS (
  SELECT source_id AS source, ts, data->>'$.message-id' AS said
  FROM timeline WHERE kind = 'exchange.tracking.event' AND data->>'$.event-id' = 'RECEIVE'
    AND data->>'$.source' = 'SMTP' AND {_LIVE}),
parts AS (
  SELECT *, lower(regexp_extract(said, '@([^<>@\s]+)>$', 1)) AS name,
    regexp_extract(said, '^<(20\d{{12}})\.[0-9A-Za-z]{{6,}}@', 1) AS stamp,
    regexp_extract(said, '^<[^<>@\s]*\.(1\d{{12}})(?:\.JavaMail\.[^<>@\s]*)?@', 1) AS millis
  FROM told),
both_times AS (
  SELECT *, coalesce(try_strptime(stamp || '+0000', '%Y%m%d%H%M%S%z'),
    make_timestamptz(try_cast(millis AS BIGINT) * 1000)) AS other
  FROM parts WHERE stamp <> '' OR millis <> '')
SELECT source, {_DAY} AS day, name, max({_APART}) AS seconds FROM both_times
WHERE other IS NOT NULL AND name <> '' GROUP BY ALL ORDER BY ALL
"""  # noqa: S608 — made of constants
_DOWNLOADS = rf"""
WITH both_times AS (
  SELECT source_id AS source, ts, lower(regexp_extract(data->'$.EventData'->>'url',
      '^(?i:https?)://([0-9A-Za-z.-]+)(?:[:/?#]|$)', 1)) AS name,
    try_cast(data->'$.EventData'->>'fileTime' AS TIMESTAMPTZ) AS other
  FROM timeline WHERE kind = 'windows.evtx.record' AND provider = 'Microsoft-Windows-Bits-Client'
    AND event_code IN ('59', '60', '61') AND {_LIVE})
SELECT source, {_DAY} AS day, name, max({_APART}) AS seconds FROM both_times
WHERE other > TIMESTAMPTZ '1990-01-01 00:00:00+00' GROUP BY ALL ORDER BY ALL
"""  # noqa: S608 — made of constants

_PUBLISHERS = re.compile(
    r"(?:^|\.)(?:microsoft|windowsupdate|office|live|google|gvt1|mozilla|adobe)\.(?:com|net|org)$", re.ASCII
)


def true_time(timeline: Timeline) -> tuple[TrueTime, ...]:
    """By source and day: of each kind of other clock one line. What is positive: this computer's clock was behind."""
    found = [*_service(timeline), *_greeted(timeline), *_mailed(timeline), *_downloaded(timeline)]
    return tuple(sorted(found, key=lambda t: (t.source, t.day, t.by)))


# -- the time service --------------------------------------------------------------------------------------------------


def _service(timeline: Timeline) -> Iterator[TrueTime]:
    """The middle of what it corrected, or that it compared."""
    by_day: dict[tuple[str, str], list[float]] = {}
    for row in changes(timeline):
        if row.time_service:
            by_day.setdefault((row.source, row.old.strftime("%Y-%m-%d")), []).append(row.seconds)
    for (source, day), moved in by_day.items():
        yield TrueTime(source=source, day=day, by="time service", seconds=_round(median(moved)), how=_corrected(moved))
    for synced in timeline.query(_SYNCED).to_pylist():
        if (synced["source"], synced["day"]) not in by_day:
            how = f"the time service took time from {synced['time_source']}; it does not say how far the clock was off"
            yield TrueTime(source=synced["source"], day=synced["day"], by="time service", seconds=None, how=how)


def _corrected(moved: list[float]) -> str:
    often = "once" if len(moved) == 1 else f"{len(moved)} times, the middle of them"
    return f"set by the time service {often}; what it added is what the clock was behind"


# -- mail servers ------------------------------------------------------------------------------------------------------


def _greeted(timeline: Timeline) -> Iterator[TrueTime]:
    """The middle of the servers' middles."""
    for source, day, servers in _days(timeline, _GREETINGS, _outside):
        middles = sorted(servers.values())
        if len(middles) < LEAST_SERVERS:
            how = f"greetings of {_servers(len(middles))} with a time of their own: too few to tell"
            yield TrueTime(source=source, day=day, by="mail servers", seconds=None, how=how)
            continue
        spread = f"from {middles[0]:+.0f} to {middles[-1]:+.0f} s"
        how = f"the times in the greetings of {_servers(len(middles))} outside, the middle of them; {spread}"
        yield TrueTime(source=source, day=day, by="mail servers", seconds=_round(median(middles)), how=how)


def _outside(address: str) -> bool:
    """Machines of the same network take their time from the same place, so they say nothing."""
    try:
        return ip_address(address.strip("[]")).is_global
    except ValueError:
        return False


def _servers(count: int) -> str:
    return "one mail server" if count == 1 else f"{count} mail servers"


def _mailed(timeline: Timeline) -> Iterator[TrueTime]:
    """The third of the shortest ways that mails of different senders took: two senders' clocks may be wrong."""
    for source, day, senders in _days(timeline, _MAILS):
        if len(senders) >= LEAST_SERVERS:
            how = f"times in the ids of mails of {len(senders)} senders' servers; a mail cannot arrive before its time"
            bound = _round(-sorted(senders.values(), reverse=True)[LEAST_SERVERS - 1])
            yield TrueTime(source=source, day=day, by="ids of mails", seconds=None, ahead_at_most=bound, how=how)


# -- downloads ---------------------------------------------------------------------------------------------------------


def _downloaded(timeline: Timeline) -> Iterator[TrueTime]:
    """The youngest file of each day."""
    for source, day, hosts in _days(timeline, _DOWNLOADS, lambda host: _PUBLISHERS.search(host) is not None):
        host = max(hosts, key=lambda name: (hosts[name], name))
        how = f"the time of a file that was downloaded from {host}; a file cannot be younger than its download"
        bound = _round(-hosts[host])
        yield TrueTime(source=source, day=day, by="downloads", seconds=None, ahead_at_most=bound, how=how)


# -- all of them -------------------------------------------------------------------------------------------------------


def _days(
    timeline: Timeline, query: str, counts: Callable[[str], bool] = lambda _name: True
) -> Iterator[tuple[str, str, dict[str, float]]]:
    """By source and day: what each other machine that counts says, in seconds that it is before this one."""
    gathered: dict[tuple[str, str], dict[str, float]] = {}
    for row in timeline.query(query).to_pylist():
        if counts(row["name"]):
            gathered.setdefault((row["source"], row["day"]), {})[row["name"]] = row["seconds"]
    for (source, day), names in sorted(gathered.items()):
        yield source, day, names


def _round(seconds: float) -> float:
    return round(seconds, 6)
