"""The attack timeline as inline SVG: lanes by ATT&CK tactic above, coverage of the logs below. Pure, deterministic.

Colours come from classes in the page's stylesheet, so light, dark and print all work. Marks differ by shape and
pattern, not by colour alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from msgspec import Struct

_DAY = 86400 * 10**9
_LEFT, _WIDTH, _ROW, _LABEL = 170, 960, 22, 50

TACTICS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Initial access", ("T1190", "T1595")),
    ("Execution", ("T1059", "T1047")),
    ("Persistence", ("T1505", "T1136", "T1053", "T1098", "T1543")),
    ("Defence evasion", ("T1070", "T1564", "T1562", "T1036")),
    ("Credential access", ("T1003",)),
    ("Discovery", ("T1033", "T1016", "T1087", "T1018")),
    ("Collection", ("T1560", "T1114", "T1074")),
    ("Exfiltration", ("T1041", "T1567", "T1048")),
)


STYLES = ("shown", "traces", "attempted")


class Mark(Struct, frozen=True):
    """A finding on the time axis; `style` is one of STYLES."""

    number: str
    title: str
    attack: tuple[str, ...]
    first: int
    last: int
    style: str


class Band(Struct, frozen=True):
    """What a log covers: stretches of time that hold records."""

    name: str
    spans: tuple[tuple[int, int], ...]


def lane_of(attack: Sequence[str]) -> str:
    """The tactic under which a finding is drawn: that of its first technique that has one."""
    for technique in attack:
        for name, prefixes in TACTICS:
            if technique.startswith(prefixes):
                return name
    return "Other"


class _Axis:
    def __init__(self, low: int, high: int) -> None:
        pad = max((high - low) // 40, 3600 * 10**9)
        self.low, self.high = low - pad, high + pad

    def x(self, ns: int) -> float:
        share = (min(max(ns, self.low), self.high) - self.low) / (self.high - self.low)
        return _LEFT + share * (_WIDTH - _LEFT - _LABEL - 8)

    def ticks(self) -> list[int]:
        days = max(1, -(-(self.high - self.low) // (_DAY * 10)))
        first = -(-self.low // _DAY) * _DAY
        return list(range(first, self.high, days * _DAY))


def timeline(marks: Sequence[Mark], bands: Sequence[Band], day_name: dict[int, str]) -> str:
    """The drawing; empty when there is nothing to draw. `day_name` gives the text of each tick's day."""
    if not marks:
        return ""
    axis = _Axis(min(m.first for m in marks), max(m.last for m in marks))
    lanes = [name for name, _ in (*TACTICS, ("Other", ())) if any(lane_of(m.attack) == name for m in marks)]
    body: list[str] = []
    y = 34
    for name in lanes:
        drawn, rows = _lane([m for m in marks if lane_of(m.attack) == name], axis, y)
        body.append(f'<text x="8" y="{y + 15}" class="lane">{name}</text>')
        body += drawn
        y += rows * _ROW + 8
        body.append(f'<path d="M0 {y - 4}H{_WIDTH}" class="rule"/>')
    drawn, y = _bands(bands, axis, y + 16)
    return _frame(axis, y, [*body, *drawn], day_name)


def ticks(marks: Sequence[Mark]) -> list[int]:
    """The instants that `timeline` will label."""
    return _Axis(min(m.first for m in marks), max(m.last for m in marks)).ticks() if marks else []


def _lane(marks: Sequence[Mark], axis: _Axis, top: int) -> tuple[list[str], int]:
    """Marks of a lane: a row for each style, neighbours joined, moved down where labels would touch."""
    out: list[str] = []
    row = 0
    for style in STYLES:
        ends: list[float] = []
        for group in _joined([m for m in marks if m.style == style], axis):
            x = axis.x(group[0].first)
            width = max(9.0, axis.x(max(m.last for m in group)) - x)
            free = next((i for i, end in enumerate(ends) if end < x), len(ends))
            if free == len(ends):
                ends.append(0.0)
            label = _label(group)
            ends[free] = x + width + 8 + 7 * len(label)
            out.append(_mark(group, label, x, top + (row + free) * _ROW, width))
        row += len(ends)
    return out, max(1, row)


def _joined(marks: Sequence[Mark], axis: _Axis) -> list[list[Mark]]:
    """Marks in order of time; those that would be drawn over each other form one group."""
    groups: list[list[Mark]] = []
    reach = -1.0
    for mark in sorted(marks, key=lambda m: (m.first, m.number)):
        x, end = axis.x(mark.first), max(axis.x(mark.last), axis.x(mark.first) + 9)
        if groups and x <= reach + 3:
            groups[-1].append(mark)
        else:
            groups.append([mark])
        reach = max(reach, end)
    return groups


def _label(group: Sequence[Mark]) -> str:
    numbers = sorted(m.number for m in group)
    return ", ".join(numbers) if len(numbers) < 3 else f"{numbers[0]} … {numbers[-1]} ({len(numbers)})"


def _mark(group: Sequence[Mark], label: str, x: float, y: int, width: float) -> str:
    """A group of findings as one bar; the link leads to the first, the title names all."""
    title = escape("; ".join(f"{m.number}: {m.title}" for m in group[:12]) + ("; …" if len(group) > 12 else ""))
    room = 7 * len(label)
    at = f'x="{x + width + 4:.1f}"' if x + width + 4 + room < _WIDTH else f'x="{x - 4:.1f}" text-anchor="end"'
    inside = x + width + 4 + room >= _WIDTH and x - 4 - room < _LEFT
    if inside:
        at = f'x="{x + 6:.1f}"'
    return (
        f'<a href="#{group[0].number}"><title>{title}</title>'
        f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="14" rx="3" class="mark {group[0].style}"/>'
        f'<text {at} y="{y + 11}" class="num{" in" if inside else ""}">{escape(label)}</text></a>'
    )


def _bands(bands: Sequence[Band], axis: _Axis, y: int) -> tuple[list[str], int]:
    out = [f'<text x="8" y="{y}" class="lane">What the logs cover</text>'] if bands else []
    right = axis.x(axis.high)
    for band in bands:
        y += 20
        out.append(f'<text x="8" y="{y}" class="small">{escape(band.name)}</text>')
        out.append(f'<rect x="{_LEFT}" y="{y - 10}" width="{right - _LEFT:.1f}" height="12" class="gap"/>')
        for first, last in band.spans:
            if last < axis.low or first > axis.high:
                continue
            low, high = axis.x(first), axis.x(last)
            out.append(
                f'<rect x="{low:.1f}" y="{y - 10}" width="{max(2.0, high - low):.1f}" height="12" class="cover"/>'
            )
    return out, y + 16


def _frame(axis: _Axis, height: int, body: Sequence[str], day_name: dict[int, str]) -> str:
    grid = "".join(
        f'<path d="M{axis.x(t):.1f} 24V{height - 8}" class="grid"/>'
        f'<text x="{axis.x(t):.1f}" y="16" class="tick">{escape(day_name[t])}</text>'
        for t in axis.ticks()
    )
    return (
        f'<svg role="img" aria-labelledby="tl-t tl-d" viewBox="0 0 {_WIDTH} {height}" class="timeline">'
        '<title id="tl-t">Findings by ATT&amp;CK tactic over time (UTC)</title>'
        '<desc id="tl-d">Each mark is a finding; the same data stand in the table below the figure.</desc>'
        '<defs><pattern id="tl-gap" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        f'<path d="M0 0V6" class="hatch"/></pattern></defs>{grid}{"".join(body)}</svg>'
    )
