"""Ours on a made input and a tenth of it, then the others on the same bytes, and what that says of the targets."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench import inputs, peers
from bench.engine import prepare
from bench.tree import Ran, run
from bench.verdicts import Verdicts

JOBS = 2
LIMIT = 1536
"""MiB: what the process tree may need."""
GROWTH = 11.0
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Input:
    """What is read, at full size. `target`: records a second. `slices`: records a peer reads; `times`: how many times
    its records a second are wanted.
    """

    kind: str
    unit: str
    make: Callable[[Path, int], int]
    amount: int
    target: int = 0
    slices: Mapping[str, int] = field(default_factory=dict)
    times: Mapping[str, int] = field(default_factory=dict)

    def smaller(self, scale: int) -> Input:
        """The same with a part of everything."""
        slices = {k: max(v // scale, 500) for k, v in self.slices.items()}
        return replace(self, amount=self.amount // scale, slices=slices)

    def made(self, part: int) -> tuple[Path, int]:
        """The file of the whole amount (1) or of a part (10: a tenth), and its records."""
        amount = self.amount // part
        return inputs.made(f"{self.kind}-{amount}", lambda path: self.make(path, amount))


INPUTS = (
    Input("evtx", "records", inputs.evtx, 256 * _MIB, 0, {"plaso": 2_500, "dissect": 8_000}, {"plaso": 100}),
    Input(
        *("iis", "lines", inputs.iis, 2_000_000, 600_000),
        {"plaso": 30_000, "dissect": 40_000},
        {"plaso": 300, "dissect": 50},
    ),
    Input("httpproxy", "rows", inputs.httpproxy, 500_000, 200_000),
    Input("mft", "entries", inputs.mft, 1_000_000, 100_000, {"plaso": 20_000, "dissect": 20_000}),
)


@dataclass(frozen=True, slots=True)
class Counts:
    """The account of one artefact."""

    found: int
    parsed: int
    failed: int
    raw: int
    events: int


def ours(kind: str, file: Path) -> tuple[Counts, Ran]:
    """The whole way, in a process of its own; its input is read once before, as those of the peers have just been."""
    with file.open("rb") as stream:
        while stream.read(8 * _MIB):
            pass
    with tempfile.TemporaryDirectory(dir=inputs.FOLDER) as name:
        prepare(Path(name) / "case", kind, file)
        ran = run([sys.executable, "-m", "bench.engine", str(Path(name) / "case"), str(JOBS)])
    assert ran.code == 0, ran.out[-2000:]
    return Counts(*map(int, ran.out.split()[-5:])), ran


def tell(label: str, count: int, unit: str, ran: Ran, note: str = "") -> None:
    """One line."""
    speed = f"{count / ran.wall:>9.0f} {unit}/s"
    print(
        f"  {label:<28} {speed:<20} {ran.wall:7.2f} s, {ran.cpu:7.2f} s of processor, {ran.peak:5d} MiB  {note}",
        flush=True,
    )


def measure(one: Input, verdicts: Verdicts, *, full: bool) -> None:
    """A tenth, the whole, the peers."""
    small, _count = one.made(10)
    big, count = one.made(1)
    print(f"{one.kind}: {count} {one.unit}, {big.stat().st_size >> 20} MiB")
    few, tenth = ours(one.kind, small)
    tell("ours, a tenth", few.found, one.unit, tenth)
    counts, whole = ours(one.kind, big)
    growth = f"time {whole.wall / tenth.wall:.1f}, processor {whole.cpu / tenth.cpu:.1f} times that of a tenth"
    said = f"{counts.events} events, {counts.failed} failed, {counts.raw} kept raw; {growth}"
    tell("ours", count, one.unit, whole, said)
    _targets(one, count, counts, tenth, whole, verdicts)
    if one.kind == "evtx":
        read, ran = peers.pyevtx(big)
        tell("PyEvtxParser, iterated", read, one.unit, ran)
        verdicts.most("evtx beside PyEvtxParser, merely iterated", whole.wall / ran.wall, 2, "times its wall time")
    for peer in one.slices:
        _beside(one, peer, big, count, whole, verdicts, full=full)


def _targets(one: Input, count: int, counts: Counts, tenth: Ran, whole: Ran, verdicts: Verdicts) -> None:
    kind = one.kind
    if one.target:
        note = f"; {count / whole.cpu:.0f} a second of one processor"
        verdicts.least(f"{kind}: speed", count / whole.wall, one.target, f"{one.unit}/s", note)
    lost = max(count - counts.events, 0) + counts.failed
    held = counts.parsed + counts.failed == counts.found >= count and not lost
    verdicts.add(f"{kind}: none of {count} {one.unit} is lost", f"{counts}", held)
    note = f"; processor {whole.cpu / tenth.cpu:.1f} times"
    verdicts.most(f"{kind}: time of ten times the input", whole.wall / tenth.wall, GROWTH, "times", note)
    verdicts.most(f"{kind}: memory of the process tree", max(whole.peak, tenth.peak), LIMIT, "MiB")


def _beside(one: Input, peer: str, big: Path, count: int, whole: Ran, verdicts: Verdicts, *, full: bool) -> None:
    """A slow peer on its slice, by records a second."""
    wanted = one.times.get(peer, 0)
    sentence = f"{one.kind} beside {peer}" + (f": at least {wanted} times as fast" if wanted else "")
    absent = peers.absent(peer)
    if absent:
        print(f"  {peer:<28} skipped: {absent}")
        verdicts.add(sentence, absent, None)
        return
    part = peers.sliced(one.kind, big, count if full else one.slices[peer], count)
    records = peers.records_of(one.kind, part)
    given, ran = peers.WORK[peer](one.kind, part)
    if not given:
        print(f"  {peer:<28} gave nothing for this input (exit code {ran.code})")
        verdicts.add(sentence, f"{peer} gave nothing, exit code {ran.code}", None)
        return
    faster, work = count / whole.wall * ran.wall / records, count / whole.cpu * ran.cpu / records
    tell(f"{peer}, {records} {one.unit}", records, one.unit, ran, f"{given} {peers.UNIT[peer]}")
    figures = f"{faster:.0f} times as fast by {one.unit}/s, {work:.0f} times by seconds of the processor"
    verdicts.add(sentence, figures, faster >= wanted)
