"""Whether a source is still there. What is unplugged is not damaged: the run ends, and goes on when it is back.

A file with a bad sector can still be opened and read at its beginning; one that is gone, cut or on a dead disk cannot.
"""

from __future__ import annotations

import os
from pathlib import Path

from shellcase.errors import EvidenceError

_PROBE = 4096
_TODO = "Connect the source again and start the same command: it goes on where it stopped."


def still_there(path: Path, size: int = 0) -> None:
    """EvidenceError when a file or folder of the source is gone or shorter than `size`; to be asked after an error."""
    try:
        now = _probe(path)
    except OSError as error:
        raise gone(path, error.strerror or str(error)) from error
    if now is not None and now < size:
        raise gone(path, f"it has {now} bytes now, and had {size} when it was opened")


def gone(path: Path, why: str) -> EvidenceError:
    """The error to raise."""
    return EvidenceError(f"A file of the source cannot be read any more: {why}", str(path), _TODO)


def _probe(path: Path) -> int | None:
    """The size, after reading the first bytes from the disk itself; a folder has none."""
    if path.is_dir():
        with os.scandir(path) as entries:
            next(entries, None)
        return None
    with path.open("rb", buffering=0) as fh:
        if hasattr(os, "posix_fadvise"):  # what the system remembers of an unplugged disk is no proof
            os.posix_fadvise(fh.fileno(), 0, _PROBE, os.POSIX_FADV_DONTNEED)
        size = fh.seek(0, 2)
        fh.seek(0)
        fh.read(_PROBE)
    return size
