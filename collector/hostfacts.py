"""What the evidence says of its own machine, read from hives and configuration inside the image.

Everything is optional: a missing or broken hive leaves its facts empty and a note that says so.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import structs

from collector import letters, places
from collector.environment import expand, normal
from collector.hives import Hive
from collector.iisconfig import read_sites
from collector.image import Image
from collector.survey import Place, VolumeTree, lettered
from collector.timezone import read_zone
from shellcase.model import ExchangeInstall, HostFacts, IisSite, Volume

_CONFIG = "\\Windows\\System32\\config\\"
_VERSION = "Microsoft\\Windows NT\\CurrentVersion"
_IIS_CONFIG = "\\Windows\\System32\\inetsrv\\config\\applicationHost.config"
_HIVE_LIMIT = 1 << 30
_SHADOW = "{3808876b-c176-4e48-b7ae-04046e6cc752}"
_XML_LIMIT = 64 << 20
_UNIX_1601 = 116_444_736_000_000_000


@dataclass(frozen=True, slots=True)
class _Hives:
    system: Hive
    software: Hive
    sam: Hive
    control: str


Named = dict[Place, Volume]
"""The live volumes of a machine's disks with their letters."""


def read_host_facts(image: Image, volumes: Sequence[VolumeTree]) -> HostFacts:
    """Facts of the machine on a single disk; only volumes and notes when there is none."""
    host, named = read_machine((image,), volumes)
    return structs.replace(host, volumes=tuple(named.values()))


def read_machine(
    images: Sequence[Image], volumes: Sequence[VolumeTree], known: HostFacts | None = None
) -> tuple[HostFacts, Named]:
    """Facts of the machine that these disks belong to, and its volumes. `known`: what is known of it already."""
    host, named = _told(images, volumes, known)
    return places.complete(host, lettered(volumes, named)), named


def homes_of(volumes: Sequence[VolumeTree]) -> list[VolumeTree]:
    """Live volumes that hold a Windows, else those with a piece of one that tells something."""
    live = [v for v in volumes if not v.snapshot]
    return [v for v in live if v.tree.find(_CONFIG + "SYSTEM")] or [
        v for v in live if v.tree.find(_CONFIG + "SOFTWARE") or v.tree.find(_IIS_CONFIG)
    ]


def _told(images: Sequence[Image], volumes: Sequence[VolumeTree], known: HostFacts | None) -> tuple[HostFacts, Named]:
    """What hives and configuration tell."""
    homes = homes_of(volumes)
    notes = [f"volume at byte {h.volume.offset}: {h.why}" for i in images for h in i.volumes if h.why]
    notes += [note for v in volumes if (note := _shadows(v, volumes))]
    if not homes and known is not None:
        return _borrowed(images, volumes, known, notes)
    if not homes:
        named = letters.assign(images, volumes, {}, "", ())
        return HostFacts(notes=(*notes, r"no volume holds \Windows\System32\config\SYSTEM")), named
    if len(homes) > 1:
        notes.append(f"{len(homes)} volumes hold a SYSTEM hive; facts are those of {homes[0].volume.key}")
    return _facts(images, volumes, homes[0], notes)


def _borrowed(
    images: Sequence[Image], volumes: Sequence[VolumeTree], known: HostFacts, notes: list[str]
) -> tuple[HostFacts, Named]:
    """A source without a Windows of its own beside one whose machine is known: facts and letters are that one's."""
    devices = {letter: bytes.fromhex(raw) for letter, raw in known.mounted}
    root = dict(known.environment).get("systemroot", "")
    named = letters.assign(images, volumes, devices, root, _configured(known.exchange, known.sites))
    said = f"no Windows on this source; facts are those of {known.name or 'the machine of the case'}"
    return structs.replace(known, notes=(*notes, said)), named


