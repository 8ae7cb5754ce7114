"""A loose $MFT and the journal of its volume find each other by their records, whatever they are called."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from collector.collect import Plan, collect
from collector.image import open_source
from shellcase.case import Case
from shellcase.model import Item
from tests.collector import gathering as g
from tests.collector.fakes import MemoryCase

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def volumes(ex01: Case) -> dict[str, tuple[bytes, bytes]]:
    """$MFT and $J of each volume of the demonstration disk."""
    found: dict[str, dict[str, bytes]] = {}
    for item, data in g.machine_files(ex01):
        if item.path.endswith("\\$MFT") or item.stream == "$J":
            found.setdefault(item.volume, {})[item.stream or "$MFT"] = data
    return {v: (f["$MFT"], f["$J"]) for v, f in found.items() if len(f) == 2}


def taken(files: g.Files, folder: Path) -> tuple[dict[str, Item], tuple[str, ...]]:
    """Items by SHA-256, and what is said of the source."""
    case = MemoryCase()
    with closing(open_source(g.as_folder(files, folder))) as image:
        collect(image, case, Plan())
        return {case.bytes_of(i).hex()[:64] + str(i.size): i for i in case.items}, image.problems


def of(items: dict[str, Item], data: bytes) -> Item:
    """The item with these bytes."""
    return items[data.hex()[:64] + str(len(data))]


@pytest.mark.parametrize("name", ["C_MFT", "$MFT.bin", "MFT", "x/mft.dat"])
@pytest.mark.parametrize("journal", ["C_$J", "$J", "x/usn.bin"])
def test_a_mft_under_any_name_is_the_journal_s_companion(
    name: str, journal: str, volumes: dict[str, tuple[bytes, bytes]], tmp_path: Path
) -> None:
    """Both lie where a volume has them, so the journal's folders are known."""
    mft, usn = volumes["C:"]
    items, said = taken({name: mft, journal: usn, "notes.aspx": b"<%@ Page %>"}, tmp_path / "l")
    one, other = of(items, mft), of(items, usn)
    assert one.volume == other.volume
    assert (one.path, other.path, other.stream) == (
        f"{one.volume}\\$MFT", f"{one.volume}\\$Extend\\$UsnJrnl", "$J"
    )  # fmt: skip
    assert any(p.startswith(f"{name} and {journal}: $MFT and change journal of one volume") for p in said)


def test_each_journal_gets_its_own_mft(volumes: dict[str, tuple[bytes, bytes]], tmp_path: Path) -> None:
    """Two disks' worth in one folder under misleading names: the records decide."""
    if len(volumes) < 2:
        pytest.skip("the demonstration disk has one volume with a journal")
    (mft1, usn1), (mft2, usn2) = list(volumes.values())[:2]
    items, _said = taken({"a_MFT": mft1, "b_MFT": mft2, "b_J": usn1, "a_J": usn2}, tmp_path / "l")
    assert of(items, mft1).volume == of(items, usn1).volume
    assert of(items, mft2).volume == of(items, usn2).volume
    assert of(items, mft1).volume != of(items, mft2).volume


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (lambda c: {"one_MFT": c[0], "two_MFT": c[0] + bytes(1024), "J": c[1]}, "is not clear, read without"),
        (lambda c: {"MFT": b"FILE" + bytes(4092), "J": c[1]}, "no $MFT among the loose files has the records"),
    ],
)
def test_what_is_not_clear_is_said_and_not_guessed(
    files: Callable[[tuple[bytes, bytes]], g.Files],
    words: str,
    volumes: dict[str, tuple[bytes, bytes]],
    tmp_path: Path,
) -> None:
    """Two copies of a $MFT, or one of another volume: the journal is read without."""
    given = {("J.bin" if n == "J" else n): d for n, d in files(volumes["C:"]).items()}
    items, said = taken(given, tmp_path / "l")
    assert of(items, volumes["C:"][1]).path == "vol1\\J.bin"
    assert any(p.startswith("J.bin: ") and words in p for p in said)
