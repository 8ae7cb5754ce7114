"""Opening an image: container, partitions, NTFS volumes. The only file that touches dissect's containers and volumes.

`open_source` accepts E01 sets, raw and split raw, VMDK, VHD, VHDX, QCOW2; a whole disk or a single volume. It opens
for reading only. E01 is decoded by `collector.ewf`, which checks what it reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from dissect.target import container
from dissect.target.exceptions import ContainerError
from dissect.volume.disk import Disk, DiskError, Partition

from collector.boot import mended, volumes_by_boot_sector
from collector.ewf import EwfImage, find_segments, is_ewf
from collector.media import READER_FAULTS, SplitMedia, StreamMedia, Window, fingerprint_of, try_read
from collector.ntfs import Ntfs, is_ntfs
from collector.runs import Reader
from shellcase.errors import EvidenceError, UsageError
from shellcase.model import Volume

_ADVICE = "Check the file name and that the copy is complete; compare it with the imager's log, then try another copy."
_NAMES = {"qcow2": "QCOW2", "vmdk": "VMDK", "vhd": "VHD", "vhdx": "VHDX", "raw": "raw"}


@dataclass(frozen=True, slots=True)
class VolumeHandle:
    """A volume found on the media; `ntfs` is None where the file system is another or cannot be read (`why`)."""

    volume: Volume
    reader: Reader
    ntfs: Ntfs | None
    why: str = ""
    partition_guid: str = ""
    partition_type: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """An opened source. `fingerprint` is SHA-256 of size, first and last MiB of the decoded media, as hex.

    `incomplete`: some of `problems` are parts or bytes that are missing, not only remarks.
    """

    path: Path
    container: str
    media: Reader
    volumes: tuple[VolumeHandle, ...]
    fingerprint: str
    segments: tuple[Path, ...]
    scheme: str = "none"
    disk_signature: bytes = b""
    ewf: EwfImage | None = None
    problems: tuple[str, ...] = ()
    incomplete: bool = False
    files: tuple[BinaryIO, ...] = ()

    @property
    def size(self) -> int:
        """Media bytes."""
        return self.media.size

    def close(self) -> None:
        """Release the files of the image."""
        for file in self.files:
            file.close()
        if self.ewf:
            self.ewf.close()


def open_source(path: Path) -> Image:
    """Open an image. UsageError: no such file. EvidenceError: nothing of it can be read as NTFS."""
    _check_path(path)
    opened = _open_media(path)
    try:
        return _read_volumes(path, opened)
    except EvidenceError:
        for file in opened.files:
            file.close()
        if opened.ewf:
            opened.ewf.close()
        raise


def _read_volumes(path: Path, opened: _Opened) -> Image:
    kind, media, ewf = opened.kind, opened.media, opened.ewf
    if not media.size:
        raise EvidenceError("The image holds no media", str(path), _ADVICE)
    fingerprint = fingerprint_of(media)
    scheme, signature, parts, problems = _partitions(media)
    handles = tuple(_handle(media, n, part, path) for n, part in enumerate(parts, 1))
    if not any(h.ntfs for h in handles):
        raise _nothing_readable(path, kind, media, handles, ewf)
    lost = (*opened.problems, *(ewf.problems if ewf else ()), *_cut_volumes(handles, parts))
    return Image(
        path=path,
        container=kind,
        media=media,
        volumes=handles,
        fingerprint=fingerprint,
        segments=opened.parts,
        scheme=scheme,
        disk_signature=signature,
        ewf=ewf,
        problems=(*problems, *lost),
        incomplete=bool(lost),
        files=opened.files,
    )


def _check_path(path: Path) -> None:
    if not path.exists():
        raise UsageError("There is no such source file", str(path), "Give the path of the image's first file.")
    if path.is_dir():
        raise UsageError("The source is a folder", str(path), "Give the image file itself, e.g. disk.E01.")
    if not path.stat().st_size:
        raise EvidenceError("The image file is empty (0 bytes)", str(path), _ADVICE)


@dataclass(frozen=True, slots=True)
class _Opened:
    kind: str
    media: Reader
    parts: tuple[Path, ...]
    ewf: EwfImage | None
    files: tuple[BinaryIO, ...] = ()
    problems: tuple[str, ...] = ()


def _open_media(path: Path) -> _Opened:
    with path.open("rb") as fh:
        head = fh.read(512)
    if is_ewf(head):
        ewf = EwfImage(path)
        return _Opened("E01", ewf, tuple(find_segments(path)), ewf)
    if path.suffix.lower()[:2] in (".e", ".s") and len(path.suffix) == 4 and path.suffix[2:].isalnum():
        raise EvidenceError(
            f"The file has the ending {path.suffix} but does not start with the E01 signature", str(path), _ADVICE
        )
    parts = _parts_of(path)
    if len(parts) > 1:
        return _open_split(parts)
    opened, files = _open_container(path)
    kind = _NAMES.get(opened.__type__, opened.__type__)
    return _Opened(kind, StreamMedia(opened, int(opened.size)), parts, None, files)


def _open_split(parts: tuple[Path, ...]) -> _Opened:
    files = tuple(p.open("rb") for p in parts)
    media = SplitMedia([(int(p.suffix[1:]), f) for p, f in zip(parts, files, strict=True)])
    lost = tuple(f"split image is not complete: part {parts[0].stem}.{n:03d} is missing" for n in media.missing[:20])
    return _Opened("split raw", media, parts, None, files, lost)


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
        raise EvidenceError(f"The image container cannot be opened: {why}", str(path), _ADVICE) from error


def _parts_of(path: Path) -> tuple[Path, ...]:
    """The files of a split raw image (.001, .002 …), else the file itself."""
    if not path.suffix[1:].isdecimal():
        return (path,)
    same = (p for p in path.parent.iterdir() if p.stem == path.stem and p.suffix[1:].isdecimal() and p.is_file())
    return tuple(sorted(same, key=lambda p: (int(p.suffix[1:]), p.name)))


@dataclass(frozen=True, slots=True)
class _Part:
    offset: int
    size: int
    guid: str = ""
    kind: str = ""


def _partitions(media: Reader) -> tuple[str, bytes, list[_Part], tuple[str, ...]]:
    """Scheme, MBR disk signature, partitions in order of offset. A volume without a table is one partition."""
    first = try_read(media, 0, 512)
    if is_ntfs(first):
        return "none", b"", [_Part(0, media.size)], ()
    disk = _table(media)
    if disk is None:
        found = [_Part(offset, size) for offset, size in volumes_by_boot_sector(media)]
        how = "volumes were found by their boot sectors" if found else "the media is read as one volume"
        return "none", b"", found or [_Part(0, media.size)], (f"no partition table found; {how}",)
    named = (p for p in disk.partitions if p.size and p.offset < media.size)
    parts = [_Part(int(p.offset), _length(p, disk.sector_size), str(p.guid or ""), str(p.type_str)) for p in named]
    scheme = "gpt" if any(p.guid for p in parts) else "mbr"
    return scheme, first[440:444], sorted(parts, key=lambda p: p.offset), ()


def _table(media: Reader) -> Disk | None:
    """The partition table, with sectors of 512 or 4096 bytes."""
    for sector in (512, 4096):
        try:
            return Disk(cast(BinaryIO, _AsFile(media)), sector_size=sector)
        except (DiskError, *READER_FAULTS):
            continue
    return None


def _length(partition: Partition, sector: int) -> int:
    """The last sector of a GPT entry belongs to the partition; dissect leaves it out."""
    entry: Any = partition.raw  # a structure made at run time, its fields are not known to type checkers
    if partition.guid and entry is not None and entry.last_lba >= entry.first_lba:
        return int(entry.last_lba - entry.first_lba + 1) * sector
    return int(partition.size)


class _AsFile:
    """What dissect's partition reader asks of a file: seek, tell, read, size."""

    def __init__(self, media: Reader) -> None:
        self._media, self.size, self._at = media, media.size, 0

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = (0, self._at, self.size)[whence] + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, length: int = -1) -> bytes:
        data = try_read(self._media, self._at, length if length >= 0 else self.size - self._at)
        self._at += len(data)
        return data


