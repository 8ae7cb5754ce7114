"""The records of `coverage.json`. Instants are ISO 8601 texts in UTC with the digits of the evidence."""

from __future__ import annotations

from msgspec import Struct

SCHEMA = "shellcase.coverage/1"


class Gap(Struct, frozen=True, kw_only=True):
    """Hours without a record of a log in which other logs of the same web server had requests.

    `begin` and `end` bound whole hours. `others`: requests the other logs have in them; `expected`: how many of
    this log would go with them at its share of all other hours. `where`: between two
    records, before the first, after the last.
    """

    source: str
    log: str
    begin: str
    end: str
    hours: int
    others: int
    expected: int
    where: str


class Jump(Struct, frozen=True, kw_only=True):
    """Numbers of records that a channel does not have, between two that it has."""

    source: str
    channel: str
    missing: int
    last_id: int
    last: str
    next_id: int
    next: str


class Cleared(Struct, frozen=True, kw_only=True):
    """A record that a log was cleared; `log` is the one named in it, `user` who did it by its account."""

    source: str
    log: str
    ts: str
    user: str
    event_id: str


class ClockChange(Struct, frozen=True, kw_only=True):
    """The clock was set. `seconds`: new minus old, forwards is positive. `by`: the program, as the record names it."""

    source: str
    ts: str
    seconds: float
    by: str
    time_service: bool
    event_id: str


class Reversal(Struct, frozen=True, kw_only=True):
    """Two records of a channel, the later number with the earlier time: the clock went back by at least `seconds`."""

    source: str
    channel: str
    record: int
    ts: str
    before: str
    seconds: float


class Skew(Struct, frozen=True, kw_only=True):
    """How far the times of two logs lie apart for the same request, which both name by one id: second minus first."""

    source: str
    first: str
    second: str
    pairs: int
    median: float
    low: float
    high: float


class TrueTime(Struct, frozen=True, kw_only=True):
    """What is known of the clock against one kind of other clocks on one day: in seconds, positive is behind.

    `seconds` None: only compared, or only bounded. `ahead_at_most`: the clock was not further ahead of true time than
    that; below zero, it was behind by at least so much.
    """

    source: str
    day: str
    by: str
    seconds: float | None
    how: str
    ahead_at_most: float | None = None


class Retention(Struct, frozen=True, kw_only=True):
    """How long a log is told to be kept, as a setting on the disk says, and what is there of it.

    `place`: the key or file of the setting. `first`, `last`: of the log's live records, empty where none was read;
    `days` lie between them.
    """

    source: str
    log: str
    configured: str
    place: str
    event_id: str
    first: str
    last: str
    days: float | None


class NotOnSystem(Struct, frozen=True, kw_only=True):
    """A kind of artefact that this version of Windows does not make."""

    source: str
    artefact: str
    reason: str


class CoverageAccount(Struct, frozen=True, kw_only=True):
    """All of it. `jump_count` and the like tell how many there are; the lists hold the largest, in order of time."""

    schema: str = SCHEMA
    gaps: tuple[Gap, ...] = ()
    jumps: tuple[Jump, ...] = ()
    jump_count: int = 0
    missing_records: int = 0
    cleared: tuple[Cleared, ...] = ()
    clock_changes: tuple[ClockChange, ...] = ()
    clock_change_count: int = 0
    reversals: tuple[Reversal, ...] = ()
    reversal_count: int = 0
    skew: tuple[Skew, ...] = ()
    true_time: tuple[TrueTime, ...] = ()
    retention: tuple[Retention, ...] = ()
    not_on_system: tuple[NotOnSystem, ...] = ()
