"""A case folder in memory, and small images to collect from."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from collector.records import SourceRecord
from shellcase.case import StoredObject
from shellcase.model import Item, Missing


@dataclass
class MemoryCase:
    """Keeps what the collector hands over."""

    items: list[Item] = field(default_factory=list)
    not_taken: list[Missing] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    sources: dict[str, SourceRecord] = field(default_factory=dict)
    puts: int = 0

    def put(self, chunks: Iterable[bytes | memoryview], cls: str) -> StoredObject:
        self.puts += 1
        data = b"".join(chunks)
        self.objects[hashlib.sha256(data).hexdigest()] = data
        return _stored(
            data, f"objects/{hashlib.sha256(data).hexdigest()}", "cart" if cls in ("script", "pe") else "raw"
        )

    def hash_only(self, chunks: Iterable[bytes | memoryview]) -> StoredObject:
        return _stored(b"".join(chunks), None, "held")

    def known(self, artifact_id: str) -> Item | None:
        return next((i for i in self.items if i.artifact_id == artifact_id), None)

    def collected(self, item: Item) -> None:
        self.items.append(item)

    def missing(self, missing: Missing) -> None:
        self.not_taken.append(missing)

    def item_number(self, artifact_id: str) -> str:
        return self.numbers.setdefault(artifact_id, f"ITEM-{len(self.numbers) + 1:06d}")

    def write_source(self, source_id: str, record: SourceRecord) -> None:
        self.sources[source_id] = record

    def audit(self, op: str, **fields: str | int) -> None:
        pass

    def item(self, path: str, stream: str | None = None, state: str = "live") -> Item:
        """The one item at a path."""
        found = [i for i in self.items if (i.path, i.stream, i.state) == (path, stream, state)]
        assert len(found) == 1, f"{len(found)} items at {path}:{stream} ({state})"
        return found[0]

    def bytes_of(self, item: Item) -> bytes:
        """What was stored of an item."""
        assert item.object
        return self.objects[item.object.removeprefix("objects/")]


def _stored(data: bytes, name: str | None, how: str) -> StoredObject:
    return StoredObject(
        size=len(data),
        md5=hashlib.md5(data, usedforsecurity=False).hexdigest(),
        sha1=hashlib.sha1(data, usedforsecurity=False).hexdigest(),
        sha256=hashlib.sha256(data).hexdigest(),
        object=name,
        stored_as=how,
    )


def convert(raw: Path, kind: str, out: Path) -> Path:
    """A raw image as qcow2, vmdk, vpc (VHD) or vhdx."""
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", kind, str(raw), str(out)], check=True)
    return out


def as_e01(raw: Path, stem: Path, *options: str) -> Path:
    """A raw image as an E01 set with MD5 and SHA-1; `-S 1048576` makes segments of 1 MiB."""
    command = ["ewfacquire", "-u", "-q", "-d", "sha1", "-f", "encase6", "-t", str(stem), *options, str(raw)]
    subprocess.run(command, check=True, capture_output=True)
    return stem.with_suffix(".E01")
