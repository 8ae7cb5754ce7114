"""The full pass beside `ewfverify`, on an E01 of 200 MiB, half of it noise and half of it text."""

from __future__ import annotations

import random
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from bench.verdicts import Verdicts
from collector.checkpoint import Journal
from collector.hashing import full_pass

_ROUNDS = 5
_MIB = 1 << 20


def sample(folder: Path) -> Path:
    """An E01 in one file, MD5 and SHA-1 stored."""
    rnd = random.Random(1)  # noqa: S311 - the same bytes in every run
    raw = folder / "sample.raw"
    with raw.open("wb") as fh:
        for _n in range(100):
            fh.write(rnd.randbytes(_MIB))
        for n in range(100):
            line = f"2021-03-03 04:{n % 60:02d}:12 10.0.0.{n} POST /ecp/y.js 200 {rnd.random()}\r\n".encode()
            fh.write((line * (_MIB // len(line) + 1))[:_MIB])
    command = ["ewfacquire", "-u", "-q", "-d", "sha1", "-f", "encase6", "-c", "fast", "-t"]
    subprocess.run([*command, str(folder / "sample"), str(raw)], check=True, capture_output=True)
    return folder / "sample.E01"


def verifying(verdicts: Verdicts) -> None:
    """Print medians of both, alternating: ours makes three digests of the media and one of the file."""
    if not (shutil.which("ewfacquire") and shutil.which("ewfverify")):
        print("full pass                    not measured: ewf-tools are not installed")
        verdicts.add("full pass beside ewfverify", "ewf-tools are not installed", None)
        return
    with tempfile.TemporaryDirectory() as name:
        image = sample(Path(name))
        rounds = [(_ours(image), _theirs(image)) for _ in range(_ROUNDS)]
    mine, theirs = (statistics.median(r[k] for r in rounds) for k in (0, 1))
    ratio = statistics.median(r[1] / r[0] for r in rounds)
    print(
        f"{'full pass, 200 MiB E01':<28} ours {200 / mine:>5.0f} MiB/s (MD5, SHA-1, SHA-256, file)   "
        f"ewfverify {200 / theirs:>5.0f} MiB/s (MD5, SHA-1)   {ratio:.1f} times as fast"
    )
    verdicts.add("full pass of an E01 beside ewfverify, no target", f"{ratio:.2f} times as fast", None)


def _ours(image: Path) -> float:
    begun = time.perf_counter()
    full_pass(image, Journal(None), lambda _done: True)
    return time.perf_counter() - begun


def _theirs(image: Path) -> float:
    begun = time.perf_counter()
    subprocess.run(["ewfverify", "-q", "-d", "sha1", str(image)], check=True, capture_output=True)
    return time.perf_counter() - begun


if __name__ == "__main__":
    spoken = Verdicts()
    verifying(spoken)
    spoken.tell()