def _handle(media: Reader, number: int, part: _Part, path: Path) -> VolumeHandle:
    window: Reader = Window(media, part.offset, part.size)
    kind = _filesystem(try_read(window, 0, 512))
    copy = None if kind else mended(window)
    window, kind = (copy, "NTFS") if copy else (window, kind)
    ntfs, why = None, "" if kind == "NTFS" else f"file system: {kind or 'unknown'}"
    why = "its boot sector is damaged, the copy at its end was used" if copy else why
    if kind == "NTFS":
        try:
            ntfs = Ntfs(window, f"{path}, volume at byte {part.offset}")
        except EvidenceError as error:
            why = error.what
    found = Volume(
        key=f"0-{part.offset}",
        number=number,
        offset=part.offset,
        size=part.size,
        fs=kind,
        serial=ntfs.serial if ntfs else "",
        label=ntfs.label() if ntfs else "",
    )
    return VolumeHandle(found, window, ntfs, why, part.guid, part.kind)


def _filesystem(boot: bytes) -> str:
    if is_ntfs(boot):
        return "NTFS"
    marks = {b"-FVE-FS-": "BitLocker", b"ReFS\0\0\0\0": "ReFS", b"EXFAT   ": "exFAT"}
    if boot[3:11] in marks:
        return marks[boot[3:11]]
    return "FAT" if boot[54:57] == b"FAT" or boot[82:85] == b"FAT" else ""


def _nothing_readable(
    path: Path, kind: str, media: Reader, handles: tuple[VolumeHandle, ...], ewf: EwfImage | None
) -> EvidenceError:
    seen = "; ".join(f"volume at byte {h.volume.offset}: {h.why}" for h in handles if h.why) or "no partition"
    damage = f" The container is damaged: {'; '.join(ewf.problems[:3])}." if ewf and ewf.problems else ""
    bitlocker = any(h.volume.fs == "BitLocker" for h in handles)
    todo = "Decrypt the volume first and give the decrypted image." if bitlocker else _ADVICE
    return EvidenceError(
        f"No NTFS volume can be read from the {kind} image of {media.size} bytes ({seen}).{damage}", str(path), todo
    )


def _cut_volumes(handles: tuple[VolumeHandle, ...], parts: list[_Part]) -> tuple[str, ...]:
    """Volumes that claim more bytes than the image holds: the image is truncated."""
    problems = []
    for handle, part in zip(handles, parts, strict=True):
        want = max(part.size, handle.ntfs.total if handle.ntfs else 0)
        if want > handle.reader.size + 512 * 64:
            lost = want - handle.reader.size
            problems.append(
                f"image is truncated: the volume at byte {part.offset} wants {want} bytes, {lost} lie beyond the end"
            )
    return tuple(problems)
