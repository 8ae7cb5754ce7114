"""What the program tells of itself, in lines: parsers, rules; and instants as the command line takes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from parsers import load as load_parsers
from shellcase.errors import UsageError
from shellcase.rooms import RULES
from shellcase.rulebook import load as load_rules


def instant(text: str) -> str:
    """An ISO 8601 time from the command line as UTC text. UsageError when it is none, or has no zone and no Z."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no time", todo="write it like 2021-03-03T06:49:42Z") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def between(since: str, until: str) -> tuple[str, str]:
    """Both ends as UTC text, empty where none was given. UsageError when it ends before it begins."""
    first, last = (instant(text) if text else "" for text in (since, until))
    if first and last and last < first:
        raise UsageError("the period ends before it begins", f"{first} to {last}", "swap --since and --until")
    return first, last


def nanoseconds(text: str) -> int:
    """The same instant in UTC nanoseconds since 1970."""
    moment = datetime.fromisoformat(instant(text))
    whole = int(moment.replace(microsecond=0).timestamp())
    return whole * 10**9 + moment.microsecond * 1000


def parser_lines() -> Iterator[str]:
    """One paragraph per parser, for people."""
    for parser in load_parsers():
        yield f"{parser.name} v{parser.version}"
        yield f"    reads   {', '.join(parser.definitions)}"
        yield f"    yields  {', '.join(k.name for k in parser.yields)}"


_PLACES = re.compile(r"\{(\w+)(?:\|[^|{}]*\|([^|{}]*))?\}")


def _place(match: re.Match[str]) -> str:
    """A place that a finding fills, as people read it: `<page>`, or `<count> records` for `{count|record|records}`."""
    return f"<{match[1]}> {match[2]}" if match[2] else f"<{match[1]}>"


def rule_lines(rule_id: str) -> Iterator[str]:
    """A line per rule, or one rule with its words. UsageError for an unknown id."""
    rules = load_rules(RULES).rules
    if not rule_id:
        yield from (f"{r.id}  v{r.version}  {r.claim:<10}  {r.weight:<6}  {r.title}" for r in rules)
        return
    rule = next((r for r in rules if r.id.lower() == rule_id.lower()), None)
    if rule is None:
        raise UsageError("no such rule", rule_id, "`shellcase rules` lists them")
    yield f"{rule.id} v{rule.version}: {rule.title}"
    yield f"claim {rule.claim}, weight {rule.weight}, ATT&CK {', '.join(rule.attack)}, reads {', '.join(rule.kinds)}"
    yield f"record: {_PLACES.sub(_place, rule.observation)}"
    yield f"inference: {rule.inference}"
    yield from (f"what else: {a}" for a in rule.alternatives)
    yield from (f"limit ({one.kind}): {one.text}" for one in rule.limits)
    yield rule.sql
