"""Rules over the timeline: findings with their reasons, chains, and what was tested at all.

Every query ends in a total order, so the same timeline and rules give the same findings, ids and numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Literal

import duckdb
import msgspec
import pyarrow as pa
from msgspec import Struct
from msgspec.structs import replace

from shellcase.clean import plain, storable
from shellcase.exporting.rows import iso
from shellcase.grouping import CITE, grouped
from shellcase.link import Chain, Keyed, link
from shellcase.model import Finding, HostFacts
from shellcase.rulebook import Rule, Rulebook, Variant, View, fill
from shellcase.strength import chain_strengths, strengths
from shellcase.timeline import Timeline

SCHEMA = "shellcase.findings/1"
_SHOWN = 3
_VALUE = 160
_FIXED = frozenset(
    [
        "event_id",
        "group_key",
        "variant",
        "part",
        "total",
        "begin_at",
        "end_at",
        "rn",
        "found_in",
        "shadowed",
        "computer",
    ]
)


class RuleRun(Struct, frozen=True, kw_only=True):
    """What became of a rule. `not_tested`: the case holds no record of its kinds, which never means clean."""

    rule: str
    state: Literal["ran", "not_tested", "failed"]
    findings: int = 0
    events: int = 0
    reason: str = ""


class Detection(Struct, frozen=True, kw_only=True):
    """The answer of one detection: findings in order of their numbers, chains, and one entry per rule."""

    findings: tuple[Finding, ...]
    chains: tuple[Chain, ...]
    tested: tuple[RuleRun, ...]


def detect(
    timeline: Timeline,
    rules: Rulebook,
    host: HostFacts,
    snapshots: Mapping[str, str] | None = None,
    computers: Mapping[str, str] | None = None,
) -> Detection:
    """Run every rule whose kinds of record are in the case, link what they found, grade it.

    `snapshots`: how to name the shadow copy of a state, for findings that rest on records seen only there.
    `computers`: source → computer, in a case of several; what is found on one is never grouped with another's.
    """
    con = timeline.connection.cursor()
    try:
        _prepare(con, rules.views, host, computers or {})
        present = _present(con)
        runs: list[RuleRun] = []
        keyed: list[Keyed] = []
        for rule in rules.rules:
            run, found = _run(con, rule, present, snapshots or {})
            runs.append(run)
            keyed += found
    finally:
        con.close()
    return _graded(keyed, tuple(runs))


def to_json(detection: Detection) -> bytes:
    """The text of `findings.json`; `tested` goes along so that a report can say what was not tested."""
    body = {
        "schema": SCHEMA,
        "findings": detection.findings,
        "chains": detection.chains,
        "questions": [],
        "tested": detection.tested,
    }
    return msgspec.json.format(msgspec.json.encode(body), indent=1) + b"\n"


def _prepare(
    con: duckdb.DuckDBPyConnection, views: Iterable[View], host: HostFacts, computers: Mapping[str, str]
) -> None:
    con.execute("CREATE OR REPLACE TEMP TABLE computers (source_id VARCHAR, computer VARCHAR)")
    for source, computer in sorted(computers.items()):
        con.execute("INSERT INTO computers VALUES (?, ?)", [source, computer])
    con.execute("CREATE OR REPLACE TEMP TABLE web_roots (virtual VARCHAR, physical VARCHAR)")
    for virtual, physical in sorted({r for site in host.sites for r in site.roots}):
        con.execute("INSERT INTO web_roots VALUES (?, ?)", [virtual.rstrip("/").lower(), physical.rstrip("\\").lower()])
    for view in views:
        con.execute(view.sql)


def _present(con: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Kinds in the case as `kind`, `kind:channel` and `kind:channel:code`."""
    rows = con.execute("SELECT DISTINCT kind, channel, event_code FROM timeline ORDER BY ALL").fetchall()
    parts = [tuple(p for p in row if p is not None) for row in rows]
    return frozenset(":".join(p[:n]) for p in parts for n in range(1, len(p) + 1))


def _run(
    con: duckdb.DuckDBPyConnection, rule: Rule, present: frozenset[str], snapshots: Mapping[str, str]
) -> tuple[RuleRun, list[Keyed]]:
    absent = [k for k in rule.needs if k not in present]
    if not any(k in present for k in rule.kinds):
        absent += rule.kinds
    if absent:
        return RuleRun(rule=rule.id, state="not_tested", reason=f"no records of {', '.join(absent)} in the case"), []
    try:
        con.execute(f"CREATE OR REPLACE TEMP TABLE hit AS SELECT * FROM ({rule.sql}) ORDER BY ALL")  # noqa: S608
        [(hits,)] = con.execute("SELECT count(*) FROM hit").fetchall()
        table = grouped(con, rule) if hits else None
    except duckdb.Error as e:  # one rule's trouble (a damaged JSON, no memory) must not hide the others' findings
        return RuleRun(rule=rule.id, state="failed", reason=plain(str(e), 400)), []
    found = _findings(rule, table, snapshots) if table is not None else []
    events = sum(k.finding.event_count for k in found)
    return RuleRun(rule=rule.id, state="ran", findings=len(found), events=events), found


def _findings(rule: Rule, table: pa.Table, snapshots: Mapping[str, str]) -> list[Keyed]:
    groups: dict[tuple[str, str, int], list[dict[str, object]]] = {}
    for row in table.to_pylist():
        groups.setdefault((str(row["group_key"]), str(row["variant"]), int(row["part"])), []).append(row)
    return [_finding(rule, key, rows, snapshots) for key, rows in groups.items()]


