"""What the evidence says of its own machine, read from hives and configuration inside the image.

Everything is optional: a missing or broken hive leaves its facts empty and a note that says so.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from collector import letters, places
from collector.environment import expand, normal
from collector.hives import Hive
from collector.iisconfig import read_sites
from collector.image import Image
from collector.survey import VolumeTree, lettered
from collector.timezone import read_zone
from shellcase.model import ExchangeInstall, HostFacts, IisSite

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


def read_host_facts(image: Image, volumes: Sequence[VolumeTree]) -> HostFacts:
    """Facts of the machine whose Windows lies on one of the volumes; only volumes and notes when there is none."""
    host = _told(image, volumes)
    return places.complete(host, lettered(volumes, host.volumes))


def _told(image: Image, volumes: Sequence[VolumeTree]) -> HostFacts:
    """What hives and configuration tell."""
    homes = [v for v in volumes if v.tree.find(_CONFIG + "SYSTEM")] or [
        v for v in volumes if v.tree.find(_CONFIG + "SOFTWARE") or v.tree.find(_IIS_CONFIG)
    ]
    notes = [f"volume at byte {h.volume.offset}: {h.why}" for h in image.volumes if h.why]
    notes += [_shadows(v) for v in volumes if _shadows(v)]
    if not homes:
        named = letters.assign(image, volumes, Hive("SYSTEM", None), "", ())
        return HostFacts(volumes=named, notes=(*notes, r"no volume holds \Windows\System32\config\SYSTEM"))
    if len(homes) > 1:
        notes.append(f"{len(homes)} volumes hold a SYSTEM hive; facts are those of {homes[0].volume.key}")
    return _facts(image, volumes, homes[0], notes)


def _shadows(volume: VolumeTree) -> str:
    """A note on volume shadow copies, which are not read: their stores are files named by two GUIDs."""
    stores = [e for e in volume.tree.walk_folder("\\System Volume Information") if e.name.lower().endswith(_SHADOW)]
    count = sum(len(e.name) > len(_SHADOW) for e in stores)
    return f"volume at byte {volume.volume.offset}: {count} shadow copies, not read" if count else ""


def _facts(image: Image, volumes: Sequence[VolumeTree], home: VolumeTree, notes: list[str]) -> HostFacts:
    hives = _open_hives(home, notes)
    zone, how = read_zone(hives.system, hives.software, hives.control)
    variables = _variables(hives)
    sites, more = _sites(home, variables)
    exchange = _exchange(hives.software) or places.named_elsewhere(variables, sites)
    version = _VERSION
    facts = HostFacts(
        name=_computer_name(hives),
        domain=hives.system.text(f"{hives.control}\\Services\\Tcpip\\Parameters", "Domain"),
        os=hives.software.text(version, "ProductName"),
        os_build=_build(hives.software),
        machine_guid=hives.software.text("Microsoft\\Cryptography", "MachineGuid"),
        machine_sid=_machine_sid(hives.sam),
        control_set=hives.control,
        zone=zone,
        volumes=letters.assign(
            image, volumes, hives.system, variables.get("systemroot", ""), _configured(exchange, sites)
        ),
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
    return _with_notes(facts, [*notes, f"time zone: {how}", *more, *problems])


def _with_notes(facts: HostFacts, notes: list[str]) -> HostFacts:
    from msgspec.structs import replace

    return replace(facts, notes=tuple(dict.fromkeys(notes)))


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