def _shadows(volume: VolumeTree, volumes: Sequence[VolumeTree]) -> str:
    """A note on shadow copies that were not read: their stores are files named by two GUIDs."""
    if volume.snapshot:
        return ""
    stores = [e for e in volume.tree.walk_folder("\\System Volume Information") if e.name.lower().endswith(_SHADOW)]
    count = sum(len(e.name) > len(_SHADOW) for e in stores)
    read = sum(v.place == volume.place and bool(v.snapshot) for v in volumes)
    return f"volume at byte {volume.volume.offset}: {count} shadow copies, {read} read" if count > read else ""


def _facts(
    images: Sequence[Image], volumes: Sequence[VolumeTree], home: VolumeTree, notes: list[str]
) -> tuple[HostFacts, Named]:
    hives = _open_hives(home, notes)
    zone, how = read_zone(hives.system, hives.software, hives.control)
    variables = _variables(hives)
    sites, more = _sites(home, variables)
    exchange = _exchange(hives.software) or places.named_elsewhere(variables, sites)
    version = _VERSION
    devices = letters.mounted(hives.system)
    named = letters.assign(images, volumes, devices, variables.get("systemroot", ""), _configured(exchange, sites))
    facts = HostFacts(
        name=_computer_name(hives),
        domain=hives.system.text(f"{hives.control}\\Services\\Tcpip\\Parameters", "Domain"),
        os=hives.software.text(version, "ProductName"),
        os_build=_build(hives.software),
        machine_guid=hives.software.text("Microsoft\\Cryptography", "MachineGuid"),
        machine_sid=_machine_sid(hives.sam),
        control_set=hives.control,
        zone=zone,
        mounted=tuple((letter, raw.hex()) for letter, raw in devices.items()),
        exchange=exchange,
        sites=sites,
        event_logs=_event_logs(hives, variables),
        environment=tuple(sorted(variables.items())),
        profiles=_profiles(hives.software, variables),
        install_ns=_installed(hives.software),
        shutdown_ns=_filetime(hives.system.raw(f"{hives.control}\\Control\\Windows", "ShutdownTime")),
        notes=(),
    )
    problems = [*hives.system.notes, *hives.software.notes, *hives.sam.notes]
    told = [*notes, f"time zone: {how}", *more, *problems]
    return structs.replace(facts, notes=tuple(dict.fromkeys(told))), named


def _open_hives(home: VolumeTree, notes: list[str]) -> _Hives:
    system, software, sam = (Hive(n, home.read(_CONFIG + n, _HIVE_LIMIT)) for n in ("SYSTEM", "SOFTWARE", "SAM"))
    current = system.number("Select", "Current")
    control = f"ControlSet{current:03d}" if current is not None and 0 < current < 1000 else ""
    if not control:
        sets = [k for k in system.subkeys("") if re.fullmatch(r"ControlSet\d{3}", k)]
        control = min(sets, default="ControlSet001")
        notes.append(f"SYSTEM Select names no control set; {control} is used")
    return _Hives(system, software, sam, control)


def _computer_name(hives: _Hives) -> str:
    base = f"{hives.control}\\Control\\ComputerName"
    active = hives.system.text(f"{base}\\ComputerName", "ComputerName")
    return active or hives.system.text(f"{hives.control}\\Services\\Tcpip\\Parameters", "Hostname")


def _build(software: Hive) -> str:
    build = software.text(_VERSION, "CurrentBuild") or software.text(_VERSION, "CurrentBuildNumber")
    revision = software.number(_VERSION, "UBR")
    return f"{build}.{revision}" if build and revision is not None else build


def _machine_sid(sam: Hive) -> str:
    r"""SAM\Domains\Account, value V: its last 12 bytes are the machine's part of the SID."""
    raw = sam.raw("SAM\\Domains\\Account", "V")
    return "S-1-5-21-{}-{}-{}".format(*struct.unpack("<3I", raw[-12:])) if len(raw) >= 12 else ""


