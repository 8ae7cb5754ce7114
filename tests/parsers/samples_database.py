"""Sound databases for the contract test: real ones beside the checkout."""

from __future__ import annotations

from collections.abc import Callable

from tests.parsers import queues
from tests.parsers.stub import corpora


def _corpus(path: str) -> Callable[[], bytes]:
    def read() -> bytes:
        file = corpora() / path
        return file.read_bytes() if file.is_file() else b""

    return read


SAMPLES: dict[str, tuple[tuple[str, Callable[[], bytes]], ...]] = {
    "windows.bits": (("C:\\ProgramData\\Microsoft\\Network\\Downloader\\qmgr0.dat", queues.bits),),
    "windows.wmi": (("C:\\Windows\\System32\\wbem\\Repository\\OBJECTS.DATA", queues.wmi),),
    "windows.srum": (("C:\\Windows\\System32\\sru\\SRUDB.dat", _corpus("go-ese/testdata/SRUM/SRUDB.dat")),),
    "windows.ual": (
        ("C:\\Windows\\System32\\LogFiles\\SUM\\SystemIdentity.mdb", _corpus("plaso/test_data/SystemIdentity.mdb")),
    ),
}
