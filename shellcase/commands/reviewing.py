"""The verb `review`: list the findings and how they stand, accept them, reject them, open them again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

import msgspec
import typer

from shellcase import review
from shellcase.case import Case
from shellcase.clean import plain
from shellcase.commands.custody import seal_is_old
from shellcase.errors import OK, UsageError
from shellcase.model import Finding
from shellcase.options import AsJson, CaseArg
from shellcase.output import print_lines
from shellcase.reviewed import read_findings

Numbers = list[str] | None
_WORDS = {"proposed": "open", "accepted": "accepted", "rejected": "rejected"}


def review_command(
    case_dir: CaseArg,
    accept: Annotated[Numbers, typer.Option("--accept", metavar="F-001,…", help="Accept these findings.")] = None,
    reject: Annotated[Numbers, typer.Option("--reject", metavar="F-001,…", help="Reject these findings.")] = None,
    reopen: Annotated[Numbers, typer.Option("--reopen", metavar="F-001,…", help="Take a decision back.")] = None,
    why: Annotated[str, typer.Option("--why", help="Your grounds; kept in the case, printed in no edition.")] = "",
    by: Annotated[str, typer.Option("--by", help="Who decides.")] = "",
    reason: Annotated[str, typer.Option("--reason", help=f"With --reject, printed: {', '.join(review.REASONS)}.")] = "",
    as_json: AsJson = False,
) -> int:
    """How each finding stands; or one decision on some of them. `shellcase report` then makes a new version."""
    given: dict[review.Status, Numbers] = {"accepted": accept, "rejected": reject, "proposed": reopen}
    asked: list[tuple[review.Status, list[str]]] = [(s, _names(names)) for s, names in given.items() if names]
    if not asked:
        return _list(Case.look(case_dir), as_json=as_json)
    if len(asked) > 1:
        raise UsageError(
            "one decision at a time", todo="give --accept, --reject or --reopen, each in a command of its own"
        )
    status, names = asked[0]
    review.check(_findings(Case.look(case_dir)), names, status, why, by, reason)  # refused: no trace in a sealed case
    case = Case.open(case_dir)
    made = review.decide(case, _findings(case), names, status, why=why, by=by, reason=reason)
    print_lines([f"{d.number} {_WORDS[d.status]}" for d in made])
    typer.echo("`shellcase report` makes a new version of the report with it", err=True)
    seal_is_old(case)
    return OK


def _names(given: Sequence[str]) -> list[str]:
    return [name.strip() for some in given for name in some.split(",") if name.strip()]


def _findings(case: Case) -> tuple[Finding, ...]:
    if not (case.work / "findings.json").exists():
        raise UsageError("the case was not searched yet", str(case.root), "run `shellcase detect` first")
    return read_findings(case).findings


def _list(case: Case, *, as_json: bool) -> int:
    findings = _findings(case)
    stand = review.standings(findings, review.read_decisions(case))
    if as_json:
        told = [{"number": f.number, "id": f.id, **msgspec.to_builtins(stand[f.id])} for f in findings]
        return print_lines([json.dumps(told, indent=1, sort_keys=True)])
    return print_lines([*(_line(f, stand[f.id]) for f in findings), *_sum(stand)])


def _line(finding: Finding, standing: review.Standing) -> str:
    said = _WORDS[standing.status] + (", changed since it was decided" if standing.changed else "")
    decision = standing.decision
    by = f"  {decision.by}, {decision.at}: {decision.reason or 'no reason class'}; {decision.why}" if decision else ""
    return plain(f"{finding.number}  {said:<9} {finding.claim:<10}  {finding.title}{by}", 900)


def _sum(stand: Mapping[str, review.Standing]) -> Iterator[str]:
    count = {s: sum(one.status == s for one in stand.values()) for s in _WORDS}
    yield f"{len(stand)} findings: " + ", ".join(f"{n} {_WORDS[s]}" for s, n in count.items())
