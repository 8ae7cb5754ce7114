"""What is said and checked before the first byte is copied: files, bytes, free space, and about how long it takes."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from collector.queue import Preflight
from shellcase.errors import UsageError

_SAMPLE = bytes(8 << 20)
_PER_FILE = 0.004
_REREAD = 1.6
_SPARE = 64 << 20


def free_space(folder: Path) -> int:
    """Bytes that can be written where the case will lie, which may not exist yet."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def check_space(found: Preflight, folder: Path) -> None:
    """UsageError when the collection alone would not fit."""
    free = free_space(folder)
    if found.bytes + _SPARE > free:
        raise UsageError(
            f"the collection needs {size(found.bytes)} and {size(free)} are free",
            str(folder),
            "choose a --case folder on a larger disk, a smaller --profile, or --since/--until",
        )


def lines(found: Preflight, folder: Path) -> Iterator[str]:
    """The table for people."""
    yield f"{'definition':<34} {'files':>8} {'bytes':>12}   about"
    speed = _speed()
    for row in found.rows:
        yield f"{row.definition:<34} {row.files:>8} {size(row.bytes):>12}   {_duration(row.bytes, row.files, speed)}"
    total = _duration(found.bytes, found.files, speed)
    yield f"{'in all':<34} {found.files:>8} {size(found.bytes):>12}   {total}; {size(free_space(folder))} free"


def size(count: int) -> str:
    """Bytes as people read them, in powers of 1024."""
    value, units = float(count), ["B", "KiB", "MiB", "GiB"]
    while value >= 1024 and len(units) > 1:
        value /= 1024
        units.pop(0)
    return f"{value:.0f} {units[0]}" if units[0] == "B" else f"{value:.1f} {units[0]}"


def _speed() -> float:
    """Bytes a second that this machine hashes with the three digests; the slowest part of collecting."""
    began = time.perf_counter()
    for name in ("md5", "sha1", "sha256"):
        hashlib.new(name, _SAMPLE, usedforsecurity=False).digest()
    return len(_SAMPLE) / max(time.perf_counter() - began, 1e-6)


def _duration(count: int, files: int, speed: float) -> str:
    seconds = count / speed * _REREAD + files * _PER_FILE
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{max(seconds, 1):.0f} s"
