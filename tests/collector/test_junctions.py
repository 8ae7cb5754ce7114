"""Log folders that were moved to another place and replaced by a junction."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from fixtures.disk.raw import build_raw
from fixtures.formats.regf import Key, Val, write_hive
from fixtures.plan import Create, DiskPlan, Mkdir, VolumePlan
from shellcase.case import Case
from shellcase.run import ledger_alarms
from tests.conftest import make_case
from tests.tools import need_disk_builder

pytestmark = pytest.mark.real

BORN = 1_612_137_600 * 10**9
_V15 = r"\Program Files\Microsoft\Exchange Server\V15"
_ROWS = b"""#Software: Microsoft Exchange Server\r
#Log-type: HttpProxy Logs\r
#Fields: DateTime,RequestId,Protocol,UrlStem,ClientIpAddress,HttpStatus\r
2021-03-03T06:49:01.123Z,b351f224-2561-40b4-a405-7f44147fb483,Ecp,/ecp/y.js,198.51.100.1,241\r
"""


def _lead(raw: bytes, name: str, target: str) -> bytes:
    """The image with the folder of this name made a junction: what `mklink /J` adds, and nothing in $FILE_NAME."""
    data = bytearray(raw)
    records = (i for i in range(0, len(data), 1024) if data[i : i + 4] == b"FILE")
    at = [i for i in records if _named(data[i : i + 1024], name)][-1]  # the folder it lies in may name it too
    record = data[at : at + 1024]
    usa, count = struct.unpack_from("<HH", record, 4)
    for n in range(1, count):
        record[n * 512 - 2 : n * 512] = record[usa + 2 * n : usa + 2 * n + 2]
    there, shown = (f"{start}{target}".encode("utf-16-le") for start in ("\\??\\", ""))
    names = struct.pack("<4H", 0, len(there), len(there) + 2, len(shown)) + there + bytes(2) + shown + bytes(2)
    content = struct.pack("<IHH", 0xA0000003, len(names), 0) + names
    size = (24 + len(content) + 7) // 8 * 8
    attribute = struct.pack("<IIBBHHHIHH", 0xC0, size, 0, 0, 0, 0, 99, len(content), 24, 0) + content
    used = struct.unpack_from("<I", record, 24)[0]
    record[used - 8 : used - 8 + size] = attribute.ljust(size, b"\0")
    record[used - 8 + size : used + size] = b"\xff\xff\xff\xff" + bytes(4)
    struct.pack_into("<I", record, 24, used + size)
    for n in range(1, count):
        record[usa + 2 * n : usa + 2 * n + 2] = record[n * 512 - 2 : n * 512]
        record[n * 512 - 2 : n * 512] = record[usa : usa + 2]
    data[at : at + 1024] = record
    return bytes(data)


def _named(record: bytearray, name: str) -> bool:
    return bytes([len(name)]) + b"\1" + name.encode("utf-16-le") in record or (
        bytes([len(name)]) + b"\3" + name.encode("utf-16-le") in record
    )


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """One volume; Logging is still an ordinary folder, and the logs lie elsewhere."""
    need_disk_builder()
    made = {
        rf"{_V15}\FrontEnd\HttpProxy\owa\auth\a.htm": b"<html>",
        r"\ExLogs\HttpProxy\Ecp\HttpProxy_2021030306-1.LOG": _ROWS,
        r"\ExLogs\notes.txt": b"no log",
    }
    files = (Create(t=BORN, volume="C", path=path, data=data) for path, data in made.items())
    folder = tmp_path_factory.mktemp("junction")
    plan = DiskPlan(
        name="JUNCTION",
        table="mbr",
        disk_guid="",
        disk_signature=0xA1B2C3D4,
        partition_guids=(),
        volumes=(VolumePlan(letter="C", label="SYS", size=24 << 20, serial=1, formatted=BORN, journal_from=None),),
        steps=(Mkdir(t=BORN, volume="C", path=rf"{_V15}\Logging"), *files),
        acquired=BORN + 10**9,
    )
    return build_raw(plan, folder / "disk.raw", folder / "work").raw.read_bytes()


_GUID = "{5f1a0e0e-7c53-4b3f-9a51-3d0c8ae1b0d2}"
_IIS = rb"""<?xml version="1.0"?><configuration><system.applicationHost><sites>
<siteDefaults><logFile directory="C:\inetpub\logs\LogFiles" /></siteDefaults>
<site name="Default Web Site" id="1"><application path="/"><virtualDirectory path="/" physicalPath="C:\www" />
</application></site></sites></system.applicationHost></configuration>"""
_REQUEST = b"""#Software: Microsoft Internet Information Services 10.0\r
#Fields: date time cs-method cs-uri-stem sc-status\r
2021-03-03 06:49:01 POST /ecp/y.js 241\r
"""


def _system(offset: int) -> bytes:
    """A hive that knows C: by its letter and the other volume by its name alone, as `mountvol` leaves it."""
    root = Key(name="ROOT", written_ns=BORN)
    root.sub("Select").values.append(Val("Current", 4, 1))
    root.sub(r"ControlSet001\Control\ComputerName\ComputerName").values.append(Val("ComputerName", 1, "MAIL8"))
    first, other = (struct.pack("<IQ", 0xA1B2C3D4, at) for at in (1 << 20, offset))
    root.sub("MountedDevices").values += [Val(r"\DosDevices\C:", 3, first), Val(rf"\??\Volume{_GUID}", 3, other)]
    return write_hive(root, file_name="SYSTEM", written_ns=BORN)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Two volumes; the folder of the logs is still an ordinary one, and they lie on the volume without a letter."""
    need_disk_builder()
    made = {
        "C": {
            r"\Windows\System32\config\SYSTEM": _system((1 << 20) + (16 << 20)),
            r"\Windows\System32\inetsrv\config\applicationHost.config": _IIS,
        },
        "D": {r"\LogFiles\W3SVC1\u_ex210303.log": _REQUEST, r"\other.txt": b"no log"},
    }
    files = (Create(t=BORN, volume=v, path=p, data=d) for v, inside in made.items() for p, d in inside.items())
    folder = tmp_path_factory.mktemp("mounted")
    plan = DiskPlan(
        name="MAIL8",
        table="mbr",
        disk_guid="",
        disk_signature=0xA1B2C3D4,
        partition_guids=(),
        volumes=(
            VolumePlan(letter="C", label="SYS", size=16 << 20, serial=1, formatted=BORN, journal_from=None),
            VolumePlan(letter="D", label="LOGS", size=12 << 20, serial=2, formatted=BORN, journal_from=None),
        ),
        steps=(Mkdir(t=BORN, volume="C", path=r"\inetpub\logs"), *files),
        acquired=BORN + 10**9,
    )
    built = build_raw(plan, folder / "disk.raw", folder / "work")
    assert built.offsets["D"] == (1 << 20) + (16 << 20)
    return built.raw.read_bytes()


