"""Opening containers: raw, split raw, E01, VMDK, VHD, VHDX, QCOW2 as media, that is bytes at offsets.

By their bytes first, so that endings do not matter; by their path where they refer to other files. E01 is decoded by
`collector.ewf`, which checks what it reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from dissect.target import container
from dissect.target.exceptions import ContainerError

from collector.ewf import EwfImage, find_segments, is_ewf
from collector.media import READER_FAULTS, SplitMedia, StreamMedia
from collector.runs import Reader
from shellcase.errors import EvidenceError

ADVICE = "Check the file name and that the copy is complete; compare it with the imager's log, then try another copy."
_NAMES = {"qcow2": "QCOW2", "vmdk": "VMDK", "vhd": "VHD", "vhdx": "VHDX", "raw": "raw"}


@dataclass(frozen=True, slots=True)
class Opened:
    """Decoded media, the files it comes from, and what is missing of it. `why`: how the container was told."""

    kind: str
    media: Reader
    parts: tuple[Path, ...]
    ewf: EwfImage | None
    files: tuple[BinaryIO, ...] = ()
    problems: tuple[str, ...] = ()
    why: str = ""

    def close(self) -> None:
        """Release the files."""
        for file in self.files:
            file.close()
        if self.ewf:
            self.ewf.close()


def open_media(path: Path) -> Opened:
    """The media of a container. EvidenceError when its bytes are no container that can be decoded."""
    with path.open("rb") as fh:
        head = fh.read(512)
    if is_ewf(head):
        ewf = EwfImage(path)
        return Opened("E01", ewf, tuple(find_segments(path)), ewf)
    if path.suffix.lower()[:2] in (".e", ".s") and len(path.suffix) == 4 and path.suffix[2:].isalnum():
        raise EvidenceError(
            f"The file has the ending {path.suffix} but does not start with the E01 signature", str(path), ADVICE
        )
    parts = _parts_of(path)
    if len(parts) > 1:
        return _open_split(parts)
    opened, files = _open_container(path)
    kind = _NAMES.get(opened.__type__, opened.__type__)
    return Opened(kind, StreamMedia(opened, int(opened.size)), parts, None, files)


def _open_split(parts: tuple[Path, ...]) -> Opened:
    files = tuple(p.open("rb") for p in parts)
    media = SplitMedia([(int(p.suffix[1:]), f) for p, f in zip(parts, files, strict=True)])
    lost = tuple(f"split image is not complete: part {parts[0].stem}.{n:03d} is missing" for n in media.missing[:20])
    return Opened("split raw", media, parts, None, files, lost)


def _open_container(path: Path) -> tuple[container.Container, tuple[BinaryIO, ...]]:
    """By its bytes first, so that endings do not matter; by its path where it refers to other files."""
    file = path.open("rb")
    try:
        return container.open(file), (file,)
    except (ContainerError, *READER_FAULTS):
        file.close()
    try:
        return container.open(path), ()
    except (ContainerError, *READER_FAULTS) as error:
        why = error.__cause__ or error
        raise EvidenceError(f"The image container cannot be opened: {why}", str(path), ADVICE) from error


def _parts_of(path: Path) -> tuple[Path, ...]:
    """The files of a split raw image (.001, .002 …), else the file itself."""
    if not path.suffix[1:].isdecimal():
        return (path,)
    same = (p for p in path.parent.iterdir() if p.stem == path.stem and p.suffix[1:].isdecimal() and p.is_file())
    return tuple(sorted(same, key=lambda p: (int(p.suffix[1:]), p.name)))
