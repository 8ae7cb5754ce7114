"""Who reads what: a memory dump or a page is recognised wherever it was collected from."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from shellcase.case import Case, CaseMeta
from shellcase.model import Item
from shellcase.parsing import claims
from shellcase.planning import unread

_DUMP = (
    struct.pack("<4sIIIIIQ", b"MDMP", 0xA793, 1, 32, 0, 1_614_754_182, 2) + struct.pack("<III", 4, 4, 64) + bytes(60)
)


@pytest.mark.parametrize(
    ("definition", "path", "content", "parser"),
    [
        ("WebRoots", r"C:\inetpub\wwwroot\aspnet_client\logo.gif", _DUMP, "memory.dump"),
        ("ExchangeWebFolders", r"D:\Ex\FrontEnd\HttpProxy\owa\auth\logo.gif", _DUMP, "memory.dump"),
        ("DroppedScripts", r"C:\Windows\Temp\notes.txt", _DUMP, "memory.dump"),
        ("DroppedScripts", r"C:\ProgramData\a.aspx", b"<%@ Page %>", "web.page"),
    ],
)
def test_what_lies_in_disguise_is_still_read(
    definition: str, path: str, content: bytes, parser: str, tmp_path: Path
) -> None:
    """A dump of lsass under the name of a picture in a web root is what an intruder would fetch by a browser."""
    case = Case.create(tmp_path / "case", CaseMeta())
    stored = case.put([content], "other")
    case.flush()
    item = Item(
        item="ITEM-000001",
        source="SRC-01",
        artifact_id="0" * 16,
        volume="C:",
        path=path,
        path_b64="",
        definitions=(definition,),
        cls="other",
        size=stored.size,
        md5=stored.md5,
        sha1=stored.sha1,
        sha256=stored.sha256,
        object=stored.object,
        stored_as=stored.stored_as,
    )
    assert parser in {p.name for p in claims(item, case.evidence)}


def _collected(case: Case, number: int, path: str, content: bytes) -> None:
    stored = case.put([content], "hive")
    case.collected(
        Item(
            item=f"ITEM-{number:06}",
            source="SRC-01",
            artifact_id=f"{number:016x}",
            volume="C:",
            path=path,
            path_b64="",
            definitions=("WindowsRegistryHives",),
            cls="hive",
            size=stored.size,
            md5=stored.md5,
            sha1=stored.sha1,
            sha256=stored.sha256,
            object=stored.object,
            stored_as=stored.stored_as,
        )
    )


def test_the_log_of_a_hive_is_no_file_that_nobody_reads(tmp_path: Path) -> None:
    """It is replayed into its hive; a log whose hive is not there is read by nobody, and that is told."""
    case = Case.create(tmp_path / "case", CaseMeta())
    log = struct.pack("<4sIIQIII", b"regf", 9, 9, 0, 1, 6, 6).ljust(512, b"\0")
    _collected(case, 1, r"C:\x\SYSTEM", b"regf" + bytes(4092))
    _collected(case, 2, r"C:\x\system.LOG1", log)
    _collected(case, 3, r"C:\y\SYSTEM.LOG1", log + b"y")
    case.finish_collection()
    assert [i.path for i in unread(case, {"hive"})] == [r"C:\y\SYSTEM.LOG1"]
