"""`python -m bench.collecting`: collection of large and of small files from a warm raw image.

Beside it, in the same rounds: hashing the very same bytes with the same three digests and doing nothing else, and
`acquire` on the same paths, with and without its hashing. Needs root, mkntfs and ntfs-3g.
"""

from __future__ import annotations

import hashlib
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from collector.collect import Plan, collect
from collector.definitions import load
from collector.image import open_source
from collector.runs import pieces
from collector.survey import survey
from shellcase.case import Case, CaseMeta

MIB = 1 << 20
ROUNDS = 5
_DEFINITION = (
    "name: BenchFiles\ndoc: x\nsources: [{type: FILE, attributes: {paths: ['\\bench\\*'], separator: '\\'}}]\n"
)


def make_image(path: Path, sizes: list[int]) -> None:
    """An NTFS volume with files of these sizes below \\bench, of bytes that no packer makes smaller."""
    total = sum(sizes) + len(sizes) * 8192 + 64 * MIB
    with path.open("wb") as fh:
        fh.truncate(total)
    subprocess.run(["mkntfs", "-q", "-Q", "-F", str(path)], check=True, capture_output=True)
    mount = path.with_suffix(".mount")
    mount.mkdir()
    subprocess.run(["ntfs-3g", str(path), str(mount)], check=True, capture_output=True)
    try:
        (mount / "bench").mkdir()
        source = random.Random(7)
        for n, size in enumerate(sizes):
            with (mount / "bench" / f"file{n:05d}.bin").open("wb") as fh:
                for at in range(0, size, MIB):
                    fh.write(source.randbytes(min(MIB, size - at)))
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def hash_only(image_path: Path) -> int:
    """Read every file as the collector does and hash it; MD5 beside the two others. Returns bytes."""
    total = 0
    with closing(open_source(image_path)) as image, ThreadPoolExecutor(1) as beside:
        volume = survey(image)[0]
        wanted = [e for e in volume.tree.files if e.name.startswith("file")]
        for entry in sorted(wanted, key=lambda e: e.record):
            file = volume.fs.file(entry.record)
            assert file is not None
            md5, sha1, sha256 = (
                hashlib.md5(usedforsecurity=False),
                hashlib.sha1(usedforsecurity=False),
                hashlib.sha256(),
            )
            waiting = None
            for piece in pieces(volume.fs.reader, volume.fs.cluster, file.streams[0]):
                total += len(piece.data)
                if len(piece.data) < 65536:
                    md5.update(piece.data)
                else:
                    if waiting:
                        waiting.result()
                    waiting = beside.submit(md5.update, piece.data)
                sha1.update(piece.data)
                sha256.update(piece.data)
            if waiting:
                waiting.result()
    return total


def ours(image_path: Path, folder: Path) -> int:
    """The collector, with everything it always does."""
    definitions = folder / "definitions"
    definitions.mkdir()
    (definitions / "bench.yaml").write_text(_DEFINITION, encoding="utf-8")
    with closing(open_source(image_path)) as image:
        case = Case.create(folder / "case", CaseMeta(fingerprints=(image.fingerprint,)))
        done = collect(image, case, Plan(catalogue=load(also=definitions), profile="minimal"))
        case.finish_collection()
    return done.bytes


def acquire(image_path: Path, folder: Path, *options: str) -> int:
    """The peer on the same paths."""
    command = [str(Path(sys.executable).parent / "acquire"), str(image_path), "--force", "-o", str(folder), "--no-gui"]
    subprocess.run(
        [*command, "-p", "none", "--dir", "/bench", "-ot", "dir", *options], check=True, capture_output=True, cwd=folder
    )
    return sum(p.stat().st_size for p in folder.rglob("file*.bin"))


def _timed(work: Callable[[Path], int], base: Path) -> tuple[float, int]:
    folder = Path(tempfile.mkdtemp(dir=base))
    start = time.perf_counter()
    count = work(folder)
    took = time.perf_counter() - start
    shutil.rmtree(folder)
    return took, count


def measure(label: str, sizes: list[int], base: Path) -> None:
    """One set: medians, and the ratio of every round's pair."""
    image = base / f"{label.split(maxsplit=1)[0]}.raw"
    make_image(image, sizes)
    with image.open("rb") as fh:
        while fh.read(MIB):
            pass  # warm
    contestants: dict[str, Callable[[Path], int]] = {
        "hash only": lambda _f: hash_only(image),
        "ours": lambda f: ours(image, f),
    }
    if shutil.which("acquire", path=str(Path(sys.executable).parent)):
        contestants["acquire"] = lambda f: acquire(image, f, "--skip-hash") if False else acquire(image, f)
    rounds = [{name: _timed(work, base) for name, work in contestants.items()} for _ in range(ROUNDS)]
    total = sum(sizes)
    print(f"{label}: {total / MIB:.0f} MiB")
    for name in contestants:
        took = statistics.median(r[name][0] for r in rounds)
        ratio = statistics.median(r["hash only"][0] / r[name][0] for r in rounds)
        print(f"  {name:<24} {took:7.2f} s  {total / took / MIB:8.1f} MiB/s  {ratio:5.2f} x the speed of hashing only")
    image.unlink()


def main() -> None:
    """Print the table."""
    small = random.Random(11)
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        measure("small files, 3 000 of 1-16 KiB", [small.randint(1024, 16384) for _ in range(3000)], base)
        measure("large files, 4 of 512 MiB", [512 * MIB] * 4, base)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"peak memory of this process: {peak} MiB")


if __name__ == "__main__":
    main()
