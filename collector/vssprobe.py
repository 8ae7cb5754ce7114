"""libvshadow tried out in a process of its own, so that a crash or a hang costs the shadow copies and not the run.

The library is C code that reads structures an intruder may have written. The child gets no path and opens nothing: it
asks for bytes over a pipe. What it did without harm is then done again, on the same bytes, in this process.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection

import pyvshadow

from collector.runs import Reader
from shellcase import processes

SILENT = 60.0
"""Seconds without any sign of the child."""
_MEMORY = 4 << 30
_MARGIN = 1 << 28
_PIECE = 1 << 24
_ASK = struct.Struct("<QI")

Child = Callable[[Connection, int], None]
"""What the other process does, given its end of the pipe and the size of the volume."""


class VolumeFile:
    """A reader as the file that libvshadow asks for: `read`, `seek`, `tell`, `get_size`. Errors stay errors."""

    def __init__(self, reader: Reader) -> None:
        self._reader, self._at = reader, 0

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to an offset."""
        self._at = (0, self._at, self._reader.size)[whence] + offset
        return self._at

    def tell(self) -> int:
        """Where it stands."""
        return self._at

    def read(self, length: int = -1) -> bytes:
        """Bytes from there on. OSError where they cannot be read."""
        left = max(self._reader.size - self._at, 0)
        data = self._reader.read_at(self._at, left if length < 0 else min(length, left))
        self._at += len(data)
        return data

    def get_size(self) -> int:
        """Bytes of the volume."""
        return self._reader.size


def open_stores(reader: Reader) -> tuple[pyvshadow.volume, list[pyvshadow.store]]:
    """The library's view of a volume. OSError where it cannot be opened."""
    volume = pyvshadow.volume()
    volume.open_file_object(VolumeFile(reader))
    return volume, [volume.get_store(n) for n in range(volume.get_number_of_stores())]


def trouble(reader: Reader, silent: float = SILENT, child: Child | None = None) -> str:
    """Why libvshadow must not be let at this volume here; empty when it opened every store without harm."""
    if multiprocessing.current_process().daemon:
        return ""  # a worker may not start processes; it is itself one that may die
    context = processes.spawning()
    ours, theirs = context.Pipe()
    process = context.Process(target=child or _child, args=(theirs, reader.size), daemon=True)
    process.start()
    theirs.close()
    try:
        return _serve(ours, reader, silent)
    finally:
        process.kill()
        process.join(5)
        ours.close()


def _serve(pipe: Connection, reader: Reader, silent: float) -> str:
    """Answer the child's questions for bytes until it says what came of it."""
    left, begun = reader.size + _MARGIN, time.monotonic()
    try:
        while pipe.poll(silent):
            asked = pipe.recv_bytes(1 << 16)
            if len(asked) != _ASK.size:
                return str(json.loads(asked)["error"])
            offset, length = _ASK.unpack(asked)
            left -= min(length, _PIECE)
            if left < 0:
                return f"it asked for more bytes than the volume has, after {time.monotonic() - begun:.0f} s"
            pipe.send_bytes(_answer(reader, offset, min(length, _PIECE)))
    except (EOFError, OSError):
        return "the library crashed"
    return f"the library was silent for {silent:.0f} s"


def _answer(reader: Reader, offset: int, length: int) -> bytes:
    """A mark and the bytes; another mark where they cannot be read."""
    try:
        return b"+" + reader.read_at(offset, length)
    except OSError:
        return b"-"


class _Asked:
    """The reader on the child's side of the pipe."""

    def __init__(self, pipe: Connection, size: int) -> None:
        self._pipe, self.size = pipe, size

    def read_at(self, offset: int, length: int) -> bytes:
        self._pipe.send_bytes(_ASK.pack(offset, min(length, _PIECE)))
        answer = self._pipe.recv_bytes()
        if answer[:1] != b"+":
            raise OSError(f"{length} bytes at {offset} cannot be read")
        return answer[1:]


def _child(pipe: Connection, size: int) -> None:
    """Open everything and read the first bytes of each store, which makes the library load its lists of blocks."""
    _quiet()
    error = ""
    try:
        _volume, stores = open_stores(_Asked(pipe, size))
        for store in stores:
            with suppress(OSError):
                store.read_buffer_at_offset(512, 0)
    except (OSError, MemoryError, ValueError, OverflowError) as failed:
        error = f"{type(failed).__name__} {failed}"[:500]
    pipe.send_bytes(json.dumps({"error": error}).encode())


def _quiet() -> None:
    """No more memory than `_MEMORY`, and no core file or message of a crash where people read."""
    if sys.platform == "win32":
        return
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
