r"""Prefetch (`Windows\Prefetch\*.pf`): that a program ran, when the last times, how often, and what it loaded.

Versions 17 (XP) to 31 (Windows 11), packed (MAM) or not. The layout is the one libscca documents. Servers have
prefetch switched off unless someone switched it on: that there is none says nothing.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from msgspec import Struct

from parsers.execution.unpack import unpack
from parsers.small import Damage, Part, Said, digest, odd, tell, whole, wide
from parsers.times import filetime_moment, filetime_ns, filetime_text
from shellcase.model import HostFacts, Issue, Job, Kind, Moment, Parser, ParserOutput, Value

RUN, PROGRAM, VOLUME = "windows.prefetch.run", "windows.prefetch.program", "windows.prefetch.volume"
_HEAD, _LEAST = struct.Struct("<I4sII60sI"), 156
_SECTIONS = struct.Struct("<9I")  # from 84 on: metrics, traces, names, volumes
_RUNS = {17: (120, 1, 144), 23: (128, 1, 152), 26: (128, 8, 208), 30: (128, 8, 208), 31: (128, 8, 208)}
_SHORT_INFO = 0x128  # where sections begin in the second form of version 30 and in 31: the counter stands earlier
_VOLUME_SIZE = {17: 40, 23: 104, 26: 104, 30: 96, 31: 96}
_MOST_NAMES, _MOST_VOLUMES = 20_000, 256
_FILE = re.compile(r"[\\/](?P<exe>[^\\/]{1,30})-(?P<hash>[0-9A-F]{8})\.pf\Z", re.IGNORECASE)
_SERIAL = re.compile(r"\\VOLUME\{[0-9a-f]{16}-([0-9a-f]{8})\}", re.IGNORECASE)


class Volume(Struct, frozen=True):
    """A volume the program loaded files from; `created` as FILETIME."""

    device: str
    created: int
    serial: str
    folders: int


class Prefetch(Struct, frozen=True):
    """What the file says. `runs` are FILETIMEs, the latest first, unused places left out."""

    version: int
    executable: str
    hash: str
    run_count: int
    runs: tuple[int, ...]
    announced_size: int
    files: tuple[str, ...] = ()
    volumes: tuple[Volume, ...] = ()
    damage: tuple[str, ...] = ()


def read(raw: bytes) -> Prefetch:
    """Decode an unpacked file. Raises `Damage` when even its head cannot be read."""
    if len(raw) < _LEAST or raw[4:8] != b"SCCA":
        raise Damage("this file is no prefetch file", "SCCA at byte 4", raw[:8].hex(" "))
    version, _, _, size, name, number = _HEAD.unpack_from(raw)
    if version not in _RUNS:
        raise Damage("prefetch of a version that is not known", "17, 23, 26, 30 or 31", str(version))
    at, most, counter = _RUNS[version]
    sections = _SECTIONS.unpack_from(raw, 84)
    if version >= 30 and sections[0] == _SHORT_INFO:
        counter = 200
    stamps = struct.unpack_from(f"<{most}Q", raw, at)
    damage: list[str] = []
    return Prefetch(
        version=version,
        executable=wide(name).split("\\x00")[0],
        hash=f"{number:08X}",
        run_count=struct.unpack_from("<I", raw, counter)[0],
        runs=tuple(t for t in stamps if t),
        announced_size=size,
        files=_names(raw, sections[4], sections[5], damage),
        volumes=_volumes(raw, version, sections[6], sections[7], damage),
        damage=tuple(damage),
    )


def _names(raw: bytes, at: int, length: int, damage: list[str]) -> tuple[str, ...]:
    if at + length > len(raw):
        damage.append(f"names of files at {at}+{length} lie behind the end")
    texts = wide(raw[at : at + length]).split("\\x00")
    return tuple([t for t in texts if t][:_MOST_NAMES])


def _volumes(raw: bytes, version: int, at: int, count: int, damage: list[str]) -> tuple[Volume, ...]:
    step, found = _VOLUME_SIZE[version], []
    for start in range(at, at + min(count, _MOST_VOLUMES) * step, step):
        if start + 36 > len(raw):
            damage.append(f"volume at {start} lies behind the end")
            break
        name, chars, created, serial, _, _, _, folders = struct.unpack_from("<IIQIIIII", raw, start)
        device = wide(raw[at + name : at + name + 2 * min(chars, 512)])
        found.append(Volume(device, created, f"{serial:08X}", folders))
    if count > _MOST_VOLUMES:
        damage.append(f"{count} volumes announced")
    return tuple(found)


def drive_path(device_path: str, host: HostFacts) -> str:
    r"""`\VOLUME{…-serial}\WINDOWS\X` with the drive that has this serial; unchanged where none is known."""
    match = _SERIAL.match(device_path)
    for volume in host.volumes if match else ():
        if match and volume.serial[-8:].upper() == match[1].upper() and volume.letter:
            return volume.letter + device_path[match.end() :]
    return device_path


def _decode(raw: bytes, part: Part, job: Job) -> Iterator[Said | Issue]:
    plain, wrong = unpack(raw) if raw[:3] == b"MAM" else (raw, "")
    if wrong and len(plain) < _LEAST:
        raise Damage("this packed prefetch file cannot be unpacked", "", wrong)
    found = read(plain)
    yield from _issues(found, part, job.source.path, len(plain), wrong)
    path = next((f for f in found.files if f.rpartition("\\")[2].startswith(found.executable)), None)
    program = drive_path(path, job.host) if path else None
    base: dict[str, Value] = {
        "version": found.version,
        "executable": found.executable,
        "hash": found.hash,
        "run_count": found.run_count,
        "path": path,
        "record_sha256": digest(raw),
    }
    pivots = {"process": program or found.executable, "file_path": program}
    yield from _runs(found, base, pivots)
    yield _program(found, base, pivots)
    for volume in found.volumes:
        yield _volume(volume, found, base)


def _issues(found: Prefetch, part: Part, path: str, size: int, wrong: str) -> Iterator[Issue]:
    if wrong:
        yield Issue(grade="damaged", what="packed prefetch file is damaged", offset=0, length=part.length, found=wrong)
    for text in found.damage:
        yield Issue(
            grade="damaged", what=f"a part of the prefetch file is damaged: {text}", offset=0, length=part.length
        )
    if found.announced_size != size:
        what = "prefetch file does not have the size its head says"
        yield odd(what, part, str(found.announced_size), str(size))
    named = _FILE.search(path)
    if named and (named["hash"].upper(), named["exe"].upper()) != (found.hash, found.executable.upper()):
        yield odd("prefetch file has another name inside", part, named[0][1:], f"{found.executable}-{found.hash}")
    for ticks in found.runs:
        if filetime_ns(ticks) is None:
            yield odd("a last run is no time", part, "a FILETIME", filetime_text(ticks))


def _runs(found: Prefetch, base: dict[str, Value], pivots: dict[str, str | None]) -> Iterator[Said]:
    for number, ticks in enumerate(found.runs):
        yield Said(
            when=filetime_moment(ticks, "last" if not number else "start"),
            act="ran",
            kind=RUN,
            subject=f"{found.executable} ran ({'last' if not number else f'{number + 1}. last'} of {found.run_count})",
            data={**base, "run": number + 1},
            pivots=pivots,
            locator=f"run {number + 1}",
        )


def _program(found: Prefetch, base: dict[str, Value], pivots: dict[str, str | None]) -> Said:
    return Said(
        when=Moment(None, 0, "", ""),
        act="loaded",
        kind=PROGRAM,
        subject=f"{found.executable} ran {found.run_count} times and loaded {len(found.files)} files",
        data={**base, "files": list(found.files), "devices": [v.device for v in found.volumes]},
        pivots=pivots,
    )


def _volume(volume: Volume, found: Prefetch, base: dict[str, Value]) -> Said:
    names = ("executable", "hash", "record_sha256")
    told: dict[str, Value] = {"device": volume.device, "serial": volume.serial, "folders": volume.folders}
    return Said(
        when=filetime_moment(volume.created),
        act="created",
        kind=VOLUME,
        subject=f"volume {volume.device} (serial {volume.serial}) that {found.executable} used was made",
        data={**told, **{name: base[name] for name in names}},
        locator=f"volume {volume.serial}",
    )


def parse(job: Job) -> Iterator[ParserOutput]:
    """One event for each run time kept, one for the program, one for each volume; the file is the one record."""
    yield from tell(job, whole, _decode, 16 << 20)


def recognises(head: bytes, path: str) -> bool:
    """SCCA at byte 4, MAM in a file so named, or the name alone when its head is damaged."""
    named = path.lower().endswith(".pf")
    return head[4:8] == b"SCCA" or (named and (head[:3] == b"MAM" or _FILE.search(path) is not None) and bool(head))


_COMMON = {
    "version": "17 XP, 23 Vista and 7, 26 8.1, 30 and 31 Windows 10 and 11",
    "executable": "name of the program, at most 29 characters",
    "hash": "of its path (and for some programs its command line), as in the file's name",
    "run_count": "how often it ran",
    "path": "the program among the files it loaded",
    "record_sha256": "SHA-256 of the file: the bytes that no other field shows are held to it",
}
_KINDS = (
    Kind(name=RUN, fields={**_COMMON, "run": "1 for the latest of the up to eight times kept"}),
    Kind(name=PROGRAM, fields={**_COMMON, "files": "files it loaded", "devices": "volumes they lie on"}),
    Kind(
        name=VOLUME,
        fields={
            **{name: _COMMON[name] for name in ("executable", "hash", "record_sha256")},
            "device": "name of the volume's device",
            "serial": "serial number of the volume",
            "folders": "how many of its folders were used",
        },
    ),
)

PARSER = Parser(
    name="windows.prefetch",
    version=1,
    definitions=("AmcacheAndPrefetch",),
    yields=_KINDS,
    recognises=recognises,
    parse=parse,
)
