"""A small Windows machine: hives, an IIS configuration and a relocated Exchange, on an MBR disk of two volumes."""

from __future__ import annotations

import struct

from fixtures.formats.regf import Key, Val, write_hive
from fixtures.plan import Create, Delete, DiskPlan, Step, VolumePlan

SECOND = 10**9
BORN = 1_612_137_600 * SECOND
SIGNATURE = 0xA1B2C3D4
FIRST_PARTITION = 1 << 20
EUROPE = struct.pack("<3i", -60, 0, -60) + struct.pack("<16H", 0, 10, 0, 5, 3, 0, 0, 0, 0, 3, 0, 5, 2, 0, 0, 0)
NO_SUMMER = struct.pack("<3i", -60, 0, -60) + bytes(32)
_VERSION = r"Microsoft\Windows NT\CurrentVersion"
_CONFIG = rb"""<?xml version="1.0"?><configuration><system.applicationHost><sites>
<siteDefaults><logFile directory="%WebLogs%" /></siteDefaults>
<site name="Default Web Site" id="1"><application path="/"><virtualDirectory path="/" physicalPath="X:\www" />
</application><application path="/owa"><virtualDirectory path="/" physicalPath="X:\Ex\FrontEnd\owa" /></application>
</site></sites></system.applicationHost></configuration>"""


def _put(root: Key, path: str, *values: Val) -> None:
    root.sub(path).values.extend(values)


def system() -> bytes:
    """The second control set is the current one; only C: is in MountedDevices."""
    root = Key(name="ROOT", written_ns=BORN)
    _put(root, "Select", Val("Current", 4, 2))
    control = "ControlSet002"
    _put(root, rf"{control}\Control\ComputerName\ComputerName", Val("ComputerName", 1, "MAIL7"))
    _put(root, rf"{control}\Services\Tcpip\Parameters", Val("Domain", 1, "corp.example"))
    zone = Val("TimeZoneKeyName", 1, "W. Europe Standard Time")
    _put(root, rf"{control}\Control\TimeZoneInformation", zone, Val("DynamicDaylightTimeDisabled", 4, 0))
    identity = struct.pack("<IQ", SIGNATURE, FIRST_PARTITION)
    _put(root, "MountedDevices", Val(r"\DosDevices\C:", 3, identity))
    _put(root, rf"{control}\Control\Session Manager\Environment", Val("WebLogs", 2, r"X:\weblogs"))
    _put(root, rf"{control}\Services\EventLog\Security", Val("File", 2, r"X:\ev\Security.evtx"))
    _put(root, r"ControlSet001\Control\ComputerName\ComputerName", Val("ComputerName", 1, "OLDNAME"))
    return write_hive(root, file_name="SYSTEM", written_ns=BORN)


def software() -> bytes:
    """Exchange lies on a drive that no MountedDevices entry explains."""
    root = Key(name="ROOT", written_ns=BORN)
    _put(root, _VERSION, Val("ProductName", 1, "Windows Server 2016 Standard"), Val("SystemRoot", 1, r"C:\Windows"))
    setup = [Val("MsiInstallPath", 1, "X:\\Ex\\"), Val("MsiProductMajor", 4, 15), Val("MsiProductMinor", 4, 1)]
    _put(root, r"Microsoft\ExchangeServer\v15\Setup", *setup, Val("MsiBuildMajor", 4, 2044), Val("MsiBuildMinor", 4, 4))
    zone = rf"{_VERSION}\Time Zones\W. Europe Standard Time"
    _put(root, zone, Val("TZI", 3, EUROPE))
    _put(root, rf"{zone}\Dynamic DST", Val("FirstEntry", 4, 2019), Val("2019", 3, NO_SUMMER), Val("2020", 3, EUROPE))
    return write_hive(root, file_name="SOFTWARE", written_ns=BORN)


def plan() -> DiskPlan:
    """C: with Windows, and a data volume that must be recognised by what lies on it."""
    config = r"\Windows\System32\config"
    made = {
        "C": {
            rf"{config}\SYSTEM": system(),
            rf"{config}\SOFTWARE": software(),
            r"\Windows\System32\inetsrv\config\applicationHost.config": _CONFIG,
        },
        "D": {
            r"\Ex\FrontEnd\owa\logon.aspx": b"<%@ Page %>",
            r"\Ex\Logging\ECP\Server\ECPServer20210303-1.LOG": b"#Software: x\r\n",
            r"\weblogs\W3SVC1\u_ex210303.log": b"#Software: IIS\r\n",
            r"\ev\Security.evtx": b"ElfFile\0" + bytes(100),
            r"\ev\Archive-Security-1.evtx": b"ElfFile\0" + bytes(200),
            r"\www\keep.txt": b"kept",
            r"\www\reused.zip": b"PK\x03\x04" + bytes(70_000),
        },
    }
    steps: list[Step] = [
        Create(t=BORN + (n + 1) * SECOND, volume=volume, path=path, data=data)
        for n, (volume, path, data) in enumerate((v, p, d) for v, files in made.items() for p, d in files.items())
    ]
    steps.append(Delete(t=BORN + 50 * SECOND, volume="D", path=r"\www\reused.zip", keep=True))
    return DiskPlan(
        name="MAIL7",
        table="mbr",
        disk_guid="5f1a0e0e-7c53-4b3f-9a51-3d0c8ae1b001",
        disk_signature=SIGNATURE,
        partition_guids=("5f1a0e0e-7c53-4b3f-9a51-3d0c8ae1b0c1", "5f1a0e0e-7c53-4b3f-9a51-3d0c8ae1b0d2"),
        volumes=(
            VolumePlan(letter="C", label="System", size=16 << 20, serial=1, formatted=BORN, journal_from=None),
            VolumePlan(letter="D", label="Data", size=12 << 20, serial=2, formatted=BORN, journal_from=None),
        ),
        steps=tuple(steps),
        acquired=BORN + 100 * SECOND,
    )
