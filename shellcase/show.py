"""Looking into cases: a summary, and one event with the very bytes it came from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing

from shellcase.case import Case, open_object
from shellcase.clean import plain
from shellcase.errors import UsageError
from shellcase.exporting.rows import iso
from shellcase.ledger import read_ledger
from shellcase.reviewed import read_findings
from shellcase.sourcecheck import in_one_line, read_checks
from shellcase.timeline import Timeline

_SHOWN = 4096


def case_summary(case: Case) -> dict[str, str | int]:
    """What a case holds, in the order in which people ask."""
    findings = read_findings(case).findings
    searched = (case.work / "findings.json").exists()  # none found and none looked for are not the same
    ledger = read_ledger(case)
    counts = {c: sum(f.claim == c for f in findings) for c in ("confirmed", "suspicious", "attempted", "context")}
    report = case.reports / f"R{case.reports_closed() or 1}" / "examiner.html"
    return {
        "case": str(case.root),
        "case_number": case.meta.case_number,
        "source_check": in_one_line(read_checks(case)),
        "artefacts": sum(1 for _ in case.items()),
        "not_collected": sum(1 for _ in case.not_collected()),
        "records_found": sum(e.ledger.found for e in ledger),
        "records_read": sum(e.ledger.parsed for e in ledger),
        "events": sum(e.events for e in ledger),
        "findings": f"{len(findings)} ({', '.join(f'{n} {c}' for c, n in counts.items())})"
        if searched
        else "not yet searched",
        "analysis_digest": case.analysis_digest(),
        "report": str(report) if report.exists() else "not yet written",
    }


def describe_event(case: Case, event_id: str) -> Iterator[str]:
    """The event's columns, its bytes as a hex dump, and the hashes that tie them to the artefact."""
    with closing(Timeline.connect(case.timeline_to_read())) as timeline:
        event = timeline.event(event_id)
    if event is None:
        raise UsageError(
            "no such event in the timeline", event_id, "copy an event id from the report or from `shellcase timeline`"
        )
    if event["ts"] is not None:  # one instant, with the digit that the column of microseconds cannot hold
        event["ts"] = iso(event["ts"], event["ts_ns"], event["ts_resolution_ns"])
    for column, value in event.items():
        if value is not None and column != "ts_ns":
            yield f"{column:>17}  {plain(str(value), 2000)}"
    yield from _bytes_of(case, event["artifact_id"], event["offset"], event["length"])


def _bytes_of(case: Case, artifact_id: str, offset: int | None, length: int | None) -> Iterator[str]:
    item = next((i for i in case.items() if i.artifact_id == artifact_id), None)
    if item is None:
        raise UsageError("the artefact of this event is not in the case", artifact_id, "verify the case")
    yield f"{'artefact':>17}  {item.item} {plain(item.path)} ({item.size} bytes, {item.stored_as})"
    yield f"{'artefact sha256':>17}  {item.sha256}"
    if item.object is None or offset is None or not length:
        return
    with open_object(case.evidence, item) as fh:
        fh.seek(offset)
        raw = fh.read(length)
    if item.stored_as == "skeleton":
        yield f"{'note':>17}  only the dump's structure was kept: its memory reads as zeros here, so the hash of these"
        yield f"{'':>17}  bytes is not that of the artefact, which was taken from the whole file"
    yield f"{'bytes':>17}  {length} from byte {offset} of the artefact, sha256 {hashlib.sha256(raw).hexdigest()}"
    yield from _hexdump(raw[:_SHOWN], offset)
    if len(raw) > _SHOWN:
        yield f"{'':>17}  … {len(raw) - _SHOWN} bytes more"


def _hexdump(raw: bytes, base: int) -> Iterator[str]:
    for at in range(0, len(raw), 16):
        row = raw[at : at + 16]
        text = "".join(chr(b) if 32 <= b < 127 else "." for b in row)
        yield f"{base + at:010x}  {row.hex(' '):<47}  {text}"
