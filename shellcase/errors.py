"""What can go wrong, as a tree; each class carries the exit code of the program.

ShellcaseError
├── UsageError          2   a wrong path, an option that cannot be, a case that may not be touched
├── IntegrityError      3   something differs from what was stored or hashed before
├── EvidenceError       4   no volume or record of the evidence can be read
├── LossError           5   finished, but a ledger has grade lost, or a source gave nothing
└── Interrupted       130   stopped by the user; the next start goes on

Anything else that reaches the top is our bug: exit code 1 and a report to paste.
Of several, the highest in the order 130, 1, 2, 4, 3, 5, 0 wins.
"""

from __future__ import annotations

from collections.abc import Iterable

OK, BUG, USAGE, INTEGRITY, EVIDENCE, LOSS, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130
_RANK = (INTERRUPTED, BUG, USAGE, EVIDENCE, INTEGRITY, LOSS, OK)


class ShellcaseError(Exception):
    """An expected failure: `what` happened, `where`, and what to do about it."""

    exit_code = BUG

    def __init__(self, what: str, where: str = "", todo: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.todo = what, where, todo

    def __str__(self) -> str:
        place = f"\n  where: {self.where}" if self.where else ""
        hint = f"\n  what to do: {self.todo}" if self.todo else ""
        return f"{self.what}{place}{hint}"


class UsageError(ShellcaseError):
    """The call cannot be carried out as given."""

    exit_code = USAGE


class IntegrityError(ShellcaseError):
    """Bytes are not what was recorded of them."""

    exit_code = INTEGRITY


class EvidenceError(ShellcaseError):
    """Nothing of the evidence can be read."""

    exit_code = EVIDENCE


class LossError(ShellcaseError):
    """The work is done and something was lost on the way."""

    exit_code = LOSS


class Interrupted(ShellcaseError):  # noqa: N818 - the field's word for it
    """The user stopped the run."""

    exit_code = INTERRUPTED


def worst(codes: Iterable[int]) -> int:
    """The exit code that wins."""
    seen = set(codes)
    return next((c for c in _RANK if c in seen), OK)