def _finding(
    rule: Rule, key: tuple[str, str, int], rows: list[dict[str, object]], snapshots: Mapping[str, str]
) -> Keyed:
    variant = rule.variants.get(key[1], Variant())
    events = [str(r["event_id"]) for r in rows]
    first, last = _bounds(rows)
    total = int(str(rows[0]["total"]))
    named = _named(rows)
    fields = {c: _several(vs) for c, vs in named.items() if vs and not c.startswith("key_")}
    texts = {**fields, "count": str(total), "first": first or "", "last": last or ""}
    finding = Finding(
        id=_content_id(rule.id, events[0], key[0]),
        number="",
        rule=rule.id,
        rule_version=rule.version,
        title=rule.title,
        claim=variant.claim or rule.claim,
        weight=variant.weight or rule.weight,
        strength="conflicting" if variant.conflict else "",
        first=first,
        last=last,
        attack=rule.attack,
        family=rule.family,
        events=tuple(events),
        event_count=total,
        artifacts=tuple(sorted({str(r["artifact_id"]) for r in rows})),
        paths=tuple(sorted({str(r["path"]) for r in rows})),
        observation=_on(rows[0]["computer"]) + fill(variant.observation or rule.observation, texts),
        inference=fill(variant.inference or rule.inference, texts),
        alternatives=rule.alternatives if variant.alternatives is None else variant.alternatives,
        limits=(*(f"{one.kind}: {' '.join(one.text.split())}" for one in rule.limits), *_shadowed(rows, snapshots)),
        fields=fields,
    )
    keys = tuple(sorted({(c[4:], v) for c, vs in named.items() if c.startswith("key_") for v in vs if v}))
    return Keyed(finding=finding, stage=rule.stage, keys=keys, times=_times(rows))


def _on(computer: object) -> str:
    return f"On {computer}: " if computer else ""


def _shadowed(rows: list[dict[str, object]], snapshots: Mapping[str, str]) -> tuple[str, ...]:
    """A limit for findings that rest on records which only a shadow copy holds."""
    total, count = (int(str(rows[0][c])) for c in ("total", "shadowed"))
    if not count:
        return ()
    states = sorted({str(r["found_in"]).partition("+")[0] for r in rows if r["found_in"]})
    where = _several([snapshots.get(s, s) for s in states]) or "a shadow copy"
    who = (
        "All of its events are" if count == total else f"{count} of its {total} events {'is' if count == 1 else 'are'}"
    )
    who = "Its only event is" if total == 1 else who
    what = "this record" if count == 1 else "these records"
    return (f"INCOMP: {who} seen only in {where}; the volume as it was imaged does not hold {what} in this form.",)


def _content_id(rule: str, event: str, group: str) -> str:
    return "F-" + sha256("\n".join((rule, event, storable(group))).encode()).hexdigest()[:12]


def _bounds(rows: list[dict[str, object]]) -> tuple[str | None, str | None]:
    """First and last instant of all events of the group, with the digits their records have."""
    timed = [r for r in rows if isinstance(r["ts"], datetime)]
    if not timed:
        return None, None
    first, last = _iso(timed[0]), _iso(timed[-1])
    end = rows[0]["end_at"]
    if isinstance(end, datetime) and end != timed[-1]["ts"]:  # the last event lies beyond those cited
        last = iso(end, 0, 1000)
    return first, last


def _iso(row: dict[str, object]) -> str:
    ts, extra, resolution = row["ts"], row["ts_ns"], row["ts_resolution_ns"]
    return iso(
        ts if isinstance(ts, datetime) else None,
        extra if isinstance(extra, int) else 0,
        resolution if isinstance(resolution, int) else 1000,
    )


def _times(rows: list[dict[str, object]]) -> tuple[float, ...]:
    """Seconds since 1970 of the listed events that have a time."""
    return tuple(r["ts"].timestamp() for r in rows if isinstance(r["ts"], datetime))


def _named(rows: list[dict[str, object]]) -> dict[str, list[str]]:
    """Distinct values per named column in order of time; None and empty text left out."""
    skip = _FIXED.union(CITE)
    names = [c for c in rows[0] if c not in skip]
    return {c: list(dict.fromkeys(str(r[c]) for r in rows if r[c] not in (None, ""))) for c in names}


def _several(values: Sequence[str]) -> str:
    """The first three values in words; the count of the others is told."""
    shown = ", ".join(plain(v, _VALUE) for v in values[:_SHOWN])
    more = len(values) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _graded(keyed: list[Keyed], runs: tuple[RuleRun, ...]) -> Detection:
    """Chain, strength, numbers: F-001 is the earliest finding; findings without a time come last."""
    chains = link(keyed)
    chain_of = {f: c.id for c in chains for f in c.findings}
    ordered = sorted(keyed, key=lambda k: (k.begin, k.finding.rule, k.finding.id))
    with_chain = [replace(k.finding, chain=chain_of.get(k.finding.id)) for k in ordered]
    words = strengths(with_chain)
    findings = tuple(replace(f, number=f"F-{n:03d}", strength=words[f.id]) for n, f in enumerate(with_chain, 1))
    together = chain_strengths(findings)
    graded = tuple(replace(c, strength=together.get(c.id, "")) for c in chains)
    return Detection(findings=findings, chains=graded, tested=runs)
