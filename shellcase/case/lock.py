"""One process at a time works on a case: two would break the chain of its log and sweep away each other's files.

The system lets go of the lock when the process ends, however it ends.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shellcase.errors import UsageError


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold a case. UsageError when another process has it; a file system without locks is taken as it is."""
    handle = _open(root / "data" / "work")
    try:
        if not _take(handle):
            todo = "wait for it to end, or end it; then start the command again"
            raise UsageError("another run is at work on this case", str(root), todo)
        yield
    finally:
        os.close(handle)


def _open(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":
        return os.open(folder / "lock", os.O_RDWR | os.O_CREAT)
    return os.open(folder, os.O_RDONLY)


def _take(handle: int) -> bool:
    """Whether nobody else has it."""
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):  # a system or a network share that has no locks
        return True
    return True
