"""Large artefacts on their way into the case: what the disk, the source and the threads may do to them."""

from __future__ import annotations

import errno
import hashlib
import os
import random
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from collector.blocks import FilePart
from collector.buffers import SIZE, Buffers
from collector.media import Window
from shellcase.case.digests import Lanes, hash_only
from shellcase.case.objects import ObjectStore
from shellcase.errors import IntegrityError

MIB = 1 << 20
DIRECT = getattr(os, "O_DIRECT", 0)


def chunks(lengths: list[int]) -> list[bytes]:
    """Bytes in pieces of these lengths."""
    chance = random.Random(5)
    return [chance.randbytes(n) for n in lengths]


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    """An empty store."""
    return ObjectStore(tmp_path)


@pytest.mark.parametrize(
    "lengths",
    [[MIB, 1], [1, MIB], [MIB] * 3, [MIB, MIB, 4096], [4096, 3 * MIB + 7], [512] * 5000, [1, 1], [0, MIB, 0, 5]],
)
def test_a_large_artefact_lies_as_it_was_read(store: ObjectStore, tmp_path: Path, lengths: list[int]) -> None:
    """Whatever its pieces, the file holds its bytes, no more and no less, and is read-only."""
    parts = chunks(lengths)
    stored = store.put(parts, "log")
    path, whole = tmp_path / str(stored.object), b"".join(parts)
    assert path.read_bytes() == whole
    assert (stored.size, stored.sha256) == (len(whole), hashlib.sha256(whole).hexdigest())
    assert (stored.md5, stored.sha1) == (hashlib.md5(whole).hexdigest(), hashlib.sha1(whole).hexdigest())  # noqa: S324
    assert path.stat().st_mode & 0o222 == 0
    assert [p.name for p in (tmp_path / "objects").rglob("*") if p.is_file()] == [path.name]


@pytest.mark.skipif(not DIRECT, reason="this system has no access past the cache")
@pytest.mark.parametrize("refuses", ["open", "write"])
def test_a_file_system_without_direct_access_is_written_too(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refuses: str
) -> None:
    """Some refuse it when a file is opened, some when it is written."""
    opened, written, direct = os.open, os.write, set[int]()

    def open_(path: str, flags: int, mode: int = 0o777) -> int:
        if refuses == "open" and flags & DIRECT:
            raise OSError(errno.EINVAL, "no direct access")
        handle = opened(path, flags, mode)
        (direct.add if flags & DIRECT else direct.discard)(handle)
        return handle

    def write(handle: int, data: bytes) -> int:
        if refuses == "write" and handle in direct:
            raise OSError(errno.EINVAL, "no direct access")
        return written(handle, data)

    monkeypatch.setattr(os, "open", open_)
    monkeypatch.setattr(os, "write", write)
    parts = chunks([MIB, MIB, 100])
    stored = store.put(parts, "log")
    assert (tmp_path / str(stored.object)).read_bytes() == b"".join(parts)


@pytest.mark.parametrize("lengths", [[100], [MIB, MIB, 9]])
def test_a_disk_that_gives_back_other_bytes_is_found_out(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch, lengths: list[int]
) -> None:
    """What is written is read again and compared before any line says that it is there."""
    written = os.write

    def spoil(handle: int, data: bytes) -> int:
        count = written(handle, data)
        with Path(f"/proc/self/fd/{handle}").readlink().open("r+b") as fh:
            fh.seek(50)
            fh.write(b"\xff\x00")
        return count

    if not Path("/proc/self/fd").exists() or os.geteuid() != 0:
        pytest.skip("writes behind the store's back as root, through /proc")
    monkeypatch.setattr(os, "write", spoil)
    with pytest.raises(IntegrityError, match="read back differ"):
        store.put(chunks(lengths), "log")


def test_a_full_disk_is_an_error_of_the_disk(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error comes out as it is, nothing half stays, and the store goes on when there is room again."""

    def full(_handle: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space left"):
            store.put(chunks([MIB] * 40), "log")
    assert not [p for p in (tmp_path / "objects").rglob("*") if p.is_file()]
    parts = chunks([MIB] * 3)
    assert (tmp_path / str(store.put(parts, "log").object)).read_bytes() == b"".join(parts)


def test_a_source_that_breaks_off_leaves_nothing_half(store: ObjectStore, tmp_path: Path) -> None:
    """What the reader raises comes out, whatever the threads still have to do."""

    def broken() -> Iterator[bytes]:
        yield from chunks([MIB] * 12)
        raise OSError(errno.EIO, "unplugged")

    with pytest.raises(OSError, match="unplugged"):
        store.put(broken(), "log")
    assert not [p for p in (tmp_path / "objects").rglob("*") if p.is_file()]


def test_the_first_error_of_a_lane_is_raised() -> None:
    """And the other lanes are done with every chunk by then; the next stream is hashed as ever."""
    lanes, seen = Lanes(), list[int]()

    def fail(chunk: bytes | memoryview) -> None:
        if len(chunk) == 3:
            msg = "three"
            raise ValueError(msg)

    with pytest.raises(ValueError, match="three"):
        lanes.feed((b"x" * n for n in range(100)), [lambda c: seen.append(len(c))], [fail])
    assert seen == list(range(len(seen)))
    assert hash_only([b"ab", b"c"], lanes).sha256 == hashlib.sha256(b"abc").hexdigest()


def test_a_buffer_is_used_again_only_when_nobody_looks_at_it() -> None:
    """Views that are kept keep their bytes; when all buffers are looked at, plain bytes are read instead."""
    data = b"".join(bytes([n]) * SIZE for n in range(90))
    reader, buffers = Window(FilePart(BytesIO(data)), 0, len(data)), Buffers()
    kept = []
    for n in range(80):
        view = buffers.read(reader, n * SIZE, SIZE)
        if view is not None:
            kept.append((n, view))
    assert 2 <= len(kept) < 80
    assert all(view == data[n * SIZE : (n + 1) * SIZE] for n, view in kept)
    slices = [view[10:20] for _n, view in kept[:3]]
    kept.clear()
    again = [buffers.read(reader, 89 * SIZE, SIZE) for _ in range(60)]
    assert [bytes(s) for s in slices] == [bytes([n]) * 10 for n in range(3)]
    assert sum(view is not None for view in again) >= 10
