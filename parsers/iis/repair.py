"""Lines of an IIS log whose fields hold spaces: give every word back to the field it belongs to.

IIS separates fields by one space and escapes spaces in most, but not in all of them (user names above all). Fields
whose form is known (times, addresses, numbers) take exactly one word of that form and hold the others in place; the
remaining words go to the free fields, to the likeliest first. The choice is a shortest path, so no line is costly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

MOST_EXTRA = 256
"""More words too many than this make a line hopeless."""

_NUMBER = re.compile(r"\d+|-", re.ASCII)
_WORD = re.compile(r"\S+")
_ADDRESS = re.compile(r"[0-9A-Fa-f.:]+(?:%\w+)?|-", re.ASCII)
_FORMS = {
    "date": re.compile(r"\d{4}-\d\d-\d\d", re.ASCII),
    "time": re.compile(r"\d\d:\d\d:\d\d", re.ASCII),
    "s-ip": _ADDRESS,
    "c-ip": _ADDRESS,
    "cs-method": _WORD,
    "cs-version": _WORD,
    "s-sitename": _WORD,
    "s-computername": _WORD,
    "s-port": _NUMBER,
    "c-port": _NUMBER,
    "sc-status": re.compile(r"\d{1,5}|-", re.ASCII),
    "sc-substatus": _NUMBER,
    "sc-win32-status": _NUMBER,
    "sc-bytes": _NUMBER,
    "cs-bytes": _NUMBER,
    "time-taken": _NUMBER,
    "s-siteid": _NUMBER,
    "s-reason": _WORD,
    "streamid": _NUMBER,
    "streamid_ex": _NUMBER,
    "transport": _WORD,
}
_LIKELY = {"cs-username": 1, "cs(user-agent)": 2, "cs(cookie)": 2, "cs(referer)": 3, "cs-uri-query": 3}
_UNLIKELY = 4
_NEVER = 1 << 30

_Form = Callable[[str], re.Match[str] | None]


def fits(field: str, word: str) -> bool:
    """Whether a word has the form of a field; free fields take anything."""
    form = _FORMS.get(field.lower())
    return form is None or form.fullmatch(word) is not None


@lru_cache(maxsize=4)
def _grammar(fields: tuple[str, ...]) -> tuple[tuple[_Form | None, int], ...]:
    """For each field what takes exactly one word of its form, or else nothing, and the price of a word more."""
    names = [field.lower() for field in fields]
    return tuple((_FORMS[n].fullmatch if n in _FORMS else None, _LIKELY.get(n, _UNLIKELY)) for n in names)


def all_fit(fields: Sequence[str], words: Sequence[str]) -> bool:
    """Whether each word has the form of its field."""
    forms = _grammar(tuple(fields))
    return all(form is None or form(word) for (form, _price), word in zip(forms, words, strict=False))


def repair(fields: Sequence[str], words: Sequence[str]) -> list[str] | None:
    """The values of all fields, or None when the known forms cannot all be met."""
    extra = len(words) - len(fields)
    if not 0 <= extra <= MOST_EXTRA:
        return None
    if not extra:
        return list(words) if all_fit(fields, words) else None
    if usual := _given_to_likeliest(fields, words, extra):
        return usual
    # cost[e]: the least cost so far with e words given away beyond one per field; steps remember the way
    cost = [0] + [_NEVER] * extra
    steps: list[list[int]] = []
    for number, (form, price) in enumerate(_grammar(tuple(fields))):
        if form is None:
            cost, taken = _free(price, cost)
        else:
            cost, taken = _rigid(form, words[number : number + extra + 1], cost), [0] * (extra + 1)
            if min(cost) >= _NEVER:
                return None
        steps.append(taken)
    return _walk_back(words, steps, extra) if cost[extra] < _NEVER else None


def _given_to_likeliest(fields: Sequence[str], words: Sequence[str], extra: int) -> list[str] | None:
    """The values when all words too many go to the one likeliest field; no other way costs as little."""
    prices = [price for _form, price in _grammar(tuple(fields))]
    if prices.count(1) != 1:
        return None
    at = prices.index(1)
    values = [*words[:at], " ".join(words[at : at + extra + 1]), *words[at + extra + 1 :]]
    return values if all_fit(fields, [*words[: at + 1], *words[at + extra + 1 :]]) else None


def _rigid(form: _Form, words: Sequence[str], cost: Sequence[int]) -> list[int]:
    """Let a field of a known form take one word at each place that can be reached."""
    return [spent if spent < _NEVER and form(word) else _NEVER for spent, word in zip(cost, words, strict=True)]


def _free(price: int, cost: Sequence[int]) -> tuple[list[int], list[int]]:
    """Let a field take its first word at each possible place, and more words."""
    fresh: list[int] = [cost[0]]
    taken: list[int] = [0]
    for best in cost[1:]:
        longer = fresh[-1] + price < best
        taken.append(taken[-1] + 1 if longer else 0)
        fresh.append(fresh[-1] + price if longer else best)
    return fresh, taken


def _walk_back(words: Sequence[str], steps: Sequence[Sequence[int]], extra: int) -> list[str]:
    values: list[str] = []
    end, spent = len(words), extra
    for taken in reversed(steps):
        more = taken[spent]
        start = end - 1 - more
        values.append(" ".join(words[start:end]))
        end, spent = start, spent - more
    return values[::-1]
