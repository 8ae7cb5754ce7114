"""`python -m bench.sorting [ROWS]`: synthetic events in shards, our merge of them, and two exports of the whole.

20 million rows unless told otherwise; with fewer, a tenth of them is made into lines for Timesketch, which is slow and
takes its rows from the same reader. They are as wide as those of an IIS log (about 600 bytes each in memory) and lie
in the shards in no order at all, which is the worst case: a real log is mostly in order. Exports go to a file object
that counts the bytes and keeps nothing. Each step is a process of its own, its memory that of the whole process tree.
"""

from __future__ import annotations

import shutil
import sys
from io import RawIOBase
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import pyarrow as pa

from bench import inputs
from bench.tree import Ran, run
from bench.verdicts import Verdicts
from shellcase import placing
from shellcase.case import Case, CaseMeta
from shellcase.export import export
from shellcase.model import EventBatch
from shellcase.timeline import Ids, Timeline, complete_batch, write_sorted

ROWS = 20_000_000
SHARD = 500_000
LINE = 230
LIMIT = 1536
"""MiB: what the process tree may need."""
ROOM = 1100
"""Bytes of disk that one row needs for a while: its shard, DuckDB's runs, the timeline."""
FORMS = ("parquet", "timesketch")
_SOURCE = "SRC-01"


class Counter(RawIOBase):
    """A file that counts what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.size = 0

    def writable(self) -> bool:
        """It may be written to."""
        return True

    def write(self, data: object, /) -> int:
        """Count, keep nothing."""
        size = memoryview(cast("bytes", data)).nbytes
        self.size += size
        return size


def make(folder: Path, rows: int) -> None:
    """Shards of synthetic events: the same texts in each, times and places of their own."""
    chance = np.random.default_rng(23)
    folder.mkdir(parents=True)
    texts = _texts(chance.integers(0, 1 << 32, SHARD))
    for n, first in enumerate(range(0, rows, SHARD)):
        count = min(SHARD, rows - first)
        ids = Ids(parser="iis.w3c", source_id=_SOURCE, host="EX01", artifact_id=f"{n:016x}", path=rf"C:\u_ex{n}.log")
        times = chance.integers(1_600_000_000_000_000, 1_615_000_000_000_000, count)
        places = {
            "ts": pa.array(times, pa.timestamp("us", tz="UTC")),
            "ts_ns": pa.array(np.zeros(count, np.int16)),
            "offset": pa.array(np.arange(count, dtype=np.int64) * LINE),
            "length": pa.array(np.full(count, LINE, np.int64)),
        }
        batch = pa.RecordBatch.from_pydict(places | {k: v.slice(0, count) for k, v in texts.items()})
        with placing.writer(folder / f"{n:04d}.parquet") as writer:
            table = pa.Table.from_batches([complete_batch(EventBatch(batch), ids)])
            writer.write_table(table, row_group_size=32_768)


def _texts(numbers: np.ndarray) -> dict[str, pa.Array]:
    given = {
        "kind": ["iis.request"] * len(numbers),
        "act": ["request"] * len(numbers),
        "ts_means": ["end"] * len(numbers),
        "user": [f"CONTOSO\\user{n % 500}" for n in numbers],
        "src_ip": [f"10.1.{n >> 8 & 255}.{n & 255}" for n in numbers],
        "url": [f"/EWS/Exchange.asmx?cafeReqId={n:08x}-1f2e-4c3d-8a9b-{n * 7:012x}" for n in numbers],
        "subject": [f"POST /EWS/Exchange.asmx from 10.1.{n >> 8 & 255}.{n & 255}: {n % 400}" for n in numbers],
        "data": [
            f'{{"site":"W3SVC1","s-ip":"10.0.0.5","cs-uri-query":"cafeReqId={n:08x}-1f2e-4c3d-8a9b-{n * 7:012x}",'
            f'"cs(User-Agent)":"Microsoft+Office/16.0+(Windows+NT+10)","sc-status":"200","time-taken":"{n % 3000}"}}'
            for n in numbers
        ],
    }
    return {k: pa.array(v) for k, v in given.items()}


def sort(folder: Path) -> int:
    """Merge the shards as a run does; returns the files of the timeline."""
    case = Case.create(folder / "case", CaseMeta(fingerprints=("bench",)))
    target = case.timeline_folder() / f"source={_SOURCE}"
    return len(write_sorted(sorted((folder / "shards").glob("*.parquet")), target, _SOURCE))


def exported(folder: Path, form: str, where: str) -> tuple[int, int]:
    """Rows and bytes of an export."""
    timeline, out = Timeline.connect(Case.open(folder / "case").timeline_folder()), Counter()
    return export(timeline, form, where, cast("BinaryIO", out)), out.size


def measure(rows: int, whole: int, limit: int, verdicts: Verdicts) -> None:
    """Make, sort, export so many rows of the `whole`; say what each took and, by arithmetic, what the whole would."""
    folder = inputs.FOLDER / "sorting"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    free = shutil.disk_usage(folder).free
    if rows * ROOM > free:
        rows = free // ROOM // SHARD * SHARD
        print(f"sorting: {free >> 30} GiB are free on the disk, so {rows} rows")
    print(f"sorting and exporting: {rows} rows")
    try:
        for step in ("make", "sort", *FORMS):
            part = 10 if step == "timesketch" and rows < whole else 1
            ran = run([sys.executable, "-m", "bench.sorting", step, str(folder), str(rows), str(part)])
            assert ran.code == 0, ran.out[-2000:]
            _tell(step, rows // part, whole, ran)
            if step != "make":
                at = "" if rows == whole else f", measured at {rows / part / whole:.3g} of them"
                sentence = f"memory of the process tree, {whole} events, {step}"
                verdicts.most(sentence, ran.peak, limit, "MiB", at)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tell(step: str, rows: int, whole: int, ran: Ran) -> None:
    times = whole / rows
    sums = "" if times == 1 else f"; {whole} rows: {ran.wall:.1f} s x {times:g} = {ran.wall * times:.0f} s"
    print(
        f"  {step:<11} {ran.wall:7.1f} s, {ran.cpu:7.1f} s of processor ({ran.cpu / rows * 1e6:.1f} µs a row), "
        f"{ran.peak} MiB{sums}  {ran.out.strip()}",
        flush=True,
    )


def main() -> None:
    """One step in this process, or all of them."""
    match sys.argv[1:]:
        case ["make", folder, rows, _part]:
            make(Path(folder) / "shards", int(rows))
        case ["sort", folder, _rows, _part]:
            print(f"{sort(Path(folder))} files")
        case [str(form), folder, _rows, part]:
            count, size = exported(Path(folder), form, f'"offset" < {SHARD * LINE // int(part)}')
            print(f"{count} rows, {size >> 20} MiB")
        case given:
            spoken = Verdicts()
            measure(int(given[0]) if given else ROWS, ROWS, LIMIT, spoken)
            spoken.tell()


if __name__ == "__main__":
    main()