def test_logs_on_a_volume_that_is_mounted_on_a_folder_are_taken(two: bytes, tmp_path: Path) -> None:
    """Servers keep logs on volumes without a letter; the folder names the volume by the id in MountedDevices."""
    case, code, names = _run(_lead(two, "logs", f"Volume{_GUID.upper()}\\"), tmp_path)
    assert names == ["u_ex210303.log"]
    assert code == 0
    (link,) = [m.reason for m in case.not_collected() if m.path.endswith(r"inetpub\logs")]
    assert link.endswith("followed: 2 files wanted there")  # none of the file system's own, which lie beside them
    (log,) = [i for i in case.items() if i.cls == "log"]
    assert log.path == r"vol2\LogFiles\W3SVC1\u_ex210303.log"


def test_a_mounted_volume_that_is_not_there_is_an_alarm(disk: bytes, tmp_path: Path) -> None:
    """Its disk was not imaged, and the logs with it."""
    case, code, names = _run(_lead(disk, "Logging", f"Volume{_GUID}\\"), tmp_path)
    assert names == []
    assert code == 5
    assert any(f"Volume{_GUID}" in a and "not followed" in a for a in ledger_alarms(case))


def _run(raw: bytes, folder: Path) -> tuple[Case, int, list[str]]:
    image = folder / "disk.dd"
    image.write_bytes(raw)
    case, code = make_case(image, folder / "case", jobs=1)
    return case, code, [i.path.rpartition("\\")[2] for i in case.items() if i.cls == "log"]


def test_logs_behind_a_junction_are_taken_under_their_own_path(disk: bytes, tmp_path: Path) -> None:
    """They were left out without a word: the junction itself was not seen."""
    case, code, names = _run(_lead(disk, "Logging", r"C:\ExLogs"), tmp_path)
    assert names == ["HttpProxy_2021030306-1.LOG"]
    assert code == 0
    (link,) = [m.reason for m in case.not_collected() if m.path.endswith(r"V15\Logging")]
    assert link.endswith("followed: 1 file wanted there")


def test_a_junction_that_leads_out_of_the_evidence_is_an_alarm(disk: bytes, tmp_path: Path) -> None:
    """Where the other disk was not imaged, its logs are missing, and the run must not end as if they were not."""
    case, code, names = _run(_lead(disk, "Logging", r"E:\Elsewhere"), tmp_path)
    assert names == []
    assert code == 5
    (said,) = [a for a in ledger_alarms(case) if "Logging" in a]
    assert r"mount point to \??\E:\Elsewhere, not followed" in said
