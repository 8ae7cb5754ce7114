"""Collecting beside merely hashing, and beside `acquire`: four large and 3 000 small files on a warm raw image.

Every contestant is a process of its own, and all run in turn, round by round, so that a machine whose speed drifts
slows all of them. What they do:

`hashing only` opens the image with our own reader, finds the files, reads their bytes and makes MD5, SHA-1 and SHA-256
of them in one process; of files in several pieces the slow MD5 goes on in a thread beside the other two. It keeps
nothing. Its speed is the measure: collecting is to have 0.8 of it.

`in memory` makes the three digests in the same way of as many bytes that lie in memory already.

`collecting` is the product: the same files looked for by a definition, read, hashed three times, written into a new
case, read back with SHA-256, made durable, recorded, and listed at the end.

`acquire` writes the files below the same path into a folder; it neither reads back nor waits for the disk. With its
own hashing it makes the three digests too, reading once more; its module leaves out files above 100 MiB.

Floor and ceiling: MD5 is one chain of steps that no second processor shortens, so no speed is above that of `in memory`
(the three digests of bytes that are there); what the 0.8 leaves is a quarter more than that time, for reading, writing
and reading back.

Speeds are of the work without the start of the interpreter; against `acquire` whole processes are compared. Needs
root, mkntfs and ntfs-3g.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import structs

from bench.verdicts import Verdicts
from collector.buffers import Buffers
from collector.collect import Plan, collect
from collector.definitions import load
from collector.image import open_source
from collector.runs import pieces
from collector.survey import survey
from shellcase.case import Case, CaseMeta
from shellcase.case.digests import Hashes, Lanes, hash_only

MIB = 1 << 20
SETS = {"small": "3 000 files of 1-16 KiB", "large": "4 files of 512 MiB", "huge": "1 file of 4 GiB"}
MANY, FEW = (5, 2), (2, 1)
"""Rounds of ours and of the slow peer."""
MEMORY = 400
_HUGE = 4096 * MIB
_DEFINITION = (
    "name: BenchFiles\ndoc: x\nsources: [{type: FILE, attributes: {paths: ['\\bench\\*'], separator: '\\'}}]\n"
)


def make_image(path: Path, sizes: list[int]) -> None:
    """An NTFS volume with files of these sizes below \\bench, of bytes that no packer makes smaller.

    None holds a `<`: among random bytes every sixteenth small file would have `<%`, count as a script and be packed.
    """
    total = sum(sizes) + len(sizes) * 8192 + 64 * MIB
    with path.open("wb") as fh:
        fh.truncate(total)
    subprocess.run(["mkntfs", "-q", "-Q", "-F", str(path)], check=True, capture_output=True)
    mount = path.with_suffix(".mount")
    mount.mkdir()
    subprocess.run(["ntfs-3g", str(path), str(mount)], check=True, capture_output=True)
    try:
        (mount / "bench").mkdir()
        source = random.Random(7)  # noqa: S311 - any bytes do
        for n, size in enumerate(sizes):
            with (mount / "bench" / f"file{n:05d}.log").open("wb") as fh:
                for at in range(0, size, MIB):
                    fh.write(source.randbytes(min(MIB, size - at)).replace(b"<", b"="))
    finally:
        subprocess.run(["umount", str(mount)], check=True)


# -- the contestants: each gives back the bytes it worked on -----------------------------------------------------------


def hashing_only(image_path: Path, _folder: Path) -> int:
    """Read every file as the collector does and hash it."""
    lanes, buffers, total = Lanes(), Buffers(), 0
    with closing(open_source(image_path)) as image:
        volume = survey(image)[0]
        for entry in sorted((e for e in volume.tree.files if e.name.startswith("file")), key=lambda e: e.record):
            file = volume.fs.file(entry.record)
            assert file is not None
            stream = file.streams[0]
            chunks = (p.data for p in pieces(volume.fs.reader, volume.fs.cluster, stream, buffers=buffers))
            total += _hashed(chunks, lanes, alone=stream.size < MIB)
    return total


def _hashed(chunks: Iterator[bytes | memoryview], lanes: Lanes, *, alone: bool) -> int:
    """Bytes hashed; one piece alone costs more to hand over to a thread than to hash."""
    if alone:
        data = b"".join(chunks)
        Hashes(data).stored(None, "held")
        return len(data)
    return hash_only(chunks, lanes).size


def in_memory(image_path: Path, _folder: Path) -> int:
    """Hash bytes that are there already, in pieces as long as the reader's."""
    sizes, lanes, piece = _sizes(image_path.stem), Lanes(), random.Random(3).randbytes(MIB)  # noqa: S311 - any bytes do
    for size in sizes:
        chunks = (piece[: min(MIB, size - at)] for at in range(0, size, MIB))
        _hashed(chunks, lanes, alone=size < MIB)
    return sum(sizes)


