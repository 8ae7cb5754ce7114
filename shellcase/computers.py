"""Which computer an event is of, in a case with several: findings of two machines never share a group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from collector.records import SourceRecord
from collector.samehost import same_machine
from shellcase.clean import plain

_LONGEST = 64


def computers_of(records: Sequence[SourceRecord]) -> Mapping[str, str]:
    """Source → what its computer is called. Empty for a case of one computer, where nothing needs telling apart.

    A source of which no identity is known counts as a computer of its own.
    """
    groups: list[list[SourceRecord]] = []
    for record in records:
        mine = next((g for g in groups if same_machine(g[0].host, record.host)), None)
        if mine is None:
            groups.append([record])
        else:
            mine.append(record)
    if len(groups) < 2:
        return {}
    names = [_name(g) for g in groups]
    labels = [n if names.count(n) == 1 else f"{n} ({g[0].source})" for n, g in zip(names, groups, strict=True)]
    return {r.source: label for label, g in zip(labels, groups, strict=True) for r in g}


def _name(group: Sequence[SourceRecord]) -> str:
    told = (r.host.name for r in group if r.host.name)
    return plain(next(told, group[0].source), _LONGEST)
