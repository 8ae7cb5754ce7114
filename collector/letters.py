r"""Drive letters: from MountedDevices by partition identity, else by the paths the evidence itself names.

A MountedDevices value is the MBR disk signature (4 bytes) and the byte offset of the partition (8), or `DMIO:ID:` and
the partition's GUID (16). A letter that two volumes could carry is given to none.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterable, Sequence

import msgspec

from collector.hives import Hive
from collector.image import Image
from collector.survey import VolumeTree
from shellcase.model import Volume

_DOS = "\\dosdevices\\"


def mounted(system: Hive) -> dict[str, bytes]:
    """`C:` → the identity bytes."""
    found = {}
    for name, raw in system.values("MountedDevices"):
        if isinstance(raw, bytes) and name.lower().startswith(_DOS) and len(name) == len(_DOS) + 2:
            found[name[-2:].upper()] = raw
    return dict(sorted(found.items()))


def assign(
    image: Image, volumes: Sequence[VolumeTree], system: Hive, system_root: str, named: Iterable[str]
) -> tuple[Volume, ...]:
    """Volumes with their letters, in the order of the image."""
    devices = mounted(system)
    letters = {h.volume.key: _by_identity(image, h.volume, h.partition_guid, devices) for h in image.volumes}
    _by_windows(volumes, letters, system_root)
    _by_paths(volumes, letters, named)
    _doubt_doubles(letters)
    return tuple(_named(h.volume, letters[h.volume.key]) for h in image.volumes)


_NONE = ("", "")


def _doubt_doubles(letters: dict[str, tuple[str, str]]) -> None:
    given = [letter for letter, _how in letters.values() if letter]
    for key, (letter, how) in letters.items():
        if given.count(letter) > 1:
            letters[key] = ("", f"in doubt: {given.count(letter)} volumes claim {letter} ({how})")


def _by_identity(image: Image, volume: Volume, guid: str, devices: dict[str, bytes]) -> tuple[str, str]:
    for letter, raw in devices.items():
        if guid and raw == b"DMIO:ID:" + uuid.UUID(guid).bytes_le:
            return letter, f"MountedDevices: partition GUID {guid}"
        if image.scheme == "mbr" and raw == image.disk_signature + struct.pack("<Q", volume.offset):
            return letter, f"MountedDevices: disk signature {image.disk_signature[::-1].hex()}, offset {volume.offset}"
    return _NONE


def _by_windows(volumes: Sequence[VolumeTree], letters: dict[str, tuple[str, str]], system_root: str) -> None:
    taken = {letter for letter, _how in letters.values()}
    letter, rest = system_root[:2].upper(), system_root[2:]
    if len(letter) != 2 or letter[1] != ":" or letter in taken:
        return
    fits = [v for v in volumes if not letters[v.volume.key][0] and v.tree.find(rest + "\\System32\\config\\SYSTEM")]
    if len(fits) == 1:
        how = f"by content: the only volume with {rest}, which SystemRoot places on {letter}"
        letters[fits[0].volume.key] = (letter, how)


def _by_paths(volumes: Sequence[VolumeTree], letters: dict[str, tuple[str, str]], named: Iterable[str]) -> None:
    for path in named:
        letter, rest = path[:2].upper(), path[2:]
        taken = {letter for letter, _how in letters.values()}
        if len(path) < 4 or letter[1] != ":" or letter in taken:
            continue
        fits = [v for v in volumes if not letters[v.volume.key][0] and v.tree.find(rest)]
        if len(fits) == 1:
            letters[fits[0].volume.key] = (letter, f"by content: the only volume with {rest}, configured as {path}")
        for volume in fits if len(fits) > 1 else ():
            how = f"in doubt: {len(fits)} volumes hold {rest}, configured as {path}"
            letters[volume.volume.key] = ("", how)


def _named(volume: Volume, found: tuple[str, str]) -> Volume:
    letter, how = found
    how = how or "no entry of MountedDevices and no configured path points to it"
    return msgspec.structs.replace(volume, letter=letter or None, how=how)
