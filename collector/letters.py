r"""Drive letters: from MountedDevices by partition identity, else by the paths the evidence itself names.

A MountedDevices value is the MBR disk signature (4 bytes) and the byte offset of the partition (8), or `DMIO:ID:` and
the partition's GUID (16). A letter that two volumes could carry is given to none. Beside letters it names volumes
(`\\??\\Volume{…}`), which is how folders that another volume is mounted on say which.
"""

from __future__ import annotations

import re
import struct
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from collector.hives import Hive
from collector.image import Image
from collector.survey import Place, VolumeTree
from shellcase.model import Volume

_DOS = "\\dosdevices\\"
_VOLUME = re.compile(r"\\\?\?\\(volume\{[0-9a-f-]{36}\})", re.IGNORECASE | re.ASCII)
_SYSTEM = "\\Windows\\System32\\config\\SYSTEM"
_HIVE_LIMIT = 1 << 30


def mounted(system: Hive) -> dict[str, bytes]:
    """`C:` or `volume{…}` → the identity bytes."""
    found = {}
    for name, raw in system.values("MountedDevices"):
        if isinstance(raw, bytes) and name.lower().startswith(_DOS) and len(name) == len(_DOS) + 2:
            found[name[-2:].upper()] = raw
        elif isinstance(raw, bytes) and (volume := _VOLUME.fullmatch(name)):
            found[volume[1].lower()] = raw
    return dict(sorted(found.items()))


def is_mounted(image: Image, home: VolumeTree) -> bool:
    """Whether the Windows on another disk has had a partition of this one mounted."""
    devices = mounted(Hive("SYSTEM", home.read(_SYSTEM, _HIVE_LIMIT)))
    return any(_by_identity(image, h.volume, h.partition_guid, devices)[0] for h in image.volumes if not h.snapshot)


Letters = dict[Place, tuple[str, str]]
"""The letter of each live volume and how it was found; both empty where it was not."""


def assign(
    images: Sequence[Image],
    volumes: Sequence[VolumeTree],
    devices: Mapping[str, bytes],
    system_root: str,
    named: Iterable[str],
) -> dict[Place, Volume]:
    """The live volumes of one machine's disks with their letters, in the order of the images."""
    live = [v for v in volumes if not v.snapshot]
    handles = [(i, h) for i in images for h in i.volumes if not h.snapshot]
    letters = {
        (i.fingerprint, h.volume.key): (h.volume.letter, h.volume.how)
        if h.volume.letter
        else _by_identity(i, h.volume, h.partition_guid, devices)
        for i, h in handles
    }
    _by_windows(live, letters, system_root)
    _by_paths(live, letters, named)
    _doubt_doubles(letters)
    return {
        (i.fingerprint, h.volume.key): _named(
            h.volume, letters[i.fingerprint, h.volume.key], _mounts(i, h.volume, h.partition_guid, devices)
        )
        for i, h in handles
    }


_NONE = ("", "")


def _doubt_doubles(letters: Letters) -> None:
    given = [letter for letter, _how in letters.values() if letter]
    for key, (letter, how) in letters.items():
        if given.count(letter) > 1:
            letters[key] = ("", f"in doubt: {given.count(letter)} volumes claim {letter} ({how})")


def _by_identity(image: Image, volume: Volume, guid: str, devices: Mapping[str, bytes]) -> tuple[str, str]:
    for name, how in _devices(image, volume, guid, devices):
        if name.endswith(":"):
            return name, f"MountedDevices: {how}"
    return _NONE


def _mounts(image: Image, volume: Volume, guid: str, devices: Mapping[str, bytes]) -> tuple[str, ...]:
    """The names a mount point may call it by."""
    return tuple(name for name, _how in _devices(image, volume, guid, devices) if not name.endswith(":"))


def _devices(image: Image, volume: Volume, guid: str, devices: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    """The names under which Windows mounted a volume, and what tells that it is this one."""
    for name, raw in devices.items():
        if guid and raw == b"DMIO:ID:" + uuid.UUID(guid).bytes_le:
            yield name, f"partition GUID {guid}"
        elif image.scheme == "mbr" and raw == image.disk_signature + struct.pack("<Q", volume.offset):
            yield name, f"disk signature {image.disk_signature[::-1].hex()}, offset {volume.offset}"


def _by_windows(volumes: Sequence[VolumeTree], letters: Letters, system_root: str) -> None:
    taken = {letter for letter, _how in letters.values()}
    letter, rest = system_root[:2].upper(), system_root[2:]
    if len(letter) != 2 or letter[1] != ":" or letter in taken:
        return
    fits = [v for v in volumes if not letters[v.place][0] and v.tree.find(rest + "\\System32\\config\\SYSTEM")]
    if len(fits) == 1:
        how = f"by content: the only volume with {rest}, which SystemRoot places on {letter}"
        letters[fits[0].place] = (letter, how)


def _by_paths(volumes: Sequence[VolumeTree], letters: Letters, named: Iterable[str]) -> None:
    for path in named:
        letter, rest = path[:2].upper(), path[2:]
        taken = {letter for letter, _how in letters.values()}
        if len(path) < 4 or letter[1] != ":" or letter in taken:
            continue
        fits = [v for v in volumes if not letters[v.place][0] and v.tree.find(rest)]
        if len(fits) == 1:
            letters[fits[0].place] = (letter, f"by content: the only volume with {rest}, configured as {path}")
        for volume in fits if len(fits) > 1 else ():
            how = f"in doubt: {len(fits)} volumes hold {rest}, configured as {path}"
            letters[volume.place] = ("", how)


def _named(volume: Volume, found: tuple[str, str], mounts: tuple[str, ...]) -> Volume:
    letter, how = found
    how = how or "no entry of MountedDevices and no configured path points to it"
    return msgspec.structs.replace(volume, letter=letter or None, how=how, mounts=mounts)
