"""Check 9: findings and reports cite only what exists."""

from __future__ import annotations

import re

import msgspec

from shellcase.errors import IntegrityError
from shellcase.seal.checks_base import UNREADABLE, Check, Opened, Tally
from shellcase.seal.checks_case import FINDINGS, TIMELINE, collected_items, timeline_files, withheld_numbers
from shellcase.seal.merkle import batches, canonical_columns

_REDACTED = TIMELINE.replace("data/", "data/redacted/", 1)
_RESULT = re.compile(r"data/reports/[^/]+/result\.json")


class _Cites(msgspec.Struct, frozen=True):
    """What is read of a finding; everything else is left aside."""

    id: str = ""
    number: str = ""
    events: tuple[str, ...] = ()
    artifacts: tuple[str, ...] = ()


class _Findings(msgspec.Struct, frozen=True):
    findings: tuple[_Cites, ...] = ()


class _Row(msgspec.Struct, frozen=True):
    event_id: str = ""


class _View(msgspec.Struct, frozen=True):
    finding: _Cites = _Cites()
    rows: tuple[_Row, ...] = ()
    also: tuple[_Cites, ...] = ()


class _Names(msgspec.Struct, frozen=True):
    """Numbers of findings that a part of the report names."""

    findings: tuple[str, ...] = ()
    item: str = ""


class _Verdict(msgspec.Struct, frozen=True):
    points: tuple[_Names, ...] = ()


class _Result(msgspec.Struct, frozen=True):
    analysis_digest: str = ""
    findings: tuple[_View, ...] = ()
    verdict: _Verdict = _Verdict()
    key_times: tuple[_Names, ...] = ()
    shells: tuple[_Names, ...] = ()
    answers: tuple[_Names, ...] = ()
    cited: tuple[_Names, ...] = ()


def citations(seal: Opened) -> Check:
    """9: each event, artefact, item and finding that findings and reports cite exists."""
    tally = Tally(9, "citations", "Findings and reports: everything they cite exists")
    cited: dict[str, str] = {}
    sources = [p for p in sorted(seal.bag.files) if p == FINDINGS or _RESULT.fullmatch(p)]
    for path in sources:
        _cited_by(seal, tally, path, cited)
    count = len(cited)
    if not sources:
        return tally.skipped("there are no findings and no report data here")
    if cited and not _strike_out(seal, tally, cited):
        return tally.skipped("there is no timeline here")
    if kept_back := _withheld(seal, tally, cited):
        tally.note(f"{kept_back} cited events come from items that were withheld from this package")
    for event, path in sorted(cited.items()):
        tally.problem("an event that is cited is not in the timeline", path, event, "no such event")
    if FINDINGS not in sources:
        tally.note("the findings themselves are work product and not here; only the reports were followed")
    return tally.done(f"{len(sources)} files cite {count} events")


def _cited_by(seal: Opened, tally: Tally, path: str, cited: dict[str, str]) -> None:
    raw = seal.bag.read(path)
    try:
        if path == FINDINGS:
            found = msgspec.json.decode(raw or b"", type=_Findings).findings
        else:
            result = msgspec.json.decode(raw or b"", type=_Result)
            found = tuple(f for v in result.findings for f in (v.finding, *v.also))
            cited.update({row.event_id: path for v in result.findings for row in v.rows})
            _inside(seal, tally, path, result, {n for f in found for n in (f.id, f.number)})
    except UNREADABLE as error:
        tally.problem("this cannot be read", path, found=error)
        return
    for one in found:
        cited.update(dict.fromkeys(one.events, path))
        for artifact in one.artifacts if seal.artifacts else ():
            if artifact not in seal.artifacts:
                tally.problem(f"{one.number or one.id} cites an artefact that was not collected", path, artifact)


def _inside(seal: Opened, tally: Tally, path: str, result: _Result, known: set[str]) -> None:
    """What a report says must lead to its own findings, and its items to what was collected."""
    parts = (*result.verdict.points, *result.key_times, *result.shells, *result.answers, *result.cited)
    for name in sorted({n for part in parts for n in part.findings} - known):
        tally.problem("the report names a finding that it does not have", path, name, "no such finding")
    for part in result.cited:
        if seal.items and part.item not in seal.items:
            tally.problem("the report cites an item that was not collected", path, part.item, "no such item")
    if seal.manifest and result.analysis_digest and result.analysis_digest != seal.manifest.analysis_digest:
        tally.note(f"{path} was made from another analysis ({result.analysis_digest[:16]}…) than the sealed one")


def _strike_out(seal: Opened, tally: Tally, cited: dict[str, str]) -> bool:
    """Remove the events that the timeline has; whether there is one."""
    files = timeline_files(seal)
    redacted = sorted(p for p in seal.bag.files if p.startswith(_REDACTED) and p.endswith(".parquet"))
    for path in (*files, *redacted):
        try:
            with seal.bag.open(path) as fh:
                for batch in batches(fh, path, ["event_id"], 65_536):
                    for event in canonical_columns(batch).get("event_id", []):
                        cited.pop((event or b"").decode("utf-8", "replace"), None)
        except (IntegrityError, OSError) as error:
            tally.problem("this part of the timeline cannot be read", path, found=error)
    return bool(files or redacted)


def _withheld(seal: Opened, tally: Tally, cited: dict[str, str]) -> int:
    """Remove the events of items that a package leaves out; how many. An event's id begins with its artefact's."""
    numbers = withheld_numbers(seal)
    if not numbers or not cited:
        return 0
    artifacts = {item.artifact_id for _, item in collected_items(seal, tally) if item.item in numbers}
    stay = [event for event in cited if event.partition("-")[0] in artifacts]
    for event in stay:
        del cited[event]
    return len(stay)
