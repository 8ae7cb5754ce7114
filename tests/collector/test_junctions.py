"""Log folders that were moved to another place and replaced by a junction."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from fixtures.disk.raw import build_raw
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
    at = next(i for i in range(0, len(data), 1024) if data[i : i + 4] == b"FILE" and _named(data[i : i + 1024], name))
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
