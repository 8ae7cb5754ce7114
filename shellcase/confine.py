"""What a worker process may not do: use more memory than its share, speak to the network.

What a parser reads is the attacker's. A decoder that is talked into asking for gigabytes gets a MemoryError; one that
is talked into calling home reaches nobody. Both are given by the operating system where it can, and the case's audit
log says what the workers had.
"""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from msgspec import Struct

MIB = 1 << 20
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)
_NEWUSER, _NEWNET = 0x10000000, 0x40000000
_REFUSED = ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "urllib.Request")


class Confined(Struct, frozen=True):
    """What a worker says of itself before its first task. `network`: no network, guarded, open; MiB or 0 for none."""

    network: str
    memory: int


def share(jobs: int) -> int:
    """Bytes each of so many workers may use beyond what it starts with."""
    return min(512 * MIB, 1229 * MIB // max(1, jobs))


ALONE = 1229 * MIB
"""What an artefact may use that was too much for a share, while nothing else runs."""


def confine(memory: int | None) -> Confined:
    """Take away what this process does not need; never fails."""
    _keep()
    return Confined(_without_network(), _limited(memory) // MIB if memory else 0)


def _keep() -> None:
    """Have glibc keep up to 64 MiB of freed memory at hand, in large pieces too.

    Columns come and go by the megabyte; each time the kernel would take their pages back and hand out zeroed ones.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            libc = ctypes.CDLL(None)
            libc.mallopt(_MMAP_THRESHOLD, 32 * MIB)
            libc.mallopt(_TRIM_THRESHOLD, 128 * MIB)


def _without_network() -> str:
    """A network of its own with nothing in it, on Linux; else sockets refuse in Python, which native code need not."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.unshare(_NEWNET) == 0 or libc.unshare(_NEWUSER | _NEWNET) == 0:
                return "none: a network name space of its own"
    sys.addaudithook(_refuse)
    return "guarded: sockets refuse to connect"


def _refuse(event: str, _arguments: object) -> None:
    if event in _REFUSED:
        _raise(event)


def _raise(event: str) -> NoReturn:
    raise PermissionError(f"parsers have no network ({event})")


def _limited(memory: int) -> int:
    """Limit what the process may add to its data by so many bytes; 0 where the system has no such limit.

    Address space is no measure: libraries reserve gigabytes of it that they never touch. Data is what was asked for,
    and what a process has when it starts (libraries, stacks of threads) is measured, not guessed.
    """
    with suppress(ImportError, OSError, ValueError):
        import resource

        import pyarrow as pa

        pa.set_memory_pool(pa.system_memory_pool())  # the usual one keeps a gigabyte at hand that nothing counts
        limit = _data() + memory
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        return memory
    return 0


def _data() -> int:
    """Bytes of private data of this process. OSError where the system does not tell."""
    text = Path(f"/proc/{os.getpid()}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) << 10 for line in text.splitlines() if line.startswith("VmData:"))