def collecting(image_path: Path, folder: Path) -> int:
    """The collector, with everything it always does."""
    definitions = folder / "definitions"
    definitions.mkdir()
    (definitions / "bench.yaml").write_text(_DEFINITION, encoding="utf-8")
    with closing(open_source(image_path)) as image:
        case = Case.create(folder / "case", CaseMeta(fingerprints=(image.fingerprint,)))
        catalogue = load(also=definitions)
        alone = structs.replace(catalogue.profiles, profiles={"bench": ("BenchFiles",)})
        done = collect(image, case, Plan(catalogue=structs.replace(catalogue, profiles=alone), profile="bench"))
        case.finish_collection()
    return done.bytes


WORK: dict[str, Callable[[Path, Path], int]] = {
    "in memory": in_memory,
    "hashing only": hashing_only,
    "collecting": collecting,
}


def _sizes(name: str) -> list[int]:
    chance = random.Random(11)  # noqa: S311 - any sizes do
    sizes = {"large": [512 * MIB] * 4, "huge": [_HUGE]}
    return sizes.get(name) or [chance.randint(1024, 16384) for _ in range(3000)]


# -- races -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ran:
    """One process: bytes, seconds of its work, of the whole process, of the processors; largest memory in MiB."""

    bytes: int
    work: float
    whole: float
    cpu: float
    peak: int
    note: str = ""


def _run(command: list[str], folder: Path) -> tuple[Ran, str]:
    begun = time.perf_counter()
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        said = process.stdout.read()
        _pid, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    whole = time.perf_counter() - begun
    assert process.returncode == 0, f"{command} ended with {process.returncode}: {said[-2000:]}"
    return Ran(0, whole, whole, used.ru_utime + used.ru_stime, used.ru_maxrss >> 10), said


def ours(work: str, image: Path, folder: Path) -> Ran:
    """One of WORK in a process of its own."""
    environment = [sys.executable, "-m", "bench.collecting", work, str(image), str(folder)]
    ran, said = _run(environment, Path(__file__).resolve().parents[1])
    told = json.loads(said)
    assert told["bytes"] == sum(_sizes(image.stem)), f"{work} worked on {told['bytes']} bytes"
    return Ran(told["bytes"], told["seconds"], ran.whole, ran.cpu, told["peak"])


def acquire(image: Path, folder: Path, *options: str) -> Ran:
    """The peer on the same path."""
    program = str(Path(sys.executable).parent / "acquire")
    command = [program, str(image), "--force", "-o", str(folder), "--no-gui", "-p", "none", "-ot", "dir"]
    ran, _said = _run([*command, "--path", "/bench", *options], folder)
    taken = sum(p.stat().st_size for p in folder.rglob("file*.log"))
    assert taken == sum(_sizes(image.stem)), f"acquire took {taken} bytes"
    return Ran(taken, ran.work, ran.whole, ran.cpu, ran.peak)


def acquire_hashing(image: Path, folder: Path) -> Ran:
    """The same with its module for hashing."""
    ran = acquire(image, folder, "--hashes", "--glob-to-hash", "bench/*")
    lists = folder.rglob("file-hashes.csv.gz")
    rows = sum(len(gzip.decompress(p.read_bytes()).splitlines()) - 1 for p in lists)
    return replace(ran, note=f"its module hashed {rows} of {len(_sizes(image.stem))} files")


