"""Rules: what a record would have to look like, in YAML with SQL; loaded whole, checked before the first one runs.

A rule's `sql` reads the views `timeline` and `live` (and those of views.yaml) and returns `event_id`, `group_key` and
named columns. One finding is made per `group_key`, `variant` and run of events without a gap above `gap` seconds.
Columns starting with `key_` are join keys for the chains; the others may stand in the texts as `{column}`.
A column `variant` names an entry of `variants`, which overrides claim, weight and texts for those groups.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
import yaml
from msgspec import Struct

from shellcase.errors import UsageError
from shellcase.model import Claim, Value, Weight

Stage = Literal["RECON", "SSRF", "AUTH", "CONFIG", "WRITE", "CLEANUP", "USE", "POST"]
LimitClass = Literal["INCOMP", "INAC-EX", "INAC-AS", "INAC-ALT", "INAC-COR", "MISINT"]

SPLIT = "·"
"""Breaks words in the rule files that virus scanners look for; removed from examples when they are loaded."""

OPINIONS = re.compile(r"\b(compromis\w*|stole\w*|attack\w*|exfiltrat\w*|malicious\w*|hack\w*|proof|confirmed)\b", re.I)
"""Words that no title or observation may use (evidence-and-report R-FND-4)."""

_FIELD = re.compile(r"\{(\w+)(?:\|([^|{}]*)\|([^|{}]*))?\}")
_T = TypeVar("_T", bound=Struct)


class Limit(Struct, frozen=True, forbid_unknown_fields=True, rename={"kind": "class"}):
    """A limit of the statement, with its class of error (ASTM E3016)."""

    kind: LimitClass
    text: str


class ExampleRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One made-up event: the columns that matter, the rest null. `data` is what the parser would put there."""

    kind: str
    ts: str | None = None
    path: str = r"C:\example.log"
    state: str = "live"
    act: str = "logged"
    user: str | None = None
    src_ip: str | None = None
    process: str | None = None
    command: str | None = None
    file_path: str | None = None
    url: str | None = None
    http_method: str | None = None
    http_status: int | None = None
    user_agent: str | None = None
    event_code: str | None = None
    channel: str | None = None
    provider: str | None = None
    data: dict[str, Value] = {}


class Example(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rows that must (or must not) lead to findings; `claim` is what every finding must then say."""

    why: str
    rows: tuple[ExampleRow, ...]
    claim: Claim | None = None
    findings: int = 1


class Examples(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the rule must find, and what it must leave alone."""

    match: tuple[Example, ...]
    no_match: tuple[Example, ...]


class Variant(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Overrides for groups whose `variant` column names it."""

    claim: Claim | None = None
    weight: Weight | None = None
    observation: str | None = None
    inference: str | None = None
    alternatives: tuple[str, ...] | None = None
    conflict: bool = False


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule. `kinds`: tested when any is in the case; `needs`: and all of these. Both `kind[:channel[:code]]`."""

    id: str
    version: int
    title: str
    claim: Claim
    weight: Weight
    stage: Stage
    family: str
    attack: tuple[str, ...]
    kinds: tuple[str, ...]
    needs: tuple[str, ...] = ()
    gap: int | None = 3600
    sql: str
    observation: str
    inference: str
    alternatives: tuple[str, ...]
    limits: tuple[Limit, ...]
    references: tuple[str, ...]
    variants: dict[str, Variant] = {}
    examples: Examples


class View(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A macro or a small table that several rules read, created once before they run."""

    name: str
    doc: str
    sql: str


class Rulebook(Struct, frozen=True, kw_only=True):
    """All rules in order of id, and the views they share."""

    rules: tuple[Rule, ...]
    views: tuple[View, ...] = ()

    def only(self, *ids: str) -> Rulebook:
        """The same book with just these rules."""
        return Rulebook(rules=tuple(r for r in self.rules if r.id in ids), views=self.views)


class _RuleFile(Struct, frozen=True, forbid_unknown_fields=True):
    rules: tuple[Rule, ...]


class _ViewFile(Struct, frozen=True, forbid_unknown_fields=True):
    views: tuple[View, ...]


def load(folder: Path) -> Rulebook:
    """Read every rule file of a folder; the first mistake raises UsageError naming the file."""
    rules: list[Rule] = []
    views: tuple[View, ...] = ()
    for path in sorted(folder.glob("*.yaml")):
        if path.name == "views.yaml":
            views = _convert(path, _ViewFile).views
        else:
            rules += _convert(path, _RuleFile).rules
    seen: set[str] = set()
    for rule in rules:
        problem = f"there are two rules {rule.id}" if rule.id in seen else _problem(rule)
        if problem:
            raise UsageError(problem, where=str(folder))
        seen.add(rule.id)
    return Rulebook(rules=tuple(sorted(rules, key=lambda r: r.id)), views=views)


def _convert(path: Path, into: type[_T]) -> _T:
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        return msgspec.convert(_joined(raw), into)
    except (yaml.YAMLError, msgspec.ValidationError, UnicodeDecodeError) as e:
        raise UsageError(f"a rule file cannot be read: {e}", where=str(path)) from e


def _joined(raw: object, inside: bool = False) -> object:
    """Undo the splitting of words inside `examples`."""
    match raw:
        case dict():
            return {k: _joined(v, inside or k == "examples") for k, v in raw.items()}
        case list():
            return [_joined(v, inside) for v in raw]
        case str() if inside:
            return raw.replace(SPLIT, "")
        case _:
            return raw


def _problem(rule: Rule) -> str | None:
    texts = [rule.title, rule.observation, *(v.observation for v in rule.variants.values() if v.observation)]
    for text in texts:
        if found := OPINIONS.search(text):
            return f"{rule.id}: {found[0]!r} is an opinion; titles and observations state what the record says"
    if rule.claim == "confirmed" and rule.weight != "proof":
        return f"{rule.id}: only weight proof may claim confirmed without a variant"
    if not (rule.examples.match and rule.examples.no_match):
        return f"{rule.id}: needs an example that matches and one that does not"
    return None


def fill(template: str, values: dict[str, str]) -> str:
    """The sentence with its values; `{count|request|requests}` counts; what the records do not give is said so."""
    return _FIELD.sub(lambda m: _filled(m, values), " ".join(template.split()))


def _filled(match: re.Match[str], values: dict[str, str]) -> str:
    value = values.get(match[1]) or "not recorded"
    return value if match[2] is None else f"{value} {match[2] if value == '1' else match[3]}"
