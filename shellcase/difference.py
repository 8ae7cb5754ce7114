"""Two runs set beside each other: what one case holds that the other does not, and what both hold differently.

The same image, version and settings give the same analysis digest, and then there is nothing to compare. Else each part
of the analysis is compared by ids that come of the evidence alone: artefacts and events by theirs, findings by the id
that rule and events give, outcomes by place and definition. Events are compared where files of the timeline differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from itertools import groupby
from pathlib import Path

import msgspec

from shellcase.case import Case
from shellcase.errors import UsageError
from shellcase.ledger import read_ledger
from shellcase.reviewed import read_findings
from shellcase.timeline import Timeline

SCHEMA = "shellcase.diff/1"
_MARKED = (
    "SELECT event_id, md5(t::VARCHAR) AS mark FROM timeline AS t WHERE parser = '{parser}' ORDER BY event_id, mark"
)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the analysis. `only_first` and the like are counts; `examples` tells some of each, in words."""

    name: str
    only_first: int
    only_second: int
    changed: int
    examples: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not (self.only_first or self.only_second or self.changed)


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Two cases, first and second. `settings` are those that differ, as (name, first, second)."""

    schema: str = SCHEMA
    digests: tuple[str, str]
    same: bool
    settings: tuple[tuple[str, str, str], ...] = ()
    parts: tuple[Part, ...] = ()


def compare(first: Case, second: Case, most: int = 5) -> Difference:
    """All that differs, with up to `most` examples of each kind. UsageError when one was not analysed to its end."""
    digests = _digest(first), _digest(second)
    if digests[0] == digests[1]:
        return Difference(digests=digests, same=True)
    parts = (
        _part("artefacts", _artefacts(first), _artefacts(second), most),
        _part("not collected", _outcomes(first), _outcomes(second), most),
        _part("ledger", _accounts(first), _accounts(second), most),
        *(_events(first, second, parser, most) for parser in _differing(first, second)),
        _part("findings", _findings(first), _findings(second), most),
        _part("files of the analysis", _files(first), _files(second), most),
    )
    settings = tuple(_settings(first, second))
    return Difference(digests=digests, same=False, settings=settings, parts=tuple(p for p in parts if not p.same))


def _digest(case: Case) -> str:
    found = case.analysis_digest()
    if not found:
        raise UsageError("this case was not analysed to its end", str(case.root), "start its `shellcase run` again")
    return found


def _settings(first: Case, second: Case) -> Iterator[tuple[str, str, str]]:
    for name in ("version", "fingerprints", "profile", "since", "until"):
        one, other = (getattr(c.meta, name) for c in (first, second))
        if one != other:
            yield name, _text(one), _text(other)


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


# -- the parts ---------------------------------------------------------------------------------------------------------

Lines = Mapping[str, tuple[str, object]]
"""By id: how a thing is called, and what must be equal."""


def _part(name: str, first: Lines, second: Lines, most: int) -> Part:
    gone, come = [k for k in first if k not in second], [k for k in second if k not in first]
    changed = [k for k in first if k in second and first[k][1] != second[k][1]]
    said = [f"only in the first: {first[k][0]}" for k in gone[:most]]
    said += [f"only in the second: {second[k][0]}" for k in come[:most]]
    said += [f"differs: {first[k][0]}{_how(first[k][1], second[k][1])}" for k in changed[:most]]
    return Part(name=name, only_first=len(gone), only_second=len(come), changed=len(changed), examples=tuple(said))


def _how(first: object, second: object) -> str:
    """Which fields differ, and how, where both are mappings."""
    if not (isinstance(first, dict) and isinstance(second, dict)):
        return ""
    told = (f"{k} {first.get(k)!r} and {second.get(k)!r}" for k in first | second if first.get(k) != second.get(k))
    return f" ({'; '.join(told)})"


def _artefacts(case: Case) -> Lines:
    def name(path: str, stream: str | None) -> str:
        return f"{path}:{stream}" if stream else path

    return {
        i.artifact_id: (name(i.path, i.stream), {"sha256": i.sha256, "size": i.size, "state": i.state})
        for i in case.items()
    }


def _outcomes(case: Case) -> Lines:
    return {
        "\n".join((m.source, m.volume, m.path, m.definition)): (f"{m.path} ({m.outcome})", f"{m.outcome} {m.reason}")
        for m in case.not_collected()
    }


def _accounts(case: Case) -> Lines:
    return {
        f"{e.artifact_id} {e.parser}": (
            f"{e.path} by {e.parser}",
            {
                "version": e.version, "found": e.ledger.found, "parsed": e.ledger.parsed, "failed": e.ledger.failed,
                "kept raw": e.ledger.raw_lines, "events": e.events, "issues": e.issue_count,
            },
        )
        for e in read_ledger(case)
    }  # fmt: skip


def _findings(case: Case) -> Lines:
    return {
        f.id: (f"{f.rule} {f.title}, {f.first}", {"claim": f.claim, "strength": f.strength, "events": f.event_count})
        for f in read_findings(case).findings
    }


def _files(case: Case) -> Lines:
    return {name: (name, sha256) for name, sha256 in _digests(case).items()}


class _DigestFile(msgspec.Struct):
    files: dict[str, str]


def _digests(case: Case) -> dict[str, str]:
    return msgspec.json.decode((case.evidence / "digest.json").read_bytes(), type=_DigestFile).files


# -- events ------------------------------------------------------------------------------------------------------------


_KINDS = ("first", "second", "changed")


def _differing(first: Case, second: Case) -> list[str]:
    """The parsers whose files of the timeline differ."""
    one, other = _digests(first), _digests(second)
    names = {n for n in one | other if n.endswith(".parquet") and one.get(n) != other.get(n)}
    return sorted({Path(n).stem.rpartition("-")[0] for n in names})


def _events(first: Case, second: Case, parser: str, most: int) -> Part:
    """Both timelines side by side in order of the ids, in bounded memory."""
    counts, ids = dict.fromkeys(_KINDS, 0), dict[str, list[str]]()
    lines = [Timeline.connect(c.timeline_to_read()) for c in (first, second)]
    try:
        for event, marks in _together(*(_marks(t, parser) for t in lines)):
            kind = "changed" if all(marks) else "first" if marks[0] else "second"
            if kind == "changed" and marks[0] == marks[1]:
                continue
            counts[kind] += 1
            shown = ids.setdefault(kind, [])
            if len(shown) < most:
                shown.append(event)
        said = [_told(event, kind, lines) for kind in _KINDS for event in ids.get(kind, ())]
    finally:
        for timeline in lines:
            timeline.close()
    return Part(
        name=f"events of {parser}",
        only_first=counts["first"],
        only_second=counts["second"],
        changed=counts["changed"],
        examples=tuple(said),
    )


def _marks(timeline: Timeline, parser: str) -> Iterator[tuple[str, str]]:
    for batch in timeline.rows_of(_MARKED.replace("{parser}", parser.replace("'", "''"))):
        yield from zip(batch["event_id"].to_pylist(), batch["mark"].to_pylist(), strict=True)


def _together(
    first: Iterable[tuple[str, str]], second: Iterable[tuple[str, str]]
) -> Iterator[tuple[str, tuple[list[str], list[str]]]]:
    """Each id once, with its marks in both; both come in order of the ids."""
    both = merge(((i, 0, m) for i, m in first), ((i, 1, m) for i, m in second))
    for event, group in groupby(both, key=lambda row: row[0]):
        marks: tuple[list[str], list[str]] = ([], [])
        for _event, side, mark in group:
            marks[side].append(mark)
        yield event, marks


def _told(event: str, kind: str, lines: list[Timeline]) -> str:
    rows = [t.event(event) or {} for t in lines]
    if kind != "changed":
        row = rows[0] or rows[1]
        return f"only in the {kind}: {event} {row.get('kind')} {row.get('subject') or ''}".rstrip()
    columns = [c for c in rows[0] if rows[0][c] != rows[1].get(c)]
    return f"differs: {event} {rows[0].get('kind')} in {', '.join(columns) or 'the number of its rows'}"


def in_lines(found: Difference) -> Iterator[str]:
    """For people."""
    if found.same:
        yield f"the same analysis: digest {found.digests[0]}"
        return
    yield f"analysis digest of the first   {found.digests[0]}"
    yield f"analysis digest of the second  {found.digests[1]}"
    for name, one, other in found.settings:
        yield f"{name}: {one or 'not set'} and {other or 'not set'}"
    for part in found.parts:
        counts = f"{part.only_first} only in the first, {part.only_second} only in the second, {part.changed} differ"
        yield f"{part.name}: {counts}"
        yield from (f"  {line}" for line in part.examples)
