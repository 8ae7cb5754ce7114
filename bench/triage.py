r"""`python -m bench.triage [PART]`: how soon a first answer comes from a disk of 1 TB that holds 40 GB of logs.

The disk is a sparse raw volume of 1 TB in every case; of the logs there is a tenth unless told otherwise (`1`: all 40
GB, which needs 100 GB of room), and what the whole would take is that time by ten, the fixed part not taken off. Of
the logs 60 % are IIS logs in files of 100 MB, 20 % event logs in files of 64 MiB, 20 % HttpProxy logs in files of 10
MB, as Exchange cuts them. All reads of the image go through one gate of 150 MB/s; what is written is not held back. The
first answer is the report after tier 0, which the product itself announces; with it the run is ended.
"""

from __future__ import annotations

import _thread
import shutil
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

from bench import inputs
from bench.racing import JOBS, LIMIT
from bench.tree import run
from bench.verdicts import Verdicts

DISK = 1_000_000_000_000
LOGS = 40_000_000_000
RATE = 150_000_000
MINUTES = 10.0
_MB = 1_000_000
_SHARES = {"iis": (60, 100 * _MB), "evtx": (20, 64 << 20), "httpproxy": (20, 10 * _MB)}
"""Per cent of the logs, bytes of a file."""
_FOLDERS = {
    "iis": ("inetpub/logs/LogFiles/W3SVC1", "u_ex{n:06d}.log"),
    "evtx": ("Windows/System32/winevt/Logs", "Application-{n}.evtx"),
    "httpproxy": ("Program Files/Microsoft/Exchange Server/V15/Logging/HttpProxy/Ews", "HttpProxy_2021{n:06d}-1.LOG"),
}
NEEDED = ("mkntfs", "ntfs-3g", "umount")


# -- the image ---------------------------------------------------------------------------------------------------------


