"""Lines of the audit log that sum up a stage (R-AUD-1): every definition and rule with its counts, every failure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Protocol

from shellcase.case import Case

_FAILURES = 1000
"""Single failures that are logged; the rest is counted in a line of its own and stands in collected.jsonl."""


class Ran(Protocol):
    """What became of one detection rule."""

    @property
    def rule(self) -> str: ...  # noqa: D102 - the names say it
    @property
    def state(self) -> str: ...  # noqa: D102
    @property
    def findings(self) -> int: ...  # noqa: D102
    @property
    def events(self) -> int: ...  # noqa: D102
    @property
    def reason(self) -> str: ...  # noqa: D102


def log_definitions(case: Case) -> None:
    """After collection: one line for each definition with its outcomes, one for each artefact that failed."""
    outcomes: dict[str, Counter[str]] = {}
    failed: list[tuple[str, str]] = []
    for item in case.items():
        for name in item.definitions:
            outcomes.setdefault(name, Counter())["taken"] += 1
        failed += [(item.item, item.read_errors[0])] if item.read_errors else []
    for missing in case.not_collected():
        outcomes.setdefault(missing.definition or "(none)", Counter())[missing.outcome] += 1
        failed += [(missing.path, missing.reason)] if missing.outcome == "failed" else []
    for name, counts in sorted(outcomes.items()):
        case.audit("definition", name=name, **dict(sorted(counts.items())))
    for what, why in failed[:_FAILURES]:
        case.audit("failure", of=what, why=why)
    if len(failed) > _FAILURES:
        case.audit("failures not listed", count=len(failed) - _FAILURES)


def log_rules(case: Case, runs: Iterable[Ran]) -> None:
    """After detection: one line for each rule; rules that did not run say why."""
    for run in runs:
        why = {"why": run.reason} if run.reason else {}
        case.audit("rule", rule=run.rule, state=run.state, findings=run.findings, events=run.events, **why)
