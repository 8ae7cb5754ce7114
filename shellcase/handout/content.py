"""The bytes of an item on their way out: hashed while they are read, refused when they are not the recorded ones."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from shellcase.case import open_object
from shellcase.case.reading import SparseReader
from shellcase.errors import IntegrityError, UsageError
from shellcase.model import Item

_CHUNK = 1 << 20


class Verified(io.RawIOBase):
    """An item's recorded bytes; `close_checked` raises IntegrityError unless all came and were the right ones."""

    def __init__(self, evidence: Path, item: Item) -> None:
        super().__init__()
        self._item, self._hash, self.size = item, hashlib.sha256(), stored_size(item)
        self._seen, self._fh = 0, open_object(evidence, item)

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        chunk = self._fh.read(size)
        self._hash.update(chunk)
        self._seen += len(chunk)
        return chunk

    def close(self) -> None:
        """Let go of the object."""
        self._fh.close()
        super().close()

    def check(self) -> None:
        """After the last byte: IntegrityError when size or SHA-256 differ from collected.jsonl."""
        while self.read(_CHUNK):
            pass
        if self._hash.hexdigest() != self._item.sha256 or self._seen != self.size:
            raise IntegrityError(
                f"the object of {self._item.item} is not what was collected",
                str(self._item.object),
                "run `shellcase verify`; nothing of this item was handed out",
            )


def stored_size(item: Item) -> int:
    """Bytes that lie in the case: of a sparse stream only its allocated parts."""
    return sum(length for _, length in item.extents) if item.extents is not None else item.size


def kept(item: Item) -> bool:
    """Whether the case has the item's own bytes, and not merely its digests or the skeleton of a dump."""
    return item.object is not None and item.stored_as in ("raw", "cart")


def is_malware_class(item: Item) -> bool:
    """Scripts and programs: what lies in CaRT, and what would if it were smaller."""
    return item.stored_as == "cart" or item.cls in ("script", "pe")


def pieces(evidence: Path, item: Item) -> Iterator[bytes]:
    """The recorded bytes; the last step raises IntegrityError when they were others."""
    source = Verified(evidence, item)
    try:
        while chunk := source.read(_CHUNK):
            yield chunk
        source.check()
    finally:
        source.close()


def expanded(evidence: Path, item: Item) -> BinaryIO:
    """A sparse stream with its holes as zeros. Its stored parts must be checked before."""
    return io.BufferedReader(SparseReader(open_object(evidence, item), item.extents or (), item.size), _CHUNK)


def write(path: Path, chunks: Iterator[bytes]) -> int:
    """Chunks into a new file that is gone again when they fail; returns the bytes written."""
    written = 0
    try:
        with path.open("xb") as out:
            for chunk in chunks:
                written += out.write(chunk)
    except FileExistsError:
        raise UsageError("the file exists already", str(path), "choose another folder, or move it away") from None
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return written


def long_name(path: Path) -> Path:
    """The path in the form that Windows does not cut at 260 characters; elsewhere as it is."""
    return Path("\\\\?\\" + str(path.absolute())) if os.name == "nt" else path


class _Segment(Struct, frozen=True):
    name: str = ""


class _Source(Struct, frozen=True):
    segments: tuple[_Segment, ...] = ()


def source_name(evidence: Path, source: str) -> str:
    """`SRC-01 (EX01.E01)`: the number of a source and its first file."""
    path = evidence / "sources" / f"{source}.json"
    record = msgspec.json.decode(path.read_bytes(), type=_Source) if path.exists() else _Source()
    return f"{source} ({record.segments[0].name})" if record.segments else source
