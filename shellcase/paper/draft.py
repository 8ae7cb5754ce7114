"""A draft to be signed by a person: numbered statements that each name their record, and blanks for what is not known.

Plain text, ASCII rules, no colour: it is edited in a word processor and printed.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from shellcase.clean import plain

MARK = "DRAFT - not a certification until signed"
BLANK = "____________________"
_WIDTH = 96
_UNITED_STATES = (
    "I declare (or certify, verify, or state) under penalty of perjury that the foregoing is true and correct. "
    f"Executed on {BLANK} (date)."
)
_ABROAD = (
    "I declare (or certify, verify, or state) under penalty of perjury under the laws of the United States of America "
    f"that the foregoing is true and correct. Executed on {BLANK} (date)."
)


class Draft:
    """Collects the text. `state` puts a sentence into the signed part, `note` beside it, outside of what is signed."""

    def __init__(self, title: str, subtitle: str) -> None:
        self._title, self._subtitle = title, subtitle
        self._statement: list[str] = []
        self._notes: list[str] = []
        self._count = 0

    def head(self, text: str) -> None:
        """A heading inside the statement."""
        self._statement += ["", text.upper(), ""]

    def state(self, text: str, record: str) -> None:
        """One sentence of the statement with the record it comes from."""
        self._numbered(f"{plain(text, 4000)} [source: {plain(record, 400)}]")

    def blank(self, text: str) -> None:
        """A sentence that only the signer can complete."""
        self._numbered(f"{text} [to be completed by the signer]")

    def rows(self, lines: Iterable[str]) -> None:
        """Lines of a list under the last sentence, as they are."""
        listed = ["    " + plain(line, 2000) for line in lines]
        self._statement += ["", *listed, ""] if listed else []

    def note(self, text: str) -> None:
        """Something to know that no one vouches for here: never part of what is signed."""
        self._notes += textwrap.wrap(f"- {plain(text, 4000)}", _WIDTH, subsequent_indent="  ", break_on_hyphens=False)

    def _numbered(self, text: str) -> None:
        self._count += 1
        lead = f"{self._count}. "
        self._statement += textwrap.wrap(
            text, _WIDTH, initial_indent=lead, subsequent_indent=" " * len(lead), break_on_hyphens=False
        )

    def text(self) -> bytes:
        """The whole draft."""
        rule = "=" * _WIDTH
        lines = [MARK, rule, self._title, self._subtitle, rule, ""]
        lines += _wrapped(_HOW_TO)
        lines += ["", "PART ONE: THE STATEMENT", *self._statement, "", *_signature(), ""]
        lines += ["", rule, "PART TWO: NOT PART OF THE STATEMENT", ""]
        lines += _wrapped(_NOT_SIGNED)
        lines += ["", *(self._notes or ["- nothing"]), "", MARK, ""]
        return "\n".join(lines).encode("utf-8", "backslashreplace")


_HOW_TO = (
    "A lawyer has to approve this wording. The signer reads every numbered sentence, checks it against the record "
    "named behind it, completes the blanks, strikes out what he or she cannot state from own knowledge, removes the "
    'marks "DRAFT", and signs one of the two declarations.'
)
_NOT_SIGNED = (
    "Take this part off before signing. It holds what was not verified, what is inferred, and what others say."
)


def _wrapped(text: str) -> Sequence[str]:
    return textwrap.wrap(text, _WIDTH)


def _signature() -> list[str]:
    lines = ["DECLARATION (28 U.S.C. 1746); use one, strike out the other", ""]
    lines += ["If executed within the United States, its territories, possessions, or commonwealths:", ""]
    lines += textwrap.wrap(_UNITED_STATES, _WIDTH, initial_indent="    ", subsequent_indent="    ")
    lines += ["", "If executed without the United States:", ""]
    lines += textwrap.wrap(_ABROAD, _WIDTH, initial_indent="    ", subsequent_indent="    ")
    return [*lines, "", f"Place: {BLANK}", "", f"Name: {BLANK}", "", f"Signature: {BLANK}"]
