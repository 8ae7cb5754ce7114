"""Who reads what: a memory dump or a page is recognised wherever it was collected from."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from shellcase.case import Case, CaseMeta
from shellcase.model import Item
from shellcase.parsing import claims

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
