"""`python -m bench` (below 8 minutes) and `python -m bench --full` (all peers on the whole inputs, all of collecting).

Ours is `bench.engine` in a process of its own: from the start of the interpreter to Parquet and ledger. Peers follow
each other in the same run. The machine may be shared with others: processor seconds stand beside those of the clock.
`--scale 20` takes a twentieth of everything, to try the bench itself; `--only evtx,sorting` some parts of it.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from functools import partial

from bench import collecting, racing, sorting, triage, verifying
from bench.racing import JOBS, LIMIT
from bench.verdicts import Verdicts
from shellcase.confine import MIB, share

MINUTES = 8.0


def main() -> None:
    """Print everything, and at the end what was reached."""
    given, verdicts, begun = _given(), Verdicts(), time.perf_counter()
    print(f"{os.cpu_count()} processors, {JOBS} jobs, load {os.getloadavg()[0]:.1f}, sizes 1/{given.scale}")
    for name, part in _parts(given, verdicts).items():
        if not given.only or name in given.only:
            since = time.perf_counter()
            part()
            print(f"  ({name}: {time.perf_counter() - since:.0f} s)", flush=True)
    most = min(512 * MIB, int(1.2 * (1 << 30)) // JOBS)
    verdicts.most("memory limit of a worker", share(JOBS) / MIB, most / MIB, "MiB")
    if not given.full:
        verdicts.most("`make bench`", (time.perf_counter() - begun) / 60, MINUTES, "minutes")
    verdicts.tell()


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="slow peers, sorting and collecting whole: hours")
    parser.add_argument("--scale", type=int, default=1, help="take this part of all sizes (20: a twentieth)")
    parser.add_argument("--only", type=lambda s: s.split(","), help="parts, by name, with commas between")
    return parser.parse_args()


def _parts(given: argparse.Namespace, verdicts: Verdicts) -> dict[str, Callable[[], None]]:
    """Each part of the bench by its name, in order."""
    parts: dict[str, Callable[[], None]] = {}
    for one in racing.INPUTS:
        parts[one.kind] = partial(racing.measure, one.smaller(given.scale), verdicts, full=given.full)
    rows = sorting.ROWS // (1 if given.full else 10) // given.scale
    parts["sorting"] = lambda: sorting.measure(rows, sorting.ROWS, LIMIT, verdicts)
    parts["triage"] = lambda: triage.measure(given.scale * (1 if given.full else 10), verdicts)
    sets, rounds = (tuple(collecting.SETS), collecting.MANY) if given.full else (("small", "large"), collecting.FEW)
    parts["collecting"] = lambda: collecting.main(verdicts, sets, rounds)
    parts["verifying"] = lambda: verifying.verifying(verdicts)
    return parts


if __name__ == "__main__":
    main()
