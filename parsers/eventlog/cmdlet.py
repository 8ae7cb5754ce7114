"""Records of the provider `MSExchange CmdletLogs`: what an Exchange cmdlet was called with, by whom, from where.

The record has an unnamed list: cmdlet, parameters, caller, two SIDs, host application, `<pid> <process>`, one empty
value, thread, elapsed time, view settings, error text, error category … (seen in Exchange 2016 records). Exchange 2010
writes the parameters as `{Name=value, …}`. Only the first values are named here; the list itself is kept whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

PROVIDER = "MSExchange CmdletLogs"
_PLACES = (
    ("Cmdlet", 0),
    ("Parameters", 1),
    ("Caller", 2),
    ("HostApplication", 5),
    ("Process", 6),
    ("Elapsed", 9),
    ("Error", 11),
)
_OUTCOMES = {"1": "ran", "6": "failed", "8": "failed with an unhandled exception"}
_LONGEST = 300

Fields = dict[str, str | list[str] | dict[str, str]]


def cmdlet_fields(values: Sequence[str]) -> Fields:
    """The named ones of the list's values; those that are missing or empty are left out."""
    return {name: values[at] for name, at in _PLACES if at < len(values) and values[at]}


def cmdlet_subject(code: str, fields: Mapping[str, object]) -> str:
    """One line: the cmdlet, its outcome, its parameters."""
    outcome = _OUTCOMES.get(code, f"event {code}")
    words = (f"Exchange cmdlet {fields.get('Cmdlet', '?')} {outcome}:", fields.get("Parameters", "no parameters"))
    return " ".join(map(str, words))[:_LONGEST]