def _variables(hives: _Hives) -> dict[str, str]:
    """Machine environment with names in lower case, and the variables Windows itself adds."""
    root = normal(hives.software.text(_VERSION, "SystemRoot")) or "C:\\Windows"
    base = "Microsoft\\Windows\\CurrentVersion"
    found = {
        "systemroot": root,
        "windir": root,
        "systemdrive": root[:2],
        "programdata": f"{root[:2]}\\ProgramData",
        "public": f"{root[:2]}\\Users\\Public",
        "programfiles": hives.software.text(base, "ProgramFilesDir") or f"{root[:2]}\\Program Files",
    }
    for name, value in hives.system.values(f"{hives.control}\\Control\\Session Manager\\Environment"):
        if isinstance(value, str) and name.lower() not in found:
            found[name.lower()] = value.split("\0")[0]
    return {k: expand(v, found) for k, v in found.items()}


def _exchange(software: Hive) -> tuple[ExchangeInstall, ...]:
    found = []
    for key in sorted(software.subkeys("Microsoft\\ExchangeServer")):
        base = f"Microsoft\\ExchangeServer\\{key}\\Setup"
        path = normal(software.text(base, "MsiInstallPath"))
        parts = [software.number(base, n) for n in _VERSION_PARTS]
        version = ".".join(str(p) for p in parts if p is not None)
        if path:
            found.append(ExchangeInstall(key=key, path=path + "\\", version=version))
    return tuple(found)


_VERSION_PARTS = ("MsiProductMajor", "MsiProductMinor", "MsiBuildMajor", "MsiBuildMinor")


def _sites(home: VolumeTree, variables: dict[str, str]) -> tuple[tuple[IisSite, ...], list[str]]:
    raw = home.read(_IIS_CONFIG, _XML_LIMIT)
    sites, notes = read_sites(raw, variables) if raw is not None else ((), ["applicationHost.config: not found"])
    for path in () if sites else _earlier_configs(home):
        earlier = read_sites(home.read(path, _XML_LIMIT) or b"", variables)[0]
        if earlier:
            return earlier, [*notes, f"sites are those of {path}"]
    return sites, notes


def _earlier_configs(home: VolumeTree) -> list[str]:
    """Copies of applicationHost.config that the web server's history keeps, the last first."""
    tree, base = home.tree, "\\inetpub\\history"
    folder = tree.find(base)
    names = sorted(tree.children(folder.record), reverse=True) if folder and folder.record in tree.folders else []
    found = (f"{base}\\{n}\\applicationHost.config" for n in names if n.startswith("cfghistory_"))
    return [path for path in found if tree.find(path)][:64]


def _configured(exchange: tuple[ExchangeInstall, ...], sites: tuple[IisSite, ...]) -> list[str]:
    """Paths the machine names, to recognise volumes by."""
    paths = [normal(e.path) for e in exchange]
    for site in sites:
        paths += [site.log_directory, *(p for _v, p in site.roots)]
    return list(dict.fromkeys(paths))


def _event_logs(hives: _Hives, variables: dict[str, str]) -> tuple[tuple[str, str], ...]:
    base = f"{hives.control}\\Services\\EventLog"
    found = ((k, hives.system.text(f"{base}\\{k}", "File")) for k in hives.system.subkeys(base))
    return tuple(sorted((k, normal(expand(f, variables))) for k, f in found if f))


def _profiles(software: Hive, variables: dict[str, str]) -> tuple[tuple[str, str], ...]:
    base = f"{_VERSION}\\ProfileList"
    found = ((sid, software.text(f"{base}\\{sid}", "ProfileImagePath")) for sid in software.subkeys(base))
    return tuple(sorted((sid, normal(expand(p, variables))) for sid, p in found if p))


def _filetime(raw: bytes) -> int | None:
    value = struct.unpack("<Q", raw[:8])[0] if len(raw) >= 8 else 0
    return (value - _UNIX_1601) * 100 if value else None


def _installed(software: Hive) -> int | None:
    exact = software.number(_VERSION, "InstallTime")
    if exact:
        return (exact - _UNIX_1601) * 100
    seconds = software.number(_VERSION, "InstallDate")
    return seconds * 10**9 if seconds else None
