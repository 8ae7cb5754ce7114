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
from collector.coverage import Coverage
from collector.encrypted import NO_KEYS, Keys, Locked, Unlocked, unlocked
from collector.ewf import EwfImage
from collector.filesystem import VolumeHandle
from collector.media import Window, fingerprint_of
from collector.ntfs import Ntfs
from collector.partitions import DYNAMIC, Part, end_of, partitions
from collector.present import still_there
from collector.runs import Reader
from collector.signatures import BITLOCKER, file_system, unknown_content
from collector.snapshots import snapshots_of
from shellcase.errors import EvidenceError, UsageError
from shellcase.model import Volume

_LARGEST = 1 << 50
_KEYS_WANTED = "Give its recovery key with --recovery-key, or a keychain file with --keychain."
_OTHER_SYSTEM = "Only NTFS volumes are read: check that this is the right image, and that it holds the whole disk."


@dataclass(frozen=True, slots=True)
class Image:
    """An opened source. `fingerprint` is SHA-256 of size, first and last MiB of the decoded media, as hex.

    `loader` and `why` say what the source was taken for. `incomplete`: some of `problems` are parts or bytes that are
    missing, not only remarks. `volumes` holds shadow copies too, each behind its live volume. `end`: where the last
    volume of a disk ends, 0 of a collection.
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
    end: int = 0

    @property
    def size(self) -> int:
        """Media bytes; of a collection the bytes of its files."""
        return self.media.size

    @property
    def left(self) -> tuple[gathered.Left, ...]:
        """Members of a collection that are no files of its volumes."""
        return self.opened.left if isinstance(self.opened, gathered.Gathered) else ()

    @property
    def seen(self) -> Coverage | gathered.Watch | None:
        """What reading has checked so far: chunks of an E01, files of a collection."""
        watch = self.opened.watch if isinstance(self.opened, gathered.Gathered) else None
        return self.ewf.seen if self.ewf else watch

    def all_there(self) -> None:
        """To be asked after an error. EvidenceError when the source was unplugged: that is no damage to be noted."""
        for path in (self.path, *self.segments):
            still_there(path)

    def close(self) -> None:
        """Release the files of the source."""
        self.opened.close()


def open_source(path: Path, keys: Keys = NO_KEYS, *, bare: bool = False) -> Image:
    """Open a source. UsageError: no such file. EvidenceError: nothing of it can be read.

    `bare`: an E01 will do whose volumes are all unreadable, because only its bytes are to be checked.
    """
    _check_path(path)
    keys.all()
    found = gathered.open_gathered(path)
    if found is not None:
        return _from_gathered(path, found)
    _check_file(path)
    opened = open_media(path)
    try:
        return _read_volumes(path, opened, keys, bare=bare)
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
        incomplete=found.incomplete,
    )


def _read_volumes(path: Path, opened: Opened, keys: Keys, *, bare: bool = False) -> Image:
    kind, media, ewf = opened.kind, opened.media, opened.ewf
    if not media.size:
        raise EvidenceError("The image holds no media", str(path), ADVICE)
    if media.size > _LARGEST:
        raise EvidenceError(f"The image claims to hold {media.size} bytes, more than any disk", str(path), ADVICE)
    scheme, signature, parts, problems = partitions(media)
    end = min(end_of(media, parts) or media.size, media.size)
    fingerprint = fingerprint_of(media, end)
    handles = tuple(_handle(media, n, part, path, keys) for n, part in enumerate(parts, 1))
    if not any(h.fs for h in handles) and not (bare and ewf):
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
        problems=(*problems, *opened.remarks, *_closed(handles), *unread, *lost),
        incomplete=bool(lost),
        end=end,
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
    window = opened.reader if isinstance(opened, Unlocked) else window
    kind = file_system(window)
    copy = None if kind else mended(window)
    window, kind = (copy, "NTFS") if copy else (window, kind)
    why = "its boot sector is damaged, the copy at its end was used" if copy else ""
    if kind != "NTFS":
        why = opened.why if isinstance(opened, Locked) else _why_not_read(window, kind, part)
    handle = ntfs_handle(
        Volume(key=f"0-{part.offset}", number=number, offset=part.offset, size=part.size, fs=kind),
        window,
        f"{path}, volume at byte {part.offset}",
        "; ".join(filter(None, (why, opened.how if isinstance(opened, Unlocked) else ""))),
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


def _why_not_read(window: Reader, kind: str, part: Part) -> str:
    if kind:
        return f"file system: {kind}"
    if DYNAMIC in part.kind:
        return "part of a dynamic disk (LDM); dynamic disks are not read"
    return f"file system: {unknown_content(window)}"


def _closed(handles: tuple[VolumeHandle, ...]) -> tuple[str, ...]:
    """Encrypted volumes that stayed closed beside others that are read."""
    return tuple(
        f"the volume at byte {h.volume.offset} is not read: {h.why}" for h in handles if h.volume.fs == BITLOCKER
    )


def _nothing_readable(
    path: Path, kind: str, media: Reader, handles: tuple[VolumeHandle, ...], ewf: EwfImage | None
) -> EvidenceError:
    seen = "; ".join(f"volume at byte {h.volume.offset}: {h.why}" for h in handles if h.why) or "no partition"
    damage = f" The container is damaged: {'; '.join(ewf.problems[:3])}." if ewf and ewf.problems else ""
    bitlocker = any(h.volume.fs == BITLOCKER for h in handles)
    todo = _KEYS_WANTED if bitlocker else _OTHER_SYSTEM if any(h.volume.fs for h in handles) else ADVICE
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
