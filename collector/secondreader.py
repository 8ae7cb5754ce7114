"""Readers that are not ours, to hold our copies against: Sleuth Kit's `icat` where installed, else dissect.ntfs.

Each reads a file by the number of its $MFT record and gives its bytes. What a reader cannot answer is `Unanswered`
with the reason; it is never taken for a difference.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from dissect.ntfs import NTFS
from dissect.ntfs.c_ntfs import ATTRIBUTE_TYPE_CODE
from dissect.ntfs.exceptions import Error as NtfsError

from collector.image import Image
from collector.media import READER_FAULTS, StrictFile
from collector.mftrecord import FOLDER_INDEX
from collector.runs import Reader
from shellcase.processes import program

_CHUNK = 1 << 20
_SECTOR = 512
_STREAM = re.compile(r"^Type: \$(\w+) \((\d+-\d+)\)\s+Name: (.*?)\s+(?:Non-)?Resident\b", re.MULTILINE)
Extents = tuple[tuple[int, int], ...]


class Unanswered(Exception):  # noqa: N818 - it is no error: the reader has nothing to say, and why
    """The reader has no bytes for this file."""


class SecondReader(Protocol):
    """Another program. `container`: who decodes the image's container for it. `parallel`: may be asked by threads."""

    name: str
    version: str
    container: str
    parallel: bool

    def read(self, offset: int, record: int, stream: str, extents: Extents | None) -> Iterator[bytes]:
        """Bytes of a stream in the volume at byte `offset`; with `extents` only those. Raises Unanswered."""
        ...


def sleuthkit(image: Image) -> SecondReader | None:
    """`icat`, where it is installed and reads this kind of container by itself."""
    icat, istat = program("icat"), program("istat")
    if not (icat and istat):
        return None
    kinds = {k.lower() for k in re.findall(r"^\s+(\w+) \(", _said(icat, "-i", "list"), re.MULTILINE)}
    kind = next((k for k, names in _KINDS.items() if image.container.lower() in names), "")
    if kind not in kinds:
        return None
    version = re.search(r"ver (\S+)", _said(icat, "-V"))
    paths = image.segments if kind == "raw" else image.segments[:1]
    return _SleuthKit(icat, istat, kind, tuple(paths), version[1] if version else "not told")


_KINDS = {"ewf": {"e01"}, "raw": {"raw", "split raw"}, "vmdk": {"vmdk"}, "vhd": {"vhd"}}


def _said(*command: str) -> str:
    """What a program prints, on whichever of its two outputs."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return str(done.stdout, "utf-8", "replace")


@dataclass(slots=True)
class _SleuthKit:
    icat: str
    istat: str
    kind: str
    paths: Sequence[Path]
    version: str
    name: str = "Sleuth Kit icat"
    container: str = "its own reader"
    parallel: bool = True

    def read(self, offset: int, record: int, stream: str, extents: Extents | None) -> Iterator[bytes]:
        if offset % _SECTOR:
            raise Unanswered("the volume does not begin at a sector")
        address = f"{record}-{self._attribute(offset, record, stream)}" if stream else str(record)
        holes = ["-h"] if extents is not None else []
        with subprocess.Popen(
            self._command(self.icat, holes, offset, address), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as done:
            out, errors = cast(BinaryIO, done.stdout), cast(BinaryIO, done.stderr)
            while chunk := out.read(_CHUNK):
                yield chunk
            said = errors.read(4096).decode("utf-8", "replace").strip()
        if done.returncode:
            raise Unanswered(f"icat: {said or f'exit code {done.returncode}'}")

    def _command(self, tool: str, options: list[str], offset: int, address: str) -> list[str]:
        where = ["-i", self.kind, "-f", "ntfs", "-o", str(offset // _SECTOR)]
        return [tool, *options, *where, *map(str, self.paths), address]

    def _attribute(self, offset: int, record: int, stream: str) -> str:
        """The number under which Sleuth Kit knows a named stream."""
        told = _said(*self._command(self.istat, [], offset, str(record)))
        kind = "INDEX_ALLOCATION" if stream == FOLDER_INDEX else "DATA"
        found = [number for k, number, name in _STREAM.findall(told) if (k, name) == (kind, stream)]
        if len(found) != 1:
            raise Unanswered(f"istat names no stream {stream!r}")
        return str(found[0])


def dissect_ntfs(image: Image) -> SecondReader:
    """dissect.ntfs over the media as we decode it: an independent file system, not an independent container."""
    volumes = {h.volume.offset: h.reader for h in image.volumes if h.volume.fs == "NTFS" and not h.snapshot}
    return _Dissect(volumes, {}, metadata.version("dissect.ntfs"))


@dataclass(slots=True)
class _Dissect:
    volumes: dict[int, Reader]
    opened: dict[int, NTFS]
    version: str
    name: str = "dissect.ntfs"
    container: str = "shellcase's reader"
    parallel: bool = False

    def read(self, offset: int, record: int, stream: str, extents: Extents | None) -> Iterator[bytes]:
        try:
            table = self._volume(offset).mft
            if table is None:
                raise Unanswered("dissect.ntfs finds no $MFT")
            file = table.get(record)
            kind = ATTRIBUTE_TYPE_CODE.INDEX_ALLOCATION if stream == FOLDER_INDEX else ATTRIBUTE_TYPE_CODE.DATA
            found, size = file.open(stream, kind), int(file.size(stream, kind))
            for at, length in extents if extents is not None else ((0, size),):
                yield from _range(found, at, length)
        except (NtfsError, *READER_FAULTS) as error:
            raise Unanswered(f"dissect.ntfs: {type(error).__name__}: {error}") from error

    def _volume(self, offset: int) -> NTFS:
        if offset not in self.volumes:
            raise Unanswered("the image has no live NTFS volume there")
        if offset not in self.opened:
            self.opened[offset] = NTFS(cast(BinaryIO, StrictFile(self.volumes[offset])))
        return self.opened[offset]


def _range(found: BinaryIO, at: int, length: int) -> Iterator[bytes]:
    found.seek(at)
    while length and (chunk := found.read(min(_CHUNK, length))):
        length -= len(chunk)
        yield chunk
