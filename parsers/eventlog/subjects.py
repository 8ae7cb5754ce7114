"""One line in plain words for the records that matter in a break-in of a mail server.

In the tables `{Name}` stands for a named value of the record, `{0}` for an unnamed one.

Everything that has no template is called by its provider and event id.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from parsers.eventlog.said_others import OTHERS
from parsers.eventlog.said_security import SECURITY
from parsers.eventlog.said_system import SYSTEM

_LONGEST = 300
_SLOT = re.compile(r"\{([^{}]+)\}")
_NUMBERED = re.compile(r"param([1-9]\d?)")
SUBJECTS: Mapping[str, Mapping[str, str]] = {"Microsoft-Windows-Security-Auditing": SECURITY} | SYSTEM | OTHERS
"""Provider → event id → template."""


def subject(provider: str, code: str, named: Mapping[str, str], unnamed: Sequence[str]) -> str:
    """The line for a record; its values are the record's own words, shortened."""
    template = SUBJECTS.get(provider, {}).get(code)
    if template is None:
        return f"{provider or 'unknown provider'} / {code or 'no event id'}"[:_LONGEST]
    return filled(template, named, unnamed)


def filled(template: str, named: Mapping[str, str], unnamed: Sequence[str]) -> str:
    """A template with the values of a record; those that are missing leave nothing."""

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        if name.isdecimal():
            return unnamed[int(name)] if int(name) < len(unnamed) else ""
        if name not in named and (place := _NUMBERED.fullmatch(name)) and int(place[1]) <= len(unnamed):
            return unnamed[int(place[1]) - 1]  # older versions of the same record have no names
        return named.get(name, "")

    return " ".join(_SLOT.sub(fill, template).split())[:_LONGEST]