def race(image: Path, base: Path, rounds_of: tuple[int, int], *, once: bool) -> dict[str, list[Ran]]:
    """Every contestant in turn, round by round; the slow peer in the first ones only. `once`: ours, for memory."""
    rounds: dict[str, list[Ran]] = {}
    peers = {"acquire": acquire, "acquire, hashing": acquire_hashing}
    installed = (Path(sys.executable).parent / "acquire").exists()
    for n in range(1 if once else rounds_of[0]):
        for work in WORK:
            rounds.setdefault(work, []).append(ours(work, image, _folder(base, image)))
        for name, peer in peers.items() if installed and n < rounds_of[1] and not once else ():
            rounds.setdefault(name, []).append(peer(image, _folder(base, image)))
    return rounds


def _folder(base: Path, image: Path) -> Path:
    """A new folder. Large ones of former rounds go; small files stay to the end, as ext4 is slow where many went."""
    kept = base / image.stem
    if kept.exists() and image.stem != "small":
        shutil.rmtree(kept)
    kept.mkdir(exist_ok=True)
    return Path(tempfile.mkdtemp(dir=kept))


def tell(label: str, rounds: dict[str, list[Ran]], verdicts: Verdicts) -> None:
    """Medians, and the median of the ratios round by round."""
    for name, runs in rounds.items():
        work, whole, cpu = (statistics.median(getattr(r, k) for r in runs) for k in ("work", "whole", "cpu"))
        pairs = list(zip(runs, rounds["hashing only"], rounds["collecting"], strict=False))
        ratio = statistics.median(h.work / r.work for r, h, _c in pairs)
        faster = statistics.median(r.whole / c.whole for r, _h, c in pairs)
        print(
            f"  {name:<18} {runs[0].bytes / work / MIB:8.1f} MiB/s  {ratio:5.2f} x hashing only   "
            f"whole process {whole:6.2f} s = {faster:5.2f} x collecting, {cpu:5.1f} s of processor, "
            f"{max(r.peak for r in runs):4d} MiB   {runs[0].note}"
        )
        if name == "collecting":
            verdicts.least(f"collecting {label} beside merely hashing", ratio, 0.8, "times its speed")
            verdicts.most(f"memory of collecting {label}", max(r.peak for r in runs), MEMORY, "MiB")
        if name.startswith("acquire"):
            verdicts.least(f"collecting {label} beside {name}", faster, 1, "times as fast")
    memory, floor = (statistics.median(r.bytes / r.work for r in rounds[k]) for k in ("in memory", "hashing only"))
    print(
        f"  ceiling {memory / MIB:.0f} MiB/s (MD5 in memory), floor {0.8 * floor / MIB:.0f} MiB/s (0.8 of hashing only)"
    )


def main(verdicts: Verdicts, sets: Sequence[str] = tuple(SETS), rounds: tuple[int, int] = MANY) -> None:
    """Print the tables, or why there are none."""
    absent = [t for t in ("mkntfs", "ntfs-3g") if shutil.which(t) is None]
    if absent or not hasattr(os, "geteuid") or os.geteuid() != 0:
        print(f"collecting                   not measured: needs root, mkntfs and ntfs-3g (absent: {absent or 'root'})")
        verdicts.add("collecting beside merely hashing: at least 0.8", "needs root, mkntfs and ntfs-3g", None)
        return
    with tempfile.TemporaryDirectory() as name:
        for set_name in sets:
            label, image = SETS[set_name], Path(name) / f"{set_name}.raw"
            make_image(image, _sizes(set_name))
            subprocess.run(["cat", str(image)], stdout=subprocess.DEVNULL, check=True)  # warm
            print(f"collecting {label}, {os.cpu_count()} processors")
            tell(label, race(image, Path(name), rounds, once=set_name == "huge"), verdicts)
            image.unlink()


def _work() -> None:
    """The other side of `ours`."""
    work, image, folder = sys.argv[1:]
    begun = time.perf_counter()
    count = WORK[work](Path(image), Path(folder))
    print(json.dumps({"bytes": count, "seconds": time.perf_counter() - begun, "peak": _peak()}))


def _peak() -> int:
    """Largest memory of this process in MiB; what `wait4` tells may be that of the process which started it."""
    told = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) >> 10 for line in told.splitlines() if line.startswith("VmHWM:"))


if __name__ == "__main__":
    if len(sys.argv) == 4:
        _work()
    else:
        spoken = Verdicts()
        main(spoken)
        spoken.tell()
