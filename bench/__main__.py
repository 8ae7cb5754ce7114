"""`python -m bench` (below 8 minutes) and `python -m bench --full` (all peers on the whole inputs, all of collecting).

Ours is `bench.engine` in a process of its own: from the start of the interpreter to Parquet and ledger. Peers follow
each other in the same run. The machine may be shared with others: processor seconds stand beside those of the clock.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import collecting, inputs, peers, verifying
from bench.engine import prepare
from bench.tree import Ran, run

JOBS = 2
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Input:
    """What is read: at full size and a tenth of it, and what is to be reached, in records a second."""

    kind: str
    unit: str
    make: Callable[[Path, int], int]
    amount: int
    target: int
    slice: int

    def made(self, part: int) -> tuple[Path, int]:
        """The file of the whole amount (1) or of a part (10: a tenth), and its records."""
        amount = self.amount // part
        return inputs.made(f"{self.kind}-{amount}", lambda path: self.make(path, amount))


INPUTS = (
    Input("evtx", "records", inputs.evtx, 256 * _MIB, 0, 2_500),
    Input("iis", "lines", inputs.iis, 2_000_000, 600_000, 1_000),
    Input("httpproxy", "rows", inputs.httpproxy, 500_000, 200_000, 0),
    Input("mft", "entries", inputs.mft, 1_000_000, 100_000, 5_000),
)


def ours(kind: str, file: Path) -> tuple[list[int], Ran]:
    """Found, parsed, failed, kept raw, events; and what it took."""
    with tempfile.TemporaryDirectory(dir=inputs.FOLDER) as name:
        prepare(Path(name) / "case", kind, file)
        ran = run([sys.executable, "-m", "bench.engine", str(Path(name) / "case"), str(JOBS)])
    assert ran.code == 0, ran.out[-2000:]
    return list(map(int, ran.out.split()[-5:])), ran


def tell(label: str, count: int, unit: str, ran: Ran, note: str = "") -> None:
    """One line."""
    speed = f"{count / ran.wall:>9.0f} {unit}/s"
    print(
        f"  {label:<28} {speed:<20} {ran.wall:7.2f} s, {ran.cpu:7.2f} s of processor, {ran.peak:5d} MiB  {note}",
        flush=True,
    )


def measure(one: Input, *, full: bool) -> None:
    """A tenth, the whole, the peers."""
    small, _count = one.made(10)
    big, count = one.made(1)
    print(f"{one.kind}: {count} {one.unit}, {big.stat().st_size >> 20} MiB")
    (few, *_rest), tenth = ours(one.kind, small)
    tell("ours, a tenth", few, one.unit, tenth)
    (found, parsed, failed, raw, events), whole = ours(one.kind, big)
    assert parsed + failed == found >= count
    growth = f"time {whole.wall / tenth.wall:.1f}, processor {whole.cpu / tenth.cpu:.1f} times that of a tenth"
    tell("ours", count, one.unit, whole, f"{events} events, {failed} failed, {raw} kept raw; {growth}")
    if one.target:
        share = count / whole.wall / one.target
        print(
            f"  {'target':<28} {one.target:>9d} {one.unit}/s: {share:.2f} of it, "
            f"{count / whole.cpu:.0f} a processor second"
        )
    compare(one, big, count, whole, full=full)


def compare(one: Input, big: Path, count: int, whole: Ran, *, full: bool) -> None:
    """The peers, by records per second."""
    if one.kind == "evtx":
        read, ran = peers.pyevtx(big)
        tell("PyEvtxParser, iterated", read, one.unit, ran, f"ours takes {whole.wall / ran.wall:.1f} times as long")
    if not one.slice:
        return
    part = big if full else peers.sliced(one.kind, big, one.slice, count)
    jobs: dict[str, Callable[[], tuple[int, Ran]]] = {"dissect, iterated": lambda: peers.dissect(one.kind, part)}
    absent = peers.plaso_ready()
    if absent:
        print(f"  plaso                        skipped: {absent}")
    else:
        jobs["plaso, events"] = lambda: peers.plaso(one.kind, part)
    for label, work in jobs.items():
        read, ran = work()
        if not read:
            print(f"  {label:<28} gave nothing for this input (exit code {ran.code})")
            continue
        mine, theirs = count / whole.wall, (peers.records_of(one.kind, part) or read) / ran.wall
        tell(label, read, one.unit, ran, f"ours is {mine / theirs:.0f} times as fast by {one.unit}")


def main() -> None:
    """Print everything; `--engine` only the engine."""
    full = "--full" in sys.argv
    print(f"{os.cpu_count()} processors, {JOBS} jobs, load {os.getloadavg()[0]:.1f}")
    for one in INPUTS:
        measure(one, full=full)
    if "--engine" not in sys.argv:
        if not full:
            collecting.SETS = {"small": collecting.SETS["small"]}
        collecting.main()
        verifying.verifying()


if __name__ == "__main__":
    main()
