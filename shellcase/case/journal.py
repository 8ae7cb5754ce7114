"""Append-only JSON lines: the hash-chained audit log, the numbers, and journals that survive a crash."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from shellcase.clean import storable
from shellcase.errors import IntegrityError

T = TypeVar("T")
_encode = msgspec.json.Encoder(order="sorted").encode
_UNSYNCED = 1 << 18
"""More bytes of a log never wait for the disk."""
_RESTORE = "if a run was interrupted, start it again; else restore the file from a copy"


def encode_line(value: object) -> bytes:
    """One canonical JSON line without the newline."""
    return _encode(value)


class Journal:
    """A file of JSON lines. What a crash left half at its end is dropped when the file is opened for writing."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self) -> Iterator[bytes]:
        """Every whole line."""
        if not self.path.exists():
            return
        with self.path.open("rb") as fh:
            for line in fh:
                if line.endswith(b"\n"):
                    yield line[:-1]

    def mend(self, most: int = 1 << 40) -> int:
        """Cut off what a crash left half; return how many bytes went.

        That is a line without its end, or zeros where the disk never got the bytes, and what was written after it
        before the next wait for the disk: at most `most` bytes, else IntegrityError.
        """
        if not self.path.exists():
            return 0
        whole = self._whole()
        torn = self.path.stat().st_size - whole
        if torn > most:
            raise IntegrityError("lines are damaged that no crash damages", str(self.path), _RESTORE)
        if torn:
            os.truncate(self.path, whole)
        return torn

    def _whole(self) -> int:
        """Bytes up to the first line that a crash left half."""
        whole = 0
        with self.path.open("rb") as fh:
            for line in fh:
                if not line.endswith(b"\n") or b"\0" in line:
                    break
                whole += len(line)
        return whole

    def read(self, kind: type[T], *, torn: bool = False) -> Iterator[T]:
        """Every whole line as a record of this kind. IntegrityError for one that is none.

        `torn`: what a power loss left is as if it were not there; who opens the file for writing cuts it off.
        """
        for number, line in enumerate(self.lines(), 1):
            if torn and b"\0" in line:
                return
            try:
                yield msgspec.json.decode(line, type=kind)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise IntegrityError(f"line {number} cannot be read: {error}", str(self.path), _RESTORE) from error

    def append(self, *values: object, durable: bool = True) -> None:
        """Write lines; `durable` waits until the disk has them."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as fh:
            fh.write(b"".join(encode_line(v) + b"\n" for v in values))
            fh.flush()
            if durable:
                os.fsync(fh.fileno())


class AuditLine(msgspec.Struct, frozen=True):
    """One step of the work; `prev` is the SHA-256 of the former line, which chains them."""

    seq: int
    prev: str
    t: str
    run: str
    op: str
    args: dict[str, str | int]


class Chain:
    """A journal whose every line names the SHA-256 of the former line; the first names that of `seed`."""

    def __init__(self, path: Path, seed: str, *, writing: bool = True) -> None:
        self._journal = Journal(path)
        self.mended = self._journal.mend(_UNSYNCED) if writing else 0
        self.seq, self.head = 0, hashlib.sha256(seed.encode()).hexdigest()
        self._unsynced = False
        for line in self._journal.lines():
            self.seq, self.head = self.seq + 1, hashlib.sha256(line).hexdigest()

    def append(self, line: msgspec.Struct, *, durable: bool) -> None:
        """Write a line that was made with `seq + 1` and `head`; one that is not durable waits for `sync`."""
        self._journal.append(line, durable=durable)
        self._unsynced = not durable
        self.seq, self.head = self.seq + 1, hashlib.sha256(encode_line(line)).hexdigest()

    def sync(self) -> None:
        """Wait until the disk has every line."""
        if self._unsynced:
            self._journal.append()
            self._unsynced = False


class Audit(Chain):
    """The hash-chained log of what was done to the case, with the clock of the examiner's machine."""

    def __init__(self, path: Path, case_key: str, *, writing: bool = True) -> None:
        super().__init__(path, f"case-audit-v1\n{case_key}", writing=writing)

    def write(self, run: str, at: str, op: str, args: dict[str, str | int]) -> None:
        """Append a step; `at` is the machine's UTC time as ISO 8601."""
        said = {k: storable(v) if isinstance(v, str) else v for k, v in args.items()}
        self.append(AuditLine(self.seq + 1, self.head, at, run, op, said), durable=False)


_WIDTH = {"SRC": 2, "ITEM": 6, "F": 3, "EX": 3}


class Number(msgspec.Struct, frozen=True):
    """A number that was given once: `SRC-01`, `ITEM-000001`, for a key that never changes."""

    kind: str
    key: str
    number: str


class Numbers:
    """Numbers are given in the order of asking and never shift."""

    def __init__(self, path: Path, *, writing: bool = True) -> None:
        self._journal = Journal(path)
        self.mended = self._journal.mend() if writing else 0
        self._given: dict[tuple[str, str], str] = {}
        self._waiting: list[Number] = []
        self._count: dict[str, int] = {}
        for known in self._journal.read(Number, torn=True):
            self._given[known.kind, known.key] = known.number
            self._count[known.kind] = self._count.get(known.kind, 0) + 1

    def give(self, kind: str, key: str) -> str:
        """The number of a key, new if it has none."""
        if (kind, key) not in self._given:
            self._count[kind] = self._count.get(kind, 0) + 1
            number = f"{kind}-{self._count[kind]:0{_WIDTH[kind]}d}"
            self._given[kind, key] = number
            self._waiting.append(Number(kind, key, number))
        return self._given[kind, key]

    def sync(self) -> None:
        """Wait until the disk has every number; before a line is written that uses one."""
        if self._waiting:
            self._journal.append(*self._waiting)
            self._waiting.clear()
