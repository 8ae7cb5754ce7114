"""One line in plain words for the records that matter in a break-in of a mail server.

In the tables `{Name}` stands for a named value of the record, `{0}` for an unnamed one.

Everything that has no template is called by its provider and event id.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from parsers.eventlog.said_others import OTHERS
from parsers.eventlog.said_security import SECURITY
from parsers.eventlog.said_system import SYSTEM

LONGEST = 300
_SLOT = re.compile(r"\{([^{}]+)\}")
_NUMBERED = re.compile(r"param([1-9]\d?)")
SUBJECTS: Mapping[str, Mapping[str, str]] = {"Microsoft-Windows-Security-Auditing": SECURITY} | SYSTEM | OTHERS
"""Provider → event id → template."""


class Template(NamedTuple):
    """The line of a kind of record: words, and names of values in between when it is to be filled."""

    text: str
    is_filled: bool

    def parts(self, named: Mapping[str, str], unnamed: Sequence[str]) -> list[str]:
        """Words and values in turn; a value that is missing is an empty text."""
        if not self.is_filled:
            return [self.text]
        parts = _SLOT.split(self.text)
        parts[1::2] = [_value(name, named, unnamed) for name in parts[1::2]]
        return parts


def said(provider: str, code: str) -> Template:
    """The template for a kind of record; the provider and the event id where there is none."""
    template = SUBJECTS.get(provider, {}).get(code)
    if template is None:
        return Template(f"{provider or 'unknown provider'} / {code or 'no event id'}"[:LONGEST], is_filled=False)
    return Template(template, is_filled=True)


def subject(provider: str, code: str, named: Mapping[str, str], unnamed: Sequence[str]) -> str:
    """The line for a record; its values are the record's own words, shortened."""
    template = said(provider, code)
    return filled(template.text, named, unnamed) if template.is_filled else template.text


def filled(template: str, named: Mapping[str, str], unnamed: Sequence[str]) -> str:
    """A template with the values of a record; those that are missing leave nothing."""
    return one_line("".join(Template(template, is_filled=True).parts(named, unnamed)))


def one_line(text: str) -> str:
    """The text with single blanks, shortened."""
    return " ".join(text.split())[:LONGEST]


def _value(name: str, named: Mapping[str, str], unnamed: Sequence[str]) -> str:
    if name.isdecimal():
        return unnamed[int(name)] if int(name) < len(unnamed) else ""
    if name not in named and (place := _NUMBERED.fullmatch(name)) and int(place[1]) <= len(unnamed):
        return unnamed[int(place[1]) - 1]  # older versions of the same record have no names
    return named.get(name, "")
