"""Our NTFS reader against Sleuth Kit and dissect.ntfs, on volumes that Windows and others made."""

from __future__ import annotations

import contextlib
import hashlib
import lzma
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from dissect.ntfs import NTFS

from collector.image import open_source
from collector.ntfs import Ntfs
from collector.runs import StreamInfo, pieces
from collector.survey import survey
from collector.tree import Tree
from shellcase.errors import ShellcaseError
from tests.tools import need

_IMAGES = {
    "testfs1": "colinfinck-ntfs/testdata/testfs1",
    "ewf": "velociraptor/artifacts/testdata/files/test.ntfs.dd.E01",
    "multiple": "forensics-samples/fs.multiple.xz",
}


@pytest.fixture(params=sorted(_IMAGES))
def image(request: pytest.FixtureRequest, shared_dir: Path, tmp_path: Path) -> Path:
    """One image after the other."""
    path = shared_dir / "corpora" / _IMAGES[request.param]
    if path.suffix != ".xz":
        return path
    plain = tmp_path / path.stem
    plain.write_bytes(lzma.decompress(path.read_bytes()))
    return plain


def content(ntfs: Ntfs, stream: StreamInfo) -> str:
    """SHA-256 of a stream as we read it."""
    digest = hashlib.sha256()
    for piece in pieces(ntfs.reader, ntfs.cluster, stream):
        assert not piece.error
        digest.update(piece.data)
    return digest.hexdigest()


def volumes(path: Path) -> Iterator[tuple[int, Ntfs, Tree]]:
    """(sector where it starts, file system, names) of each NTFS volume."""
    with contextlib.closing(open_source(path)) as opened:
        for volume in survey(opened, frozenset({"txt"})):
            assert isinstance(volume.fs, Ntfs)
            yield volume.volume.offset // 512, volume.fs, volume.tree


@pytest.mark.real
def test_every_file_has_the_bytes_that_icat_gives(image: Path) -> None:
    """Resident, fragmented, sparse and compressed files alike."""
    need("icat")
    compared = 0
    for sector, ntfs, tree in volumes(image):
        for entry in tree.files:
            file = ntfs.file(entry.record)
            stream = file.stream("") if file else None
            if stream is None or stream.size > 32 << 20:
                continue
            told = subprocess.run(
                ["icat", "-o", str(sector), str(image), str(entry.record)], capture_output=True, check=True
            )
            assert content(ntfs, stream) == hashlib.sha256(told.stdout).hexdigest(), tree.path(entry)
            compared += 1
    assert compared >= 10


@pytest.mark.real
def test_names_are_those_of_fls(image: Path) -> None:
    """Every live path, and nothing else; $-files of the root and their folders included."""
    need("fls")
    for sector, _ntfs, tree in volumes(image):
        told = subprocess.run(
            ["fls", "-rup", "-o", str(sector), str(image)], capture_output=True, check=True, text=True
        )
        lines = [line.split(":\t", 1) for line in told.stdout.splitlines()]
        files = {p.replace("/", "\\").lower() for kind, p in lines if kind.startswith("r/r") and ":" not in p}
        ours = {tree.path(e)[1:].lower() for e in tree.files}
        assert files <= ours
        assert {p for p in ours - files if not p.startswith("$")} == set()


def test_times_and_sequence_numbers_are_those_of_dissect(image: Path) -> None:
    """Raw FILETIMEs of both sets, to the last digit."""
    for _sector, ntfs, tree in volumes(image):
        other = NTFS(cast(BinaryIO, _File(ntfs)))
        mft: Any = other.mft  # dissect's records have no types that checkers understand
        for entry in tree.files:
            file, theirs = ntfs.file(entry.record), mft.get(entry.record)
            assert file is not None
            assert file.seq == theirs.header.SequenceNumber
            info = theirs.attributes.STANDARD_INFORMATION[0].attribute.attr
            assert file.si is not None
            assert (file.si.b, file.si.m, file.si.c, file.si.a) == (
                info.CreationTime, info.LastModificationTime, info.LastChangeTime, info.LastAccessTime,
            )  # fmt: skip


class _File:
    """The volume as the file that dissect wants."""

    def __init__(self, ntfs: Ntfs) -> None:
        self._reader, self._at = ntfs.reader, 0

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = (0, self._at, self._reader.size)[whence] + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, length: int = -1) -> bytes:
        data = self._reader.read_at(self._at, length if length >= 0 else self._reader.size)
        self._at += len(data)
        return data


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_volume_never_crashes_the_reader(seed: int, foreign: Path, tmp_path: Path) -> None:
    """Bytes of $MFT records are overwritten; every file gives bytes or an error, within its declared bounds."""
    rnd, raw = random.Random(seed), bytearray(foreign.read_bytes())
    starts = [n for n in range(0, len(raw), 1024) if raw[n : n + 4] == b"FILE"]
    for _ in range(300):
        raw[rnd.choice(starts) + rnd.randrange(4, 508)] = rnd.choice((0, 1, 0x7F, 0x80, 0xFF, rnd.randrange(256)))
    (tmp_path / "bad.raw").write_bytes(raw)
    with contextlib.suppress(ShellcaseError):
        for _sector, ntfs, tree in volumes(tmp_path / "bad.raw"):
            for entry in tree.files:
                tree.path(entry)
                file = ntfs.file(entry.record)
                for stream in file.streams if file else ():
                    for n, _piece in enumerate(pieces(ntfs.reader, ntfs.cluster, stream, holes=False)):
                        assert n < 100
