"""Opening a source: a disk image or volume in any container, or a collection that another tool made.

`open_source` opens for reading only. Containers are `collector.containers`, partition tables `collector.partitions`,
encrypted volumes `collector.encrypted`, shadow copies `collector.snapshots`, collections `collector.gathered`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import structs

from collector import gathered
from collector.boot import mended
from collector.containers import ADVICE, Opened, open_media
from collector.encrypted import NO_KEYS, Keys, unlocked
from collector.ewf import EwfImage
from collector.filesystem import VolumeHandle
from collector.media import Window, fingerprint_of, try_read
from collector.ntfs import Ntfs, is_ntfs
from collector.partitions import Part, partitions
from collector.runs import Reader
from collector.snapshots import snapshots_of
from shellcase.errors import EvidenceError, UsageError
from shellcase.model import Volume


@dataclass(frozen=True, slots=True)
class Image:
    """An opened source. `fingerprint` is SHA-256 of size, first and last MiB of the decoded media, as hex.

    `loader` and `why` say what the source was taken for. `incomplete`: some of `problems` are parts or bytes that are
    missing, not only remarks. `volumes` holds shadow copies too, each behind its live volume.
    """

    path: Path
    container: str
    media: Reader
    volumes: tuple[VolumeHandle, ...]
    fingerprint: str
    segments: tuple[Path, ...]
    opened: Opened | gathered.Gathered
    why: str = ""
    scheme: str = "none"
    disk_signature: bytes = b""
    ewf: EwfImage | None = None
    problems: tuple[str, ...] = ()
    incomplete: bool = False

    @property
    def size(self) -> int:
        """Media bytes; of a collection the bytes of its files."""
        return self.media.size

    def close(self) -> None:
        """Release the files of the source."""
        self.opened.close()


def open_source(path: Path, keys: Keys = NO_KEYS) -> Image:
    """Open a source. UsageError: no such file. EvidenceError: nothing of it can be read."""
    _check_path(path)
    found = gathered.open_gathered(path)
    if found is not None:
        return _from_gathered(path, found)
    _check_file(path)
    opened = open_media(path)
    try:
        return _read_volumes(path, opened, keys)
    except EvidenceError:
        opened.close()
        raise


def _from_gathered(path: Path, found: gathered.Gathered) -> Image:
    return Image(
        path=path,
        container=found.loader,
        media=found.media,
        volumes=found.volumes,
        fingerprint=found.fingerprint,
        segments=found.segments,
        opened=found,
        why=found.why,
        problems=found.problems,
    )


def _read_volumes(path: Path, opened: Opened, keys: Keys) -> Image:
    kind, media, ewf = opened.kind, opened.media, opened.ewf
    if not media.size:
        raise EvidenceError("The image holds no media", str(path), ADVICE)
    fingerprint = fingerprint_of(media)
    scheme, signature, parts, problems = partitions(media)
    handles = tuple(_handle(media, n, part, path, keys) for n, part in enumerate(parts, 1))
    if not any(h.fs for h in handles):
        raise _nothing_readable(path, kind, media, handles, ewf)
    lost = (*opened.problems, *(ewf.problems if ewf else ()), *_cut_volumes(handles, parts))
    volumes, unread = _with_snapshots(handles)
    return Image(
        path=path,
        container=kind,
        media=media,
        volumes=volumes,
        fingerprint=fingerprint,
        segments=opened.parts,
        opened=opened,
        why=opened.why,
        scheme=scheme,
        disk_signature=signature,
        ewf=ewf,
        problems=(*problems, *unread, *lost),
        incomplete=bool(lost),
    )


def _with_snapshots(handles: tuple[VolumeHandle, ...]) -> tuple[tuple[VolumeHandle, ...], tuple[str, ...]]:
    """Each live volume followed by its shadow copies, and what could not be read of those."""
    volumes, unread = list[VolumeHandle](), list[str]()
    for handle in handles:
        copies, problems = snapshots_of(handle) if handle.fs else ((), ())
        volumes += [handle, *copies]
        unread += problems
    return tuple(volumes), tuple(unread)


def _check_path(path: Path) -> None:
    if not path.exists():
        raise UsageError(
            "There is no such source file or folder", str(path), "Give the path of the image's first file, or a folder."
        )


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise UsageError("The source is a folder without evidence we know", str(path), "Give the image file itself.")
    if not path.stat().st_size:
        raise EvidenceError("The image file is empty (0 bytes)", str(path), ADVICE)


def _handle(media: Reader, number: int, part: Part, path: Path, keys: Keys) -> VolumeHandle:
    window: Reader = Window(media, part.offset, part.size)
    opened = unlocked(window, keys)
    window = opened.reader if opened else window
    kind = _filesystem(try_read(window, 0, 512))
    copy = None if kind else mended(window)
    window, kind = (copy, "NTFS") if copy else (window, kind)
    why = "" if kind == "NTFS" else f"file system: {kind or 'unknown'}"
    why = "its boot sector is damaged, the copy at its end was used" if copy else why
    handle = ntfs_handle(
        Volume(key=f"0-{part.offset}", number=number, offset=part.offset, size=part.size, fs=kind),
        window,
        f"{path}, volume at byte {part.offset}",
        "; ".join(filter(None, (why, opened.how if opened else ""))),
    )
    return replace(handle, partition_guid=part.guid, partition_type=part.kind)


def ntfs_handle(volume: Volume, reader: Reader, where: str, why: str = "") -> VolumeHandle:
    """A volume with its NTFS where that can be read, else with the reason."""
    if volume.fs != "NTFS":
        return VolumeHandle(volume, reader, None, why)
    try:
        fs = Ntfs(reader, where)
    except EvidenceError as error:
        return VolumeHandle(volume, reader, None, error.what)
    return VolumeHandle(structs.replace(volume, serial=fs.serial, label=fs.label()), reader, fs, why)


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
    todo = "Decrypt the volume first and give the decrypted image." if bitlocker else ADVICE
    return EvidenceError(
        f"No NTFS volume can be read from the {kind} image of {media.size} bytes ({seen}).{damage}", str(path), todo
    )


def _cut_volumes(handles: tuple[VolumeHandle, ...], parts: list[Part]) -> tuple[str, ...]:
    """Volumes that claim more bytes than the image holds: the image is truncated."""
    problems = []
    for handle, part in zip(handles, parts, strict=True):
        want = max(part.size, handle.fs.total if handle.fs else 0)
        if want > handle.reader.size + 512 * 64:
            lost = want - handle.reader.size
            problems.append(
                f"image is truncated: the volume at byte {part.offset} wants {want} bytes, {lost} lie beyond the end"
            )
    return tuple(problems)