def make_image(path: Path, size: int) -> int:
    """A sparse volume with so many bytes of logs; returns how many it got."""
    with path.open("wb") as fh:
        fh.truncate(DISK)
    subprocess.run(["mkntfs", "-q", "-Q", "-F", str(path)], check=True, capture_output=True)
    mount = path.with_suffix(".mount")
    mount.mkdir()
    subprocess.run(["ntfs-3g", "-o", "big_writes", str(path), str(mount)], check=True, capture_output=True)
    try:
        return sum(_logs(kind, mount, size) for kind in _SHARES)
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def _logs(kind: str, mount: Path, size: int) -> int:
    share, each = _SHARES[kind]
    folder, name = _FOLDERS[kind]
    (mount / folder).mkdir(parents=True)
    sample, written = _sample(kind, each), 0
    for n in range(max(1, size * share // 100 // each)):
        data = _different(kind, sample, n)
        (mount / folder / name.format(n=n)).write_bytes(data)
        written += len(data)
    return written


def _sample(kind: str, size: int) -> bytes:
    """One file of a kind, of about so many bytes."""
    make = {"iis": inputs.iis, "httpproxy": inputs.httpproxy, "evtx": inputs.evtx}[kind]
    amount = {"iis": size // 226, "httpproxy": size // 650, "evtx": size}[kind]
    path, _count = inputs.made(f"{kind}-{amount}", lambda p: make(p, amount))
    return path.read_bytes()


def _different(kind: str, sample: bytes, number: int) -> bytes:
    """The same file with other bytes where that changes no record, so that no file is a copy of another."""
    if kind == "evtx":
        return sample[:256] + number.to_bytes(8, "little") + sample[264:]
    return b"#Remark: file %d\r\n" % number + sample


# -- the run -----------------------------------------------------------------------------------------------------------


class Gate:
    """Lets so many bytes a second through, whoever asks."""

    def __init__(self, rate: int) -> None:
        self._rate, self._due, self._lock, self.passed = rate, time.monotonic(), threading.Lock(), 0

    def wait(self, count: int) -> None:
        """Come back when these bytes may have been read."""
        with self._lock:
            now = time.monotonic()
            self._due = max(self._due, now) + count / self._rate
            self.passed += count
            pause = self._due - now
        time.sleep(pause)


def _throttled(gate: Gate) -> None:
    from collector.blocks import FilePart

    read_at, read_into = FilePart.read_at, FilePart.read_into

    def slow_at(self: FilePart, offset: int, length: int) -> bytes:
        data = read_at(self, offset, length)
        gate.wait(len(data))
        return data

    def slow_into(self: FilePart, offset: int, view: memoryview) -> int:
        count = read_into(self, offset, view)
        gate.wait(count)
        return count

    FilePart.read_at, FilePart.read_into = slow_at, slow_into  # type: ignore[method-assign]


def first_answer(image_path: Path, folder: Path) -> None:
    """Run until the first answer; prints the seconds to its stages and to the end, and the bytes read."""
    from collector.image import open_source
    from shellcase.case import Case, CaseMeta
    from shellcase.run import Run, execute

    gate, begun, stages = Gate(RATE), time.perf_counter(), dict[str, float]()
    _throttled(gate)

    def progress(stage: str, _done: int, _total: int) -> None:
        said = stage.partition(":")[0]
        stages.setdefault(said, time.perf_counter() - begun)
        if said == "Partial":
            print(stage, flush=True)
            _thread.interrupt_main()

    with closing(open_source(image_path)) as image, suppress(KeyboardInterrupt):
        case = Case.create(folder, CaseMeta(fingerprints=(image.fingerprint,), profile="exchange"))
        execute(Run(case=case, images=(image,), verify="fast", jobs=JOBS, progress=progress))
    print(f"{stages['parse']} {stages.get('Partial', time.perf_counter() - begun)} {gate.passed}")


# -- the report --------------------------------------------------------------------------------------------------------


def measure(part: int, verdicts: Verdicts) -> None:
    """Make the image, run, print; `part`: which part of the logs there is (10: a tenth)."""
    sentence = f"first answer from a disk of 1 TB with 40 GB of logs at 150 MB/s: at most {MINUTES:g} minutes"
    absent = [t for t in NEEDED if shutil.which(t) is None]
    if absent:
        print(f"triage                       not measured: absent {absent}")
        verdicts.add(sentence, f"absent: {absent}", None)
        return
    folder = inputs.FOLDER / "triage"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        size = make_image(folder / "disk.raw", LOGS // part)
        ran = run([sys.executable, "-m", "bench.triage", "run", str(folder / "disk.raw"), str(folder / "case")])
        assert ran.code == 0, ran.out[-2000:]
        collected, first, passed = map(float, ran.out.split()[-3:])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    whole = first * LOGS / size
    print(
        f"triage: {size / _MB:.0f} MB of logs on a sparse disk of 1 TB, {passed / _MB:.0f} MB read at 150 MB/s\n"
        f"  collected after {collected:.1f} s, first answer after {first:.1f} s, {ran.cpu:.1f} s of processor, "
        f"{ran.peak} MiB\n"
        f"  40 GB by arithmetic: {first:.1f} s x 40000 / {size / _MB:.0f} = {whole:.0f} s, of which the gate alone "
        f"takes {LOGS / RATE:.0f} s",
        flush=True,
    )
    verdicts.add(
        sentence, f"{whole / 60:.1f} minutes, measured at {size / LOGS:.3g} of the logs", whole / 60 <= MINUTES
    )
    verdicts.most("memory of that run", ran.peak, LIMIT, "MiB")


def main() -> None:
    """One step in this process, or all of them."""
    match sys.argv[1:]:
        case ["run", image, folder]:
            first_answer(Path(image), Path(folder))
        case given:
            spoken = Verdicts()
            measure(int(given[0]) if given else 10, spoken)
            spoken.tell()


if __name__ == "__main__":
    main()
