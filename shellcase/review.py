"""The examiner's decisions on findings: a journal beside the findings, each line named in the audit log.

A decision refers to the finding's content-derived id and to what the finding said when it was judged. A finding that
says something else by now (evidence was added, a rule was mended) is open again, and that is told. Decisions never
change findings.json, the timeline or the analysis digest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal, get_args

import msgspec
from msgspec import Struct

from shellcase.case import Case
from shellcase.case.journal import AuditLine, Journal, encode_line
from shellcase.clean import storable
from shellcase.errors import IntegrityError, UsageError
from shellcase.model import Finding

FILE = "review.jsonl"
_PACKAGE = "package.json"
Status = Literal["accepted", "rejected", "proposed"]
Reason = Literal["false positive", "authorised activity", "unsupported", "duplicate", "out of scope"]
REASONS: tuple[Reason, ...] = get_args(Reason)
"""Why a finding is not accepted, in the words that editions print; the full reason stays in the work product."""

_JUDGED = ("rule", "claim", "title", "observation", "inference", "alternatives", "limits", "events", "event_count")


class Decision(Struct, frozen=True, kw_only=True):
    """One line of review.jsonl. `judged` is the SHA-256 of what the finding said; `at` is this machine's clock, UTC."""

    seq: int
    finding: str
    number: str
    before: str
    status: Status
    reason: str = ""
    why: str
    by: str
    at: str
    judged: str


class Standing(Struct, frozen=True, kw_only=True):
    """How a finding stands. `changed`: it was decided, but says something else since."""

    status: Status = "proposed"
    decision: Decision | None = None
    changed: bool = False


def judged(finding: Finding) -> str:
    """The SHA-256 of what a finding says; its number, its chain and words that depend on others are left out."""
    return sha256(encode_line([msgspec.to_builtins(getattr(finding, name)) for name in _JUDGED])).hexdigest()


def read_decisions(case: Case) -> tuple[Decision, ...]:
    """Every decision in order. IntegrityError when a line is not the one that the audit log names.

    A last line that the log does not name yet was interrupted: it does not count until the next decision completes it.
    """
    made, pending = _read(case)
    return tuple(made[:-1] if pending else made)


def _read(case: Case) -> tuple[list[Decision], bool]:
    journal = Journal(case.work / FILE)
    if (case.data / _PACKAGE).is_file():  # it may hold the one and not the other; there the seal speaks for both
        return list(journal.read(Decision)), False
    logged = [line.args.get("line_sha256") for line in _audit(case) if line.op == "review"]
    lines = [sha256(line).hexdigest() for line in journal.lines()]
    if lines[: len(logged)] != logged or len(lines) > len(logged) + 1:
        raise IntegrityError(
            f"the review is broken: of {len(lines)} decisions the audit log names {len(logged)}, or other ones",
            str(journal.path),
            "restore the file from a copy",
        )
    return list(journal.read(Decision)), len(lines) > len(logged)


def _audit(case: Case) -> Iterable[AuditLine]:
    return Journal(case.data / "audit.jsonl").read(AuditLine, torn=True)


def standings(findings: Iterable[Finding], decisions: Sequence[Decision]) -> Mapping[str, Standing]:
    """How each finding stands, by its id: the last decision counts."""
    last = {d.finding: d for d in decisions}
    return {f.id: _standing(f, last.get(f.id)) for f in findings}


def _standing(finding: Finding, decision: Decision | None) -> Standing:
    if decision is None or decision.status == "proposed":
        return Standing(decision=decision)
    if decision.judged != judged(finding):
        return Standing(decision=decision, changed=True)
    return Standing(status=decision.status, decision=decision)


def check(findings: Sequence[Finding], names: Sequence[str], status: Status, why: str, by: str, reason: str) -> None:
    """UsageError for a decision that cannot be recorded."""
    wanted(findings, names)
    for option, text in (("--why", why), ("--by", by)):
        if not text.strip():
            raise UsageError(f"{option} is empty", todo="say who decides and why; both are kept with the decision")
    if status == "rejected" and reason not in REASONS:
        raise UsageError(f"--reason {reason!r} is unknown", todo=f"choose one of: {', '.join(REASONS)}")
    if status != "rejected" and reason:
        raise UsageError("--reason goes with --reject alone", todo="leave it out")


def wanted(findings: Sequence[Finding], names: Sequence[str]) -> list[Finding]:
    """The findings of these display numbers or ids, each once. UsageError when there is none of a name."""
    known = {name.upper(): f for f in findings for name in (f.id, f.number)}
    for name in names:
        if name.upper() not in known:
            some = f"F-001 to {findings[-1].number}" if findings else "none"
            raise UsageError(
                f"the case has no finding {name!r}", todo=f"there are: {some}; `shellcase review CASE` lists them"
            )
    return list({known[n.upper()].id: known[n.upper()] for n in names}.values())


def decide(
    case: Case,
    findings: Sequence[Finding],
    names: Sequence[str],
    status: Status,
    *,
    why: str,
    by: str,
    reason: str = "",
) -> list[Decision]:
    """Record a decision on each of these findings, durable, in the journal and in the audit log."""
    check(findings, names, status, why, by, reason)
    earlier, pending = _read(case)
    if pending:
        _log(case, earlier[-1])
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    stand = standings(findings, earlier)
    made = [
        Decision(
            seq=len(earlier) + n,
            finding=f.id,
            number=f.number,
            before=stand[f.id].status,
            status=status,
            reason=reason,
            why=storable(why).strip(),
            by=storable(by).strip(),
            at=now,
            judged=judged(f),
        )
        for n, f in enumerate(wanted(findings, names), 1)
    ]
    for one in made:
        Journal(case.work / FILE).append(one, durable=True)
        _log(case, one)
    return made


def _log(case: Case, one: Decision) -> None:
    told = {"finding": one.finding, "number": one.number, "before": one.before, "after": one.status}
    digest = sha256(encode_line(one)).hexdigest()
    case.audit("review", **told, by=one.by, why=one.why, reason=one.reason, line_sha256=digest)
    case.flush()
