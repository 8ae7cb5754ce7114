"""What a power loss leaves: whatever was not yet fsynced is cut, zeroed or half there.

`python -m tests.powerloss LOG WORDS…` runs the program with these words and notes in LOG what it made durable. After
the kill, `strike` damages all the rest. Names are taken as durable in their order, as a journaling file system has
them; the content of a file is durable as far as an `fsync` or `sync` of the program's main process came (its workers
never wait for the disk, so nothing that only they wrote counts as durable).
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_SYNC, _MOVE, _GONE = "S", "R", "U"


def watch(log: Path, root: Path) -> None:
    """From now on, note every fsync, sync, rename and removal of this process."""
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    fsync, sync, write = os.fsync, os.sync, os.write

    def note(*words: object) -> None:
        write(out, ("\t".join(str(w) for w in words) + "\n").encode("utf-8", "surrogateescape"))

    def noted_fsync(fd: Any) -> None:  # noqa: ANN401 - as os.fsync has it
        size = os.fstat(fd).st_size
        fsync(fd)
        note(_SYNC, size, Path(f"/proc/self/fd/{fd}").readlink())

    def noted_sync() -> None:
        there = [(p.stat().st_size, p) for p in root.rglob("*") if p.is_file()]
        sync()
        for size, path in there:
            note(_SYNC, size, path)

    def moved(old: str | Path, new: str | Path) -> None:
        note(_MOVE, Path(old).absolute(), Path(new).absolute())

    os.fsync, os.sync = noted_fsync, noted_sync
    os.replace, os.rename = _noted(os.replace, moved), _noted(os.rename, moved)
    os.unlink = _noted(os.unlink, lambda old: note(_GONE, Path(old).absolute()))


def _noted(real: Callable[..., None], note: Callable[..., None]) -> Callable[..., None]:
    def call(*args: object, **more: object) -> None:
        real(*args, **more)
        if not more:  # with `dir_fd` only what is removed below a folder, of which nothing is durable
            note(*args)

    return call


def durable(log: Path) -> dict[Path, int]:
    """How many bytes of which file the disk is sure to have."""
    kept: dict[Path, int] = {}
    for line in log.read_bytes().decode("utf-8", "surrogateescape").split("\n")[:-1]:
        kind, *words = line.split("\t")
        if kind == _SYNC:
            kept[Path(words[1])] = int(words[0])
        elif kind == _MOVE:
            kept[Path(words[1])] = kept.pop(Path(words[0]), 0)
        else:
            kept.pop(Path(words[0]), None)
    return kept


def all_durable(case: Path, log: Path) -> None:
    """What an earlier start left has reached the disk by now."""
    there = [p for p in case.rglob("*") if p.is_file()] if case.exists() else []
    lines = (f"{_SYNC}\t{p.stat().st_size}\t{p.absolute()}\n" for p in there)
    log.write_bytes("".join(lines).encode("utf-8", "surrogateescape"))


def strike(root: Path, kept: dict[Path, int], chance: random.Random) -> int:
    """Damage what is not durable below `root`; returns how many files were struck."""
    struck = 0
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        sure, size = kept.get(path, 0), path.stat().st_size
        if sure < size:
            _spoil(path, sure, size, chance)
            struck += 1
    return struck


def _spoil(path: Path, sure: int, size: int, chance: random.Random) -> None:
    """Cut somewhere, cut to the last durable byte, zeros to the end, or one page of zeros in the midst."""
    way = chance.randrange(4)
    path.chmod(0o644)
    if way == 0:
        os.truncate(path, chance.randrange(sure, size))
    elif way == 1:
        os.truncate(path, sure)
    else:
        start = sure if way == 2 else chance.randrange(sure, size)
        with path.open("r+b") as fh:
            fh.seek(start)
            fh.write(bytes(size - start if way == 2 else min(4096, size - start)))


if __name__ == "__main__":
    from shellcase.cli import main

    words = sys.argv[2:]
    watch(Path(sys.argv[1]), Path(words[words.index("--case") + 1]).absolute())
    sys.argv = ["shellcase", *words]
    sys.exit(main())
