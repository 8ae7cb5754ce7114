"""`python -m bench`: the whole job, then event logs and the $MFT beside other readers, alternating; medians.

Every round runs ours and the peer's one after the other, so that a machine whose speed drifts slows both.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from parsers import load
from shellcase.case import Case, CaseMeta, ObjectSource
from shellcase.model import Event, EventBatch, Item, Job
from shellcase.opening import close, open_case
from shellcase.rooms import DEMO
from shellcase.run import Run, execute

_ROUNDS = 5


def seconds(work: Callable[[], int]) -> tuple[float, int]:
    """Wall-clock seconds and the count that the work gives back."""
    start = time.perf_counter()
    count = work()
    return time.perf_counter() - start, count


def ours(name: str, case: Case, item: Item, scratch: Path) -> int:
    """Events of our parser for one artefact."""
    parser = next(p for p in load() if p.name == name)
    total = 0
    for out in parser.parse(Job(source=ObjectSource(case.evidence, item, scratch))):
        total += out.batch.num_rows if isinstance(out, EventBatch) else isinstance(out, Event)
    return total


def dissect_evtx(case: Case, item: Item) -> int:
    """Records by dissect.eventlog."""
    from dissect.eventlog import evtx

    with (case.evidence / str(item.object)).open("rb") as fh:
        return sum(1 for _ in evtx.Evtx(fh))


def dissect_mft(case: Case, item: Item) -> int:
    """Entries by dissect.ntfs, with the names and times that an event needs."""
    from dissect.ntfs import mft

    with (case.evidence / str(item.object)).open("rb") as fh:
        return sum(1 for record in mft.Mft(fh).segments() if record.filenames() is not None)


def race(label: str, mine: Callable[[], int], theirs: Callable[[], int], peer: str) -> None:
    """Alternate both and print medians and their ratio, per unit of what each counts."""
    rounds = [(seconds(mine), seconds(theirs)) for _ in range(_ROUNDS)]
    a = statistics.median(r[0][0] for r in rounds)
    b = statistics.median(r[1][0] for r in rounds)
    ratio = statistics.median(r[1][0] / r[0][0] for r in rounds)
    n, m = rounds[0][0][1], rounds[0][1][1]
    mine_text, peer_text = f"ours {n / a:>9.0f}/s ({a:.2f} s)", f"{peer} {m / b:>9.0f}/s ({b:.2f} s)"
    print(f"{label:<28} {mine_text}   {peer_text}   {ratio:.1f} times as fast")


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        case, images = open_case(folder / "case", CaseMeta(), (DEMO / "EX01.E01",), clobber=False)
        took, code = seconds(lambda: execute(Run(case=case, images=images)))
        close(images)
        print(f"{'EX01, image to report':<28} {took:.1f} s, exit code {code}")
        items = list(case.items())
        log = max((i for i in items if i.cls == "evtx"), key=lambda i: i.size)
        table = max((i for i in items if i.path.endswith("$MFT")), key=lambda i: i.size)
        scratch = folder
        race(
            "largest event log",
            lambda: ours("windows.evtx", case, log, scratch),
            lambda: dissect_evtx(case, log),
            "dissect.eventlog",
        )
        race("$MFT", lambda: ours("ntfs.mft", case, table, scratch), lambda: dissect_mft(case, table), "dissect.ntfs")


if __name__ == "__main__":
    main()
