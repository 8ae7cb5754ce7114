"""A source that goes away in the middle ends the run in words; with the source back, nothing shows of it."""

from __future__ import annotations

import errno
import io
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from collector import blocks
from collector.ewf import EwfImage
from collector.present import still_there
from fixtures.disk.raw import build_raw
from shellcase.case import Case
from shellcase.errors import EvidenceError
from shellcase.opening import close, open_case
from shellcase.run import COLLECTING, Run, execute
from tests.collector import machine
from tests.collector.fakes import as_e01
from tests.conftest import META
from tests.tools import need, need_disk_builder
from tests.torture import content, differences, leftovers

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small machine's raw image."""
    need_disk_builder()
    folder = tmp_path_factory.mktemp("machine")
    return build_raw(machine.plan(), folder / "disk.raw", folder / "work").raw


def collect(image: Path, root: Path, at_half: Callable[[], None] = lambda: None) -> Case:
    """Collect an image; something happens when half of the bytes are taken."""
    case, images = open_case(root, META, (image,), clobber=False)
    happened: list[str] = []

    def progress(stage: str, done: int, total: int) -> None:
        if stage == "collect" and done * 2 >= total and not happened:
            happened.append(stage)
            at_half()

    try:
        execute(Run(case=case, images=images, verify="fast", progress=progress), COLLECTING)
    finally:
        close(images)
    return case


def judge(undisturbed: Case, case: Case) -> None:
    """Nothing shows of what happened."""
    assert not differences(content(undisturbed.root), content(case.root)) + leftovers(case.root)


@pytest.fixture(scope="module")
def undisturbed(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """What a collection of the raw image comes to."""
    return collect(raw, tmp_path_factory.mktemp("undisturbed") / "case")


def test_an_image_that_is_cut_while_it_is_read_ends_the_run(raw: Path, undisturbed: Case, tmp_path: Path) -> None:
    """As a disk that drops off the network looks; with all of it back the same command goes on."""
    image = Path(shutil.copy(raw, tmp_path / "disk.raw"))
    with pytest.raises(EvidenceError, match=r"(?s)cannot be read any more.*same command") as caught:
        collect(image, tmp_path / "case", lambda: os.truncate(image, 70_000))
    assert caught.value.exit_code == 4
    shutil.copy(raw, image)
    judge(undisturbed, collect(image, tmp_path / "case"))


class Dead(io.FileIO):
    """A file on a disk that was pulled out: it can still be opened, as Linux remembers its name."""

    def read(self, _size: int | None = -1, /) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


@contextmanager
def pulled_out(monkeypatch: pytest.MonkeyPatch, image: Path) -> Iterator[Callable[[], None]]:
    """Gives what makes every later read of the image an input/output error."""
    parts: list[blocks.FilePart] = []
    begin, opened = blocks.FilePart.__init__, Path.open

    def kept(part: blocks.FilePart, *given: object) -> None:
        begin(part, *given)  # type: ignore[arg-type]
        parts.append(part)

    def reopened(path: Path, *given: object, **more: object) -> object:
        return Dead(path) if path == image else opened(path, *given, **more)  # type: ignore[call-overload]

    def die() -> None:
        patch.setattr(Path, "open", reopened)
        patch.setattr(EwfImage, "_read_raw", lambda *_: dead.read())
        for part in parts:
            part._fh = dead

    with monkeypatch.context() as patch, Dead(image) as dead:
        patch.setattr(blocks.FilePart, "__init__", kept)
        yield die


@pytest.mark.parametrize("kind", ["raw", "E01"])
def test_an_unplugged_disk_ends_the_run(
    kind: str, raw: Path, undisturbed: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one artefact is noted as damaged; with the disk back the same command goes on."""
    image, reference = raw, undisturbed
    if kind == "E01":
        need("ewfacquire")
        image = as_e01(raw, tmp_path / "disk")
        reference = collect(image, tmp_path / "reference")
    with pulled_out(monkeypatch, image) as die, pytest.raises(EvidenceError, match="cannot be read any more"):
        collect(image, tmp_path / "case", die)
    judge(reference, collect(image, tmp_path / "case"))


def test_a_passing_read_error_is_an_outcome_that_the_next_start_tries_again(
    raw: Path, undisturbed: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk stays there: what cannot be read is named with its bytes, and read whole by a later start."""
    at = raw.read_bytes().index(b"PK\x03\x04" + bytes(1000))

    def failing(part: blocks.FilePart, offset: int, length: int) -> bytes:
        if offset < at + 4096 and offset + length > at:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(part, offset, length)

    real = blocks.FilePart.read_at
    with monkeypatch.context() as patch:
        patch.setattr(blocks.FilePart, "read_at", failing)
        case = collect(raw, tmp_path / "case")
        [item] = [i for i in case.items() if i.read_errors]
        assert item.path.endswith("reused.zip")
        assert "4096 bytes" in item.read_errors[0]
        case.reopen("collect", "verify")  # as if the run had been killed just before it ended
    judge(undisturbed, collect(raw, tmp_path / "case"))


def test_a_bad_sector_is_not_an_unplugged_disk(raw: Path) -> None:
    """A file that can be opened and read at its beginning is there; one that is shorter or gone is not."""
    still_there(raw, raw.stat().st_size)
    still_there(raw.parent)
    for path, size in ((raw, raw.stat().st_size + 1), (raw.with_name("gone.raw"), 0)):
        with pytest.raises(EvidenceError):
            still_there(path, size)
