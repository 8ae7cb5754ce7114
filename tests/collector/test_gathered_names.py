"""Names of zip entries in the encodings that tools write: a file must lie in the folder it lay in."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

import pytest

from tests.collector import gathering as g
from tests.collector.test_gathered import PAGE, only

FOLDER = "C/inetpub/wwwroot/aspnet_client"


def names(path: Path) -> list[str]:
    with only(path) as volume:
        return [volume.tree.path(e) for e in volume.tree.files]


def raw_named(path: Path, name: bytes) -> Path:
    """An archive whose entry has these bytes for a name and no flag that says what they are."""
    stand_in = f"{FOLDER}/{'Q' * len(name)}.aspx"
    g.as_zip({stand_in: PAGE}, path)
    path.write_bytes(path.read_bytes().replace(b"Q" * len(name), name))
    return path


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("Größe".encode(), "Größe"),
        ("Prüfung".encode("cp437"), "Prüfung"),
        ("表示".encode("cp932"), "表示"),
        ("表示/ソース".encode("cp932"), "表示\\ソース"),
    ],
    ids=["UTF-8 unflagged", "DOS", "Japanese with a backslash byte", "and a folder"],
)
def test_a_name_without_its_flag_is_read(raw: bytes, text: str, tmp_path: Path) -> None:
    """Half a Japanese character was a folder."""
    assert names(raw_named(tmp_path / "n.zip", raw)) == [f"\\inetpub\\wwwroot\\aspnet_client\\{text}.aspx"]


def test_backslashes_that_part_a_name_still_do(tmp_path: Path) -> None:
    path = raw_named(tmp_path / "b.zip", "Grün\\ß".encode("cp437"))
    assert names(path) == ["\\inetpub\\wwwroot\\aspnet_client\\Grün\\ß.aspx"]


@pytest.mark.parametrize("fits", [True, False])
def test_the_name_in_utf8_beside_the_entry_counts_where_it_is_of_that_name(fits: bool, tmp_path: Path) -> None:
    said, wide = f"{FOLDER}/Gr??e.aspx".encode(), f"{FOLDER}/Größe.aspx".encode()
    info = zipfile.ZipInfo(said.decode(), (2021, 3, 3, 6, 0, 0))
    info.extra = struct.pack("<HHBI", 0x7075, 5 + len(wide), 1, zlib.crc32(said) ^ (not fits)) + wide
    path = tmp_path / "u.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, PAGE)
    assert names(path)[0].rpartition("\\")[2] == ("Größe.aspx" if fits else "Gr??e.aspx")
