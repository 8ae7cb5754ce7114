"""The table of key times: for each matter the record that carries it, not merely a finding's first record.

A reset's finding begins with the setting that was made before it; a page's finding begins with the change of the
setting that the page quotes. Each key time therefore names which of the cited records count.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from shellcase.cited import NS, local_of, parse_iso
from shellcase.model import Claim, Finding
from shellcase.result import KeyTime
from shellcase.timeline import Timeline
from shellcase.zones import Zone, iso

_SHOWN: tuple[Claim, ...] = ("confirmed", "suspicious")


class _Matter(Struct, frozen=True):
    label: str
    rules: tuple[str, ...]
    claims: tuple[Claim, ...] = _SHOWN
    records: str = "true"
    """SQL condition: which of the cited records carry the time."""


_MATTERS = (
    _Matter(
        "Earliest request of the kind used against the front-end flaw (attempt)",
        ("HP-01", "HP-02", "HP-03", "HP-04", "IS-02", "AP-01"),
        (*_SHOWN, "attempted"),
    ),
    _Matter("Earliest accepted back-end logon through it", ("HP-05",), ("confirmed",)),
    _Matter("First script put into a virtual directory's address", ("EC-01", "MM-01"), ("confirmed",)),
    _Matter(
        "First page created, or shipped page changed, without a legitimate origin",
        ("FS-01", "FS-02"),
        records="kind LIKE 'ntfs.%'",
    ),
    _Matter(
        "Virtual directory removed and made again (reset)",
        ("HP-07", "EC-03", "MM-02"),
        records="NOT regexp_matches(coalesce(command, ''), '(?i)^Set-')",
    ),
    _Matter("Address cleared again", ("EC-04",)),
    _Matter("First answered request to such a page", ("IS-05",)),
    _Matter("First program started by the web server", ("PX-01",)),
    _Matter("First command for, or access to, the memory of LSASS or a process", ("PS-01", "SE-02", "SY-01")),
    _Matter("First sign of an account being made or put into a group", ("PX-05",)),
    _Matter("First memory dump file", ("LD-01", "LD-02", "SY-02")),
    _Matter("First sign of an archive being staged", ("PX-08",)),
    _Matter("First sign of traces being hidden, removed or cleared", ("PX-17",)),
)

_FIRST = f"""
SELECT event_id, {NS} AS ns, coalesce(ts_resolution_ns, 100) AS resolution FROM timeline
WHERE event_id IN (SELECT unnest(?)) AND ts IS NOT NULL AND (CONDITION)
ORDER BY ts, ts_ns, source_id, event_id
"""  # noqa: S608 - constants


def key_times(timeline: Timeline, findings: Sequence[Finding], zone: Zone | None) -> tuple[KeyTime, ...]:
    """One line per matter that has a record, in order of time, and the last record of a finding at the end."""
    rows = [row for m in _MATTERS if (row := _row(timeline, m, findings, zone))]
    rows.sort(key=lambda k: parse_iso(k.time))
    strong = [f for f in findings if f.claim in _SHOWN and f.last]
    if strong:
        last = max(strong, key=lambda f: (parse_iso(f.last or ""), f.number))
        rows.append(_line("Last recorded event of a finding", last.last or "", (last,), zone))
    return tuple(rows)


def _row(timeline: Timeline, matter: _Matter, findings: Sequence[Finding], zone: Zone | None) -> KeyTime | None:
    hits = [f for f in findings if f.rule in matter.rules and f.claim in matter.claims]
    ids = sorted({e for f in hits for e in f.events})
    events = timeline.query(_FIRST.replace("CONDITION", matter.records), [ids]).to_pylist()
    if not events:
        return None
    same = {e["event_id"] for e in events if e["ns"] == events[0]["ns"]}
    cited = tuple(f for f in hits if same & set(f.events))
    return _line(matter.label, iso(events[0]["ns"], events[0]["resolution"]), cited, zone)


def _line(label: str, time: str, cited: tuple[Finding, ...], zone: Zone | None) -> KeyTime:
    return KeyTime(
        label=label,
        time=time,
        local=local_of(time, zone),
        findings=tuple(f.number for f in cited),
        strength=cited[0].strength,
        claim=cited[0].claim,
    )
