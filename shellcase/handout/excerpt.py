"""A few events of a sealed timeline, each with the proof that it belongs there; fields not named stay closed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pyarrow as pa

from shellcase.case import Case
from shellcase.errors import UsageError
from shellcase.handout.content import write
from shellcase.handout.opening import new_file, read_manifest, record
from shellcase.handout.secrecy import secrets
from shellcase.refusal import one_condition
from shellcase.seal.merkle import FIELDS, excerpt_document, salt_key
from shellcase.timeline import Timeline

LIMIT = 10_000
DEFAULT_FIELDS = ("ts", "ts_ns", "ts_zone", "act", "kind", "source_id", "artifact_id", "path", "locator")
"""What happened of which kind, when, and where that stands; nothing of the record's text."""

_SHOWN = 5


def excerpt(case: Case, where: str, fields: Sequence[str], out: Path, reason: str) -> int:
    """Write the events that meet `where` with their proofs; how many. UsageError for none, too many, or secret ones."""
    target = new_file(case, out)
    manifest = read_manifest(case.root)
    if manifest is None or manifest.kind != "case":
        raise UsageError(
            "excerpts are proven against a sealed case, and this is none",
            str(case.root),
            "run `shellcase seal` first" if manifest is None else "make them from the case, which has the salt key",
        )
    if unknown := sorted(set(fields) - {*FIELDS, "event_id"}):
        raise UsageError(f"the timeline has no column {', '.join(unknown)}", todo=f"choose from {', '.join(FIELDS)}")
    rows = _rows(case, where)
    _refuse_secrets(case, rows, reason)
    document = excerpt_document(case.root, rows, salt_key(case), set(fields) - {"event_id"})
    record(case, "excerpt", to=str(target), where=where, fields=",".join(fields), events=rows.num_rows, secrets=reason)
    write(target, iter((document,)))
    return int(rows.num_rows)


def _rows(case: Case, where: str) -> pa.Table:
    with closing(Timeline.connect(case.timeline_to_read())) as timeline:
        rows = timeline.events(one_condition(where), limit=LIMIT + 1)
    if not rows.num_rows:
        raise UsageError("no event meets this condition", where[:400], "try it with `shellcase timeline --where`")
    if rows.num_rows > LIMIT:
        raise UsageError(f"more than {LIMIT} events meet this condition", where[:400], "narrow it down")
    return rows


def _refuse_secrets(case: Case, rows: pa.Table, reason: str) -> None:
    if reason:
        return
    items = list(case.items())
    found = secrets(items, case.evidence)
    own = {i.artifact_id: i for i in items if i.item in found and found[i.item].own}
    cited = sorted({a for a in rows.column("artifact_id").to_pylist() if a in own}, key=lambda a: own[a].item)
    if cited:
        said = "; ".join(f"{own[a].item} {own[a].path}: {found[own[a].item].reason}" for a in cited[:_SHOWN])
        more = f"; and {len(cited) - _SHOWN} more" if len(cited) > _SHOWN else ""
        raise UsageError(
            f"some of these events come from artefacts of class secret: {said}{more}",
            todo="narrow the condition, or add --include-secrets REASON",
        )
